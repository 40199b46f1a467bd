"""The way out of a connection: whole frames, from any thread, in the order they were given in.

A call that waited is answered by the thread that ended its wait, which serves another client. That
thread must never wait for this client to read, so what the socket does not take at once is left to
a thread of its own.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable

__all__ = ["Outbox"]

_logger = logging.getLogger("kinfolk.server")


class Outbox:
    """Sends frames over a blocking socket.

    Made by the connection's own thread, the only one that waits until the socket takes all.

    Args:
        sock: Where to send.
        broken: Called when the socket takes no more, by whichever thread found out.
    """

    def __init__(self, sock: socket.socket, broken: Callable[[], object]) -> None:
        self._sock = sock
        self._broken = broken
        self._owner = threading.get_ident()
        self._lock = threading.Lock()
        self._waiting: deque[bytes | bytearray] = deque()
        self._sending = False
        self._usable = True

    def send(self, frame: bytes | bytearray) -> bool:
        """Send a frame, or leave it to the thread that sends already; False if nobody can."""
        with self._lock:
            if not self._usable:
                return False
            if self._sending:
                self._waiting.append(frame)
                return True
            self._sending = True
        if threading.get_ident() == self._owner:
            self._send_all(frame)
        else:
            self._send_some(frame)
        return self._usable

    def _send_all(self, frame: bytes | bytearray | memoryview | None) -> None:
        try:
            while frame is not None:
                self._sock.sendall(frame)
                frame = self._next()
        except OSError as error:
            self._fail(error)

    def _send_some(self, frame: bytes | bytearray | None) -> None:
        try:
            while frame is not None:
                try:
                    sent = self._sock.send(frame, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    sent = 0
                if sent < len(frame):
                    self._leave(memoryview(frame)[sent:])
                    return
                frame = self._next()
        except OSError as error:
            self._fail(error)

    def _leave(self, rest: memoryview) -> None:
        thread = threading.Thread(
            target=self._send_all, args=(rest,), name="kinfolk-outbox", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads
            self._fail(error)

    def _next(self) -> bytes | bytearray | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._sending = False
            return None

    def _fail(self, error: Exception) -> None:
        _logger.debug("an answer could not be sent: %s", error)
        with self._lock:
            self._usable = False
            self._waiting.clear()
        self._broken()
