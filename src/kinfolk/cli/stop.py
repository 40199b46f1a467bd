"""`kinfolk stop`."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from pathlib import Path
from typing import Final, Self

from kinfolk.addresses import UnixAddress
from kinfolk.cli.keys import find_key
from kinfolk.cli.servers import find_one
from kinfolk.errors import CallTimeout, ConnectionLost

__all__ = ["stop"]

_TIMEOUT: Final = 10.0
# For what a process still does once it serves no more; that may be a program of any length.
_MOMENT: Final = 1.0


def stop(target: str | None = None, /, *, authkey_file: Path | None = None) -> None:
    """End a server, and return when it is gone.

    Example: `kinfolk stop crawler.spec` ends the server of that spec. Its calls have a second to
    end, and what its objects hold is lost with it.

    Args:
        target: The server's spec, as in crawler.spec or crawler.spec:Crawl, or its address. May be
            left out if only one runs, or if KINFOLK_ADDRESS says which.
        authkey_file: A file with the key, for a server that asks for one; else KINFOLK_AUTHKEY.
    """
    found = find_one(target, find_key(authkey_file))
    pid = found.report.pid
    with contextlib.ExitStack() as stack:
        local = isinstance(found.address, UnixAddress)
        process = stack.enter_context(_Process(pid if local else 0))
        observer = stack.enter_context(found.observer(_TIMEOUT))
        with contextlib.suppress(ConnectionLost):  # it ended by itself meanwhile
            observer.stop()
        if not observer.wait():
            raise CallTimeout(
                f"{found.name} has not ended within {_TIMEOUT:g} s: end it with `kill -9 {pid}`",
                executed="yes",
            )
        process.wait(_MOMENT)
    print(f"stopped {found.name}, process {pid}, at {found.address}")


class _Process:
    """A process whose end can be waited for, on systems that have pidfds; `pid` 0 is none."""

    def __init__(self, pid: int) -> None:
        self._fd = -1
        if sys.platform == "linux" and pid:
            with contextlib.suppress(OSError):
                self._fd = os.pidfd_open(pid)

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, for so many seconds."""
        if self._fd >= 0:
            select.select([self._fd], [], [], seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
