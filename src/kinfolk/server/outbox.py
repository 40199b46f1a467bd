"""The way out of a connection: whole frames, from any thread, in the order they were given in.

A call that waited is answered by the thread that ended its wait, which serves another client. That
thread must never wait for this client to read, so what the socket does not take at once is left to
a thread of its own. What waits meanwhile costs memory, so there is a limit to it.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable

from kinfolk.errors import LimitExceeded

__all__ = ["Outbox"]


class Outbox:
    """Sends frames over a blocking socket.

    Made by the connection's own thread, the only one that waits until the socket takes all.

    Args:
        sock: Where to send.
        broken: Called with the reason when the socket takes no more, by whichever thread found out.
        limit: How many bytes may wait behind the frame that is being sent and the next one.
    """

    def __init__(
        self, sock: socket.socket, broken: Callable[[Exception], object], limit: int
    ) -> None:
        self._sock = sock
        self._broken = broken
        self._limit = limit
        self._owner: int | None = threading.get_ident()
        self._waiting: deque[bytes | bytearray] = deque()
        self._unsent = 0  # bytes that wait
        self._counting = threading.Lock()
        # Held by whoever sends, until nothing waits; all others leave their frames to that one.
        self._sending = threading.Lock()
        self._usable = True
        # The frames that were not sent, by `id`, once it is not usable any more.
        self._lost: set[int] = set()

    def rest(self) -> None:
        """Note that the connection has no thread of its own for a while."""
        self._owner = None

    def go_on(self) -> None:
        """Note that the connection's own thread is this one now."""
        self._owner = threading.get_ident()

    def send(self, frame: bytes | bytearray) -> bool:
        """Send a frame, or leave it to who sends already; return False if nobody can.

        It may have been sent though later ones cannot be, and then it has arrived.
        """
        own = threading.get_ident() == self._owner
        # Nearly every answer, so without being counted first.
        if own and self._usable and not self._waiting and self._sending.acquire(blocking=False):
            try:
                self._sock.sendall(frame)
            except OSError as error:
                self._fail(error, frame)
            finally:
                self._sending.release()
            if self._waiting:
                self._send_all()
            return self._usable or id(frame) not in self._lost
        with self._counting:
            if not self._usable:
                return False
            self._waiting.append(frame)
            self._unsent += len(frame)
        if own:
            self._send_all()
        else:
            self._send_some()
        behind = self._behind()
        if behind > self._limit:
            text = f"it leaves {behind} bytes of answers unread (limit {self._limit})"
            self._fail(LimitExceeded(text))
        return self._usable or id(frame) not in self._lost

    def _behind(self) -> int:
        # The next frame does not count: it may be about to be sent, and have any length.
        with self._counting:
            return self._unsent - len(self._waiting[0]) if self._waiting else 0

    def _next(self) -> bytes | bytearray | None:
        """Take the first frame that waits, if any; only who has the lock for sending may."""
        with self._counting:
            if not self._waiting:
                return None
            frame = self._waiting.popleft()
            self._unsent -= len(frame)
        return frame

    def _send_all(self) -> None:
        # Asked again after each release: what came just before it was left to the one releasing.
        while self._waiting and self._sending.acquire(blocking=False):
            self._flush()

    def _flush(self, begun: memoryview | None = None) -> None:
        """Send what was begun and what waits, with the lock held, and release it."""
        frame = self._next() if begun is None else begun
        try:
            while frame is not None:
                self._sock.sendall(frame)
                frame = self._next() if self._waiting else None
        except OSError as error:
            self._fail(error, frame)
        finally:
            self._sending.release()

    def _send_some(self) -> None:
        while self._waiting and self._sending.acquire(blocking=False):
            if not self._flush_without_waiting():
                return

    def _flush_without_waiting(self) -> bool:
        """Send what the socket takes at once; if that is not all, leave the rest to a thread."""
        frame = self._next()
        try:
            while frame is not None:
                sent = self._take(frame)
                if sent < len(frame):
                    self._leave(frame, sent)
                    return False
                frame = self._next()
        except OSError as error:
            self._fail(error, frame)
        self._sending.release()
        return True

    def _take(self, frame: bytes | bytearray) -> int:
        try:
            return self._sock.send(frame, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def _leave(self, frame: bytes | bytearray, sent: int) -> None:
        """Start a thread that sends the rest of a frame and what waits, and has the lock."""
        rest = memoryview(frame)[sent:]
        thread = threading.Thread(
            target=self._finish, args=(rest,), name="kinfolk-outbox", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads
            self._fail(error, frame)
            self._sending.release()

    def _finish(self, begun: memoryview) -> None:
        self._flush(begun)
        self._send_all()

    def _fail(self, error: Exception, *unsent: bytes | bytearray | memoryview | None) -> None:
        with self._counting:
            first, self._usable = self._usable, False
            self._lost.update(map(id, (*unsent, *self._waiting)))
            self._waiting.clear()
            self._unsent = 0
        if first:
            self._broken(error)
