"""One crawler: logs in if nobody has, and crawls with the cookie that all of them share.

Start as many as you like, each by `python -m kinfolk.examples.login.crawler NAME WITNESS`, where
WITNESS is the socket of the witness that counts logins. It needs nothing but the generated module.
With `--doomed` it forks a child and then stops for good with the lock in its hands.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

from kinfolk.examples.login.manager import LoginManager

SITE = "qq"
LONG = 60  # seconds


def main(name: str, witness: str, *, doomed: bool = False) -> None:
    """Crawl once."""
    with LoginManager.open() as manager:
        cookies = manager.dict()
        say(name, "waits for the login lock")
        with manager.open_qq_login_lock():
            say(name, "has the lock")
            if doomed:
                die_slowly(name)
            cookie = cookies.get(SITE)
            if cookie is None:
                cookies[SITE] = cookie = log_in(name, witness)
        say(name, f"crawls with {cookie}")


def log_in(name: str, witness: str) -> str:
    """Log in at the site, which the witness stands for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as site:
        site.sendto(name.encode(), witness)
    say(name, "logged in")
    return f"cookie-of-{name}"


def die_slowly(name: str) -> None:
    """Leave a living child behind, then wait to be killed."""
    child = os.fork()
    if child == 0:
        signal.alarm(LONG)  # nobody else may ever end it
        signal.pause()
    say(name, f"forked {child}")
    signal.pause()


def say(name: str, event: str) -> None:
    """Tell whoever started this process what happens."""
    print(f"{name} {event}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], doomed="--doomed" in sys.argv[3:])
