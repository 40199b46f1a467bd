"""The site that crawlers log in at: it counts logins, and knows nothing of Kinfolk.

Start it by `python -m kinfolk.examples.login.witness SOCKET`; it says when it is ready, and prints
who logged in, a line each, once its standard input ends.
"""

from __future__ import annotations

import selectors
import socket
import sys

LONGEST_NAME = 100


def main(path: str) -> None:
    """Collect the names of those who log in, until standard input ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as site:
        site.bind(path)
        site.settimeout(0)
        print("ready", flush=True)
        names: list[str] = []
        while not _over(site):
            names += _waiting(site)
        names += _waiting(site)
    print(*names, sep="\n", flush=True)


def _over(site: socket.socket) -> bool:
    """Wait for logins or the end, and tell whether it is the end."""
    with selectors.DefaultSelector() as selector:
        selector.register(site, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        return any(key.fileobj is sys.stdin for key, _ in selector.select())


def _waiting(site: socket.socket) -> list[str]:
    """Take the names that have arrived."""
    names: list[str] = []
    while True:
        try:
            names.append(site.recv(LONGEST_NAME).decode())
        except BlockingIOError:
            return names


if __name__ == "__main__":
    main(sys.argv[1])
