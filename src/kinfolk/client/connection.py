"""One connection at the client: one call at a time, and what is left of it when it is cut short."""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from typing_extensions import Buffer

from kinfolk.client.reaching import Destination, connect, shake_hands
from kinfolk.deadlines import time_left
from kinfolk.errors import CallTimeout, ConnectionLost, Executed, ProtocolError
from kinfolk.heartbeat import fell_silent, keep_watch
from kinfolk.signals import PIECE, Passing, raised_by_handler
from kinfolk.sockets import in_pieces
from kinfolk.wire.frames import FrameBuffer, decode_reply, whole_message
from kinfolk.wire.messages import NO_CALL, Reply

__all__ = ["END_TIMEOUT", "Connection"]

A = TypeVar("A")
T = TypeVar("T")

END_TIMEOUT: Final = 10.0
"""For how many seconds to wait for the end of a server that was told to end."""

_READ: Final = 64 * 2**10
_ASKED: Final = 60  # times; each takes a microsecond or so
_MOSTLY: Final = 0.8
_HOPES: Final = 4  # calls in a row
_SOBER: Final = 1000  # calls
# Lets others have the core, if any of them wants it.
_give_way = getattr(os, "sched_yield", lambda: None)


class Connection:
    """A connection that a server has welcomed; used by one thread at a time.

    Args:
        destination: Where to connect.
        session: The token of the session to belong to; empty for a new one.
        until: When to give up, by `time.monotonic`.

    Raises:
        NotRunning: No server listens there.
        AuthenticationFailed: One end refuses the other's key or user.
        SpecMismatch: The server offers another manager.
        HandshakeFailed: What listens there is no server of ours, or ends in the middle.
        LimitExceeded: The server has no room for it.
        CallTimeout: It took too long.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_eager",
        "_limit",
        "_sock",
        "_where",
        "call",
        "fingerprint",
        "intact",
        "limit",
        "session",
        "well_at",
    )

    def __init__(self, destination: Destination, session: bytes, until: float) -> None:
        self._where = destination.address
        self._sock = connect(destination, until)
        try:
            peer = shake_hands(self._sock, destination, session, until)
            self._sock.settimeout(None)
            keep_watch(self._sock, *peer.heartbeat)
        except BaseException:
            self._sock.close()
            raise
        # A manager may be left without being closed, as its proxies may be the last to go. Where
        # they go in a circle, a `__del__` would come after that of the socket, which complains.
        weakref.finalize(self, self._sock.close).atexit = False
        self.session = peer.session
        self.limit = peer.limit
        self.fingerprint = peer.fingerprint
        # False from the first byte of a request to the last of its reply: what is read from a
        # connection that was left in between answers another call.
        self.intact = True
        # The number of the call that it was last used for, and that may have to be taken back;
        # none for a withdrawal, or for what has no reply.
        self.call = NO_CALL
        # For the pool: when it was last known that the session lives; see there.
        self.well_at = -1
        self._eager = _HOPES
        self._limit = destination.identity.limit
        self._buffer = FrameBuffer(self._limit)

    def exchange(self, frames: bytes | bytearray, call: int, until: float | None) -> Reply:
        """Send a request, and return the reply to it.

        Args:
            frames: The request.
            call: The number of the request.
            until: When to give up, by `time.monotonic`.

        Raises:
            ConnectionLost: The connection broke.
            CallTimeout: It took too long.
            ProtocolError: The server answered something else.
            LimitExceeded: The reply is too long.
        """
        self._send(frames, until)
        try:
            data = self._first_bytes() if until is None else self._read(until)
            message = whole_message(data, self._limit)
            messages = self._gather(data, until) if message is None else (message,)
        except OSError as error:
            if raised_by_handler(error):
                raise
            raise self._failed(error, executed="unknown") from None
        if not messages:
            silent = fell_silent(self._sock)
            why = "its network is silent" if silent else "the server closed it"
            raise self._lost(why, executed="unknown")
        reply = decode_reply(messages[0])
        if reply.call != call or (message is None and not self._alone(messages)):
            raise ProtocolError(f"{self._where} answered a call that nobody made")
        if until is not None:
            self._sock.settimeout(None)
        self.intact = True
        return reply

    def tell(self, frames: bytes, until: float | None) -> None:
        """Send what has no reply; see `exchange`."""
        self.call = NO_CALL
        self._send(frames, until)
        self._sock.settimeout(None)
        self.intact = True

    def _send(self, frames: bytes | bytearray, until: float | None) -> None:
        try:
            left = None if until is None else time_left(until)
            # Before the timeout is set, so that one that was cut short here leaves none behind.
            self.intact = False
            if left is not None:
                self._sock.settimeout(left)
            self._sock.sendall(frames)
        except OSError as error:
            if raised_by_handler(error):
                raise
            # The last bytes never left, and without them the server does nothing.
            raise self._failed(error, executed="no") from None

    def _read(self, until: float | None) -> bytes:
        return self._await(until, self._sock.recv, _READ)

    def _await(self, until: float | None, receive: Callable[[A], T], into: A) -> T:
        if until is None:
            return in_pieces(receive, into)
        while True:
            self._sock.settimeout(min(time_left(until), PIECE))
            try:
                return receive(into)
            except TimeoutError as error:
                if _is_systems(error) or raised_by_handler(error):
                    raise

    def _first_bytes(self) -> bytes:
        """Wait for the beginning of a reply.

        To be woken takes longer than a short call does. So the socket is asked for a moment first,
        as long as that is of use: where calls take long, or this core is wanted by the server or
        by others, who get it in between, the next calls sleep at once.
        """
        if self._eager <= 0:
            self._eager = self._eager + 1 or 1
            return in_pieces(self._sock.recv, _READ)
        start, used = time.perf_counter(), time.thread_time()
        for _ in range(_ASKED):
            try:
                data = self._sock.recv(_READ, socket.MSG_DONTWAIT)
            except BlockingIOError as error:
                if raised_by_handler(error):
                    raise
                _give_way()
                continue
            passed = time.perf_counter() - start
            # Less time on the core than has passed: somebody else was let have it meanwhile.
            self._judge(worth=time.thread_time() - used > _MOSTLY * passed)
            return data
        self._judge(worth=False)
        return in_pieces(self._sock.recv, _READ)

    def _judge(self, *, worth: bool) -> None:
        self._eager = _HOPES if worth else (self._eager - 1 or -_SOBER)

    def _gather(self, data: bytes, until: float | None) -> Sequence[Buffer]:
        """Return the messages that begin with the data; none if the connection ends before."""
        messages = self._buffer.receive(data)
        while data and not messages:
            space = self._buffer.space()
            if space is None:
                data = self._read(until)
                messages = self._buffer.receive(data)
                continue
            count = self._await(until, self._sock.recv_into, space)
            if not count:
                break
            messages = self._buffer.filled(count)
        return messages

    def _alone(self, messages: Sequence[Buffer]) -> bool:
        return len(messages) == 1 and self._buffer.empty

    def _failed(self, error: OSError, executed: Executed) -> CallTimeout | ConnectionLost:
        if isinstance(error, TimeoutError) and not _is_systems(error):
            return CallTimeout(f"{self._where} did not answer before the deadline", executed)
        return self._lost(error.strerror, executed)

    def _lost(self, why: str | None, executed: Executed) -> ConnectionLost:
        return ConnectionLost(f"the connection to {self._where} was lost: {why}", executed)

    @property
    def alive(self) -> bool:
        """Whether an idle connection is still of use: not closed, and nothing to be read."""
        with Passing(OSError):
            try:
                self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True
        return False

    def wait_for_end(self, until: float) -> bool:
        """Wait for the server to close an idle connection; return whether it has by then."""
        with Passing(OSError):
            try:
                self._sock.settimeout(time_left(until))
                self._sock.recv(1)
            except TimeoutError:
                return False
        return True

    def interrupt(self) -> None:
        """End it from another thread: a call under way fails at once."""
        with Passing(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; closing twice has no effect."""
        self._sock.close()


def _is_systems(error: TimeoutError) -> bool:
    """Return whether the system gave up a silent peer, by a time-out of its own."""
    return error.errno is not None
