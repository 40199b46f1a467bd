"""Refusing newcomers when the system has no room for them: told in one line, and logged.

A server that is out of file descriptors cannot even accept a connection to refuse it, and the
newcomer would wait in the queue for nothing. So a few descriptors are held in reserve. One is given
up for the newcomer, who is told why, and it is taken again when the newcomer has left. Nobody is
waited for, and no thread is needed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Self

from kinfolk.deadlines import time_left
from kinfolk.errors import LimitExceeded
from kinfolk.sockets import close_in_children
from kinfolk.wire.greetings import AboutToEnd, one_line

__all__ = ["RefusalLog", "Refuser", "say_farewell"]

_RESERVE: Final = 8
_LINGER: Final = 1.0
_READ: Final = 64 * 2**10
_WINDOW: Final = 1.0
_LINES: Final = 10


class RefusalLog:
    """Logs who is refused; the same reason, however often it strikes, about once a second.

    Args:
        logger: Where to.
        clock: Tells the time, in seconds.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._begun = 0.0
        self._said: set[str] = set()
        self._unsaid = 0

    def note(self, who: str, reason: object) -> None:
        """Log it, or count it if enough has been said in this second."""
        text, unsaid = one_line(str(reason)), 0
        with self._lock:
            now = self._clock()
            if now - self._begun >= _WINDOW:
                self._begun = now
                self._said.clear()
                unsaid, self._unsaid = self._unsaid, 0
            # A reason can hold a peer's own words, and so be different each time.
            new = text not in self._said and len(self._said) < _LINES
            if new:
                self._said.add(text)
            else:
                self._unsaid += 1
        if unsaid:
            self._logger.warning("%d more were refused, for such reasons", unsaid)
        if new:
            level = logging.INFO if isinstance(reason, AboutToEnd) else logging.WARNING
            self._logger.log(level, "%s was refused: %s", who, text)


def say_farewell(sock: socket.socket, data: bytes, dismissed: Callable[[], object]) -> None:
    """Tell a client that is refused why, and hear it out for a moment.

    Closed with something unread, a TCP connection is reset, and the peer may lose what it was told.

    Args:
        sock: Its socket.
        data: What tells it.
        dismissed: Returns whether others need its place.
    """
    deadline = time.monotonic() + _LINGER
    with contextlib.suppress(OSError):
        sock.settimeout(_LINGER)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while not dismissed():
            sock.settimeout(time_left(deadline))
            if not sock.recv(_READ):
                break


class Refuser:
    """Tells newcomers that there is no room, for the one thread that accepts them.

    Each is told at once, and heard until it has left (see `say_farewell`). Nobody is heard for
    longer than a second, and only a few at a time.

    Args:
        selector: Where to register those that are heard; those of its events are for `hear`.
        farewell: Returns the bytes that tell a newcomer why there is no room for it.
    """

    def __init__(
        self, selector: selectors.BaseSelector, farewell: Callable[[LimitExceeded], bytes]
    ) -> None:
        self._selector = selector
        self._farewell = farewell
        self._reserve: list[int] = []
        # In the order of their deadlines.
        self._leaving: dict[socket.socket, float] = {}
        self._restock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in list(self._leaving):
            self._drop(sock)
        while self._reserve:
            os.close(self._reserve.pop())

    def make_room(self) -> bool:
        """Free a descriptor, with which somebody can be accepted, to be refused."""
        if self._reserve:
            os.close(self._reserve.pop())
            return True
        return self._drop_oldest()

    def refuse(self, sock: socket.socket, reason: str) -> None:
        """Tell a newcomer why it cannot stay, and see to its leaving."""
        sock.setblocking(False)  # noqa: FBT003 - named so by the standard library
        close_in_children(sock)
        try:
            sock.send(self._farewell(LimitExceeded(reason)))
            sock.shutdown(socket.SHUT_WR)
            self._selector.register(sock, selectors.EVENT_READ)
        except OSError:
            sock.close()
        else:
            self._leaving[sock] = time.monotonic() + _LINGER
        self._restock()

    def hear(self, ready: Iterable[object]) -> None:
        """Read on those that have something to say, and close what is over."""
        for sock in ready:
            if isinstance(sock, socket.socket) and sock in self._leaving:
                self._read(sock)
        now = time.monotonic()
        while self._leaving and next(iter(self._leaving.values())) <= now:
            self._drop_oldest()
        self._restock()

    @property
    def patience(self) -> float | None:
        """How many seconds may go by before `hear` has something to do; None for any number."""
        deadline = next(iter(self._leaving.values()), None)
        return None if deadline is None else max(deadline - time.monotonic(), 0.0)

    def _read(self, sock: socket.socket) -> None:
        try:
            over = not sock.recv(_READ)
        except BlockingIOError:
            over = False
        except OSError:
            over = True
        if over:
            self._drop(sock)

    def _drop_oldest(self) -> bool:
        for sock in self._leaving:
            self._drop(sock)
            return True
        return False

    def _drop(self, sock: socket.socket) -> None:
        del self._leaving[sock]
        self._selector.unregister(sock)
        sock.close()

    def _restock(self) -> None:
        while len(self._leaving) > _RESERVE:
            self._drop_oldest()
        with contextlib.suppress(OSError):  # others were faster; there will be another time
            while len(self._reserve) + len(self._leaving) < _RESERVE:
                self._reserve.append(os.open(os.devnull, os.O_RDONLY))
