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
        self._waiting: deque[bytes | bytearray | memoryview] = deque()
        # Held by whoever sends, until nothing waits; all others leave their frames to that one.
        self._sending = threading.Lock()
        self._usable = True

    def send(self, frame: bytes | bytearray) -> bool:
        """Send a frame, or leave it to who sends already; return False if nobody can."""
        if not self._usable:
            return False
        self._waiting.append(frame)
        if threading.get_ident() == self._owner:
            self._send_all()
        else:
            self._send_some()
        return self._usable

    def _send_all(self) -> None:
        # Asked again after each release: what came just before it was left to the one releasing.
        while self._waiting and self._sending.acquire(blocking=False):
            self._flush()

    def _flush(self) -> None:
        """Send what waits, with the lock held, and release it."""
        try:
            while self._waiting:
                self._sock.sendall(self._waiting.popleft())
        except OSError as error:
            self._fail(error)
        finally:
            self._sending.release()

    def _send_some(self) -> None:
        while self._waiting and self._sending.acquire(blocking=False):
            if not self._flush_without_waiting():
                return

    def _flush_without_waiting(self) -> bool:
        """Send what the socket takes at once; if that is not all, leave the rest to a thread."""
        try:
            while self._waiting:
                frame = self._waiting.popleft()
                sent = self._take(frame)
                if sent < len(frame):
                    self._waiting.appendleft(memoryview(frame)[sent:])
                    self._leave()
                    return False
        except OSError as error:
            self._fail(error)
        self._sending.release()
        return True

    def _take(self, frame: bytes | bytearray | memoryview) -> int:
        try:
            return self._sock.send(frame, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def _leave(self) -> None:
        """Start a thread that sends what waits; the lock goes over to it."""
        thread = threading.Thread(target=self._finish, name="kinfolk-outbox", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads
            self._fail(error)
            self._sending.release()

    def _finish(self) -> None:
        self._flush()
        self._send_all()

    def _fail(self, error: Exception) -> None:
        _logger.debug("an answer could not be sent: %s", error)
        self._usable = False
        self._waiting.clear()
        self._broken()
