"""Accepting connections, whatever the system has run out of: never spinning, and never deaf."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
from collections.abc import Callable
from typing import Any, Final

from kinfolk.errors import LimitExceeded
from kinfolk.server.refusing import RefusalLog, Refuser
from kinfolk.server.resting import Resting
from kinfolk.signals import PIECE
from kinfolk.sockets import peer_name

__all__ = ["Acceptor"]

# What accept() says when there is no room for one more connection: in this process, in the system.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE: Final = 0.5
_NO_ROOM: Final = "the server has no room for a connection"


class Acceptor:
    """Accepts connections in one thread, until it is told to stop.

    Args:
        listening: The listening socket; it does not block.
        woken: Can be read when there is something new: it is to stop, or there may be room again.
        begin: Serves a connection, given with its address. Raises `RuntimeError` if the system has
            no thread for it.
        farewell: Returns the bytes that tell a newcomer why there is no room for it.
        resting: The connections that have no thread at the moment.
        log: Where to say who was refused.
    """

    def __init__(
        self,
        listening: socket.socket,
        woken: socket.socket,
        begin: Callable[[socket.socket, Any], object],
        farewell: Callable[[LimitExceeded], bytes],
        resting: Resting,
        log: RefusalLog,
    ) -> None:
        self._listening = listening
        self._woken = woken
        self._begin = begin
        self._farewell = farewell
        self._resting = resting
        self._log = log

    def run(self, stopping: Callable[[], bool]) -> None:
        """Accept connections until `stopping()`, asked anew whenever it is woken."""
        with (
            selectors.DefaultSelector() as selector,
            Refuser(selector, self._farewell) as refuser,
        ):
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(self._listening, selectors.EVENT_READ)
            while not stopping():
                ready = self._select(selector, refuser, refuser.patience)
                if self._listening in ready and not self._accept(refuser):
                    # Asking again at once would get the same answer, over and over.
                    selector.unregister(self._listening)
                    self._select(selector, refuser, _PAUSE)
                    selector.register(self._listening, selectors.EVENT_READ)

    def _select(
        self, selector: selectors.BaseSelector, refuser: Refuser, timeout: float | None
    ) -> set[object]:
        piece = PIECE if timeout is None else min(timeout, PIECE)
        ready: set[object] = {key.fileobj for key, _ in selector.select(piece)}
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
        refuser.hear(ready)
        self._resting.look_after(selector, ready)
        return ready

    def _accept(self, refuser: Refuser) -> bool:
        """Accept a connection, to serve it or to refuse it; False if not even that is possible."""
        try:
            sock, address = self._listening.accept()
        except OSError as error:
            # Any other is the one connection's trouble: it went away while it waited.
            return error.errno not in _EXHAUSTED or self._accept_and_refuse(refuser, error)
        try:
            sock.setblocking(True)  # noqa: FBT003 - named so by the standard library
            self._begin(sock, address)
        except RuntimeError as error:
            self._refuse(refuser, sock, address, f"{_NO_ROOM}: {error}")
        return True

    def _accept_and_refuse(self, refuser: Refuser, error: OSError) -> bool:
        reason = f"{_NO_ROOM}: {error.strerror}"
        if refuser.make_room():
            try:
                self._refuse(refuser, *self._listening.accept(), reason)
            except OSError as again:
                # Another thread was faster, and took what had just become free.
                if again.errno in _EXHAUSTED:
                    self._log.note("A newcomer", reason)
                    return False
            return True
        self._log.note("A newcomer", reason)
        return False

    def _refuse(self, refuser: Refuser, sock: socket.socket, address: object, reason: str) -> None:
        self._log.note(peer_name(sock, address), reason)
        refuser.refuse(sock, reason)
