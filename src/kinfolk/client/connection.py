"""One connection at the client: reaching the server, the handshake, then one call at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
import weakref
from pathlib import Path
from typing import Final

import attrs

from kinfolk.addresses import Address, TcpAddress, UnixAddress, check_private, default_folder
from kinfolk.errors import (
    AddressError,
    AuthenticationFailed,
    CallTimeout,
    ConnectionLost,
    Executed,
    HandshakeFailed,
    KinfolkError,
    LimitExceeded,
    NotRunning,
    ProtocolError,
    SpecMismatch,
)
from kinfolk.heartbeat import fell_silent, keep_watch
from kinfolk.sockets import close_in_children, peer_credentials, tune
from kinfolk.wire.frames import FrameBuffer, decode_reply, encode, whole_message
from kinfolk.wire.greetings import HANDSHAKE_LIMIT
from kinfolk.wire.handshake import ClientHandshake, Identity, Peer
from kinfolk.wire.messages import Next, Reply, Withdraw

__all__ = ["Connection", "Destination"]

_READ: Final = 64 * 2**10
_RETRY: Final = 0.01
_ASKED: Final = 30  # times, about as many microseconds
_MOSTLY: Final = 0.8
_HOPES: Final = 4  # calls in a row
_SOBER: Final = 100  # calls
_LINGER: Final = 1.0
_AFTERWARDS: Final = 0  # the numbers of calls begin with 1
# This process's own trouble, which says nothing of the server.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@attrs.frozen
class Destination:
    """A server, and what it takes to be let in.

    `remedy` is the command that starts one, for when none runs.
    """

    address: Address
    identity: Identity
    key: bytes | None
    timeout: float
    remedy: str


class Connection:
    """A connection that a server has welcomed; used by one thread at a time.

    Args:
        destination: Where to connect.
        session: The token of the session to belong to; empty for a new one.

    Raises:
        NotRunning: No server listens there.
        AuthenticationFailed: One end refuses the other's key or user.
        SpecMismatch: The server was generated from another spec.
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
        "_unanswered",
        "_where",
        "intact",
        "limit",
        "session",
    )

    def __init__(self, destination: Destination, session: bytes) -> None:
        deadline = time.monotonic() + destination.timeout
        self._where = destination.address
        self._sock = _connect(destination, deadline)
        try:
            peer = _shake_hands(self._sock, destination, session, deadline)
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
        # False from the first byte of a request to the last of its reply: what is read from a
        # connection that was left in between answers another call.
        self.intact = True
        self._unanswered = 0
        self._eager = _HOPES
        self._limit = destination.identity.limit
        self._buffer = FrameBuffer(self._limit)

    def exchange(self, frames: bytes | bytearray, call: int) -> Reply:
        """Send a request, and return the reply to it.

        Args:
            frames: The request, and what may go before it and has no reply.
            call: The number of the request.

        Raises:
            ConnectionLost: The connection broke.
            ProtocolError: The server answered something else.
            LimitExceeded: The reply is too long.
        """
        self.intact = False
        try:
            self._sock.sendall(frames)
        except OSError as error:
            # The last bytes never left, and without them the server does nothing.
            raise self._lost(error.strerror, executed="no") from None
        self._unanswered = call
        try:
            data = self._first_bytes()
            message = whole_message(data, self._limit)
            messages = self._gather(data) if message is None else [message]
        except OSError as error:
            raise self._lost(error.strerror, executed="unknown") from None
        if not messages:
            silent = fell_silent(self._sock)
            why = "its network is silent" if silent else "the server closed it"
            raise self._lost(why, executed="unknown")
        reply = decode_reply(messages[0])
        if reply.call != call or len(messages) > 1 or not self._buffer.empty:
            raise ProtocolError(f"{self._where} answered a call that nobody made")
        self._unanswered = 0
        self.intact = True
        return reply

    def _first_bytes(self) -> bytes:
        """Wait for the beginning of a reply.

        To be woken takes longer than a short call does. So the socket is asked for a moment first,
        as long as that is of use: where calls take long, or this core is wanted by the server or
        by others, the next calls sleep at once.
        """
        if self._eager <= 0:
            self._eager = self._eager + 1 or 1
            return self._sock.recv(_READ)
        start, used = time.perf_counter(), time.thread_time()
        for _ in range(_ASKED):
            try:
                data = self._sock.recv(_READ, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            passed = time.perf_counter() - start
            # Less time on the core than has passed: somebody else was let have it meanwhile.
            self._judge(worth=time.thread_time() - used > _MOSTLY * passed)
            return data
        self._judge(worth=False)
        return self._sock.recv(_READ)

    def _judge(self, *, worth: bool) -> None:
        self._eager = _HOPES if worth else (self._eager - 1 or -_SOBER)

    def withdraw(self) -> None:
        """Say that nobody waits for the reply any more; then there is nothing to do but close it.

        What was granted meanwhile, such as a lock, the server takes back.
        """
        if not self._unanswered:
            return
        # The answer to what was asked after it says that the server has seen it.
        frames = encode(Withdraw(self._unanswered)) + encode(Next(_AFTERWARDS, 0, 1, 0))
        deadline = time.monotonic() + _LINGER
        with contextlib.suppress(OSError, KinfolkError):
            self._sock.settimeout(_LINGER)
            self._sock.sendall(frames)
            while time.monotonic() < deadline and (data := self._sock.recv(_READ)):
                replies = map(decode_reply, self._buffer.receive(data))
                if any(reply.call == _AFTERWARDS for reply in replies):
                    return

    def _gather(self, data: bytes) -> list[memoryview]:
        """Return the messages that begin with the data; none if the connection ends before."""
        messages = self._buffer.receive(data)
        while data and not messages:
            space = self._buffer.space()
            if space is None:
                data = self._sock.recv(_READ)
                messages = self._buffer.receive(data)
            else:
                count = self._sock.recv_into(space)
                if not count:
                    break
                messages = self._buffer.filled(count)
        return messages

    def _lost(self, why: str | None, executed: Executed) -> ConnectionLost:
        return ConnectionLost(f"the connection to {self._where} was lost: {why}", executed)

    @property
    def alive(self) -> bool:
        """Whether an idle connection is still of use: not closed, and nothing to be read."""
        try:
            self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def interrupt(self) -> None:
        """End it from another thread: a call under way fails at once."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; closing twice has no effect."""
        self._sock.close()


# --- Reaching the server


def _connect(destination: Destination, deadline: float) -> socket.socket:
    address = destination.address
    try:
        if isinstance(address, TcpAddress):
            sock = _connect_tcp(address, deadline)
        else:
            sock = _connect_unix(address, deadline)
    except TimeoutError:
        raise CallTimeout(
            f"{address} did not accept a connection within {destination.timeout:g} s", executed="no"
        ) from None
    except socket.gaierror as error:
        raise AddressError(f"{address} cannot be reached: {error.strerror}") from None
    except OSError as error:
        if isinstance(error, KinfolkError) or error.errno in _EXHAUSTED:
            raise
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise AuthenticationFailed(f"{address} is not yours to use: {error.strerror}") from None
        raise NotRunning(
            f"no server listens at {address} ({error.strerror}): start it with "
            f"`{destination.remedy}`"
        ) from None
    tune(sock)
    return sock


def _connect_tcp(address: TcpAddress, deadline: float) -> socket.socket:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    refusal: OSError | None = None
    for family, kind, protocol, _, where in found:
        sock = _new_socket(family, kind, protocol)
        try:
            sock.settimeout(_left(deadline))
            sock.connect(where)
        except OSError as error:
            sock.close()
            refusal = error
        else:
            return sock
    assert refusal is not None  # getaddrinfo() finds something, or raises
    raise refusal


def _new_socket(family: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    # From the beginning, since another thread may fork while this one still connects.
    close_in_children(sock)
    return sock


def _connect_unix(address: UnixAddress, deadline: float) -> socket.socket:
    folder = Path(address.path).parent
    if folder == default_folder():
        check_private(folder)
    sock = _new_socket(socket.AF_UNIX)
    try:
        while True:
            sock.settimeout(_left(deadline))
            try:
                sock.connect(address.path)
            except BlockingIOError:
                # More clients came at once than the queue of the socket takes, and unlike TCP
                # it does not wait by itself.
                time.sleep(_RETRY)
            else:
                break
        _check_user(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _check_user(sock: socket.socket, address: UnixAddress) -> None:
    user = peer_credentials(sock).uid
    if user != os.geteuid():
        raise AuthenticationFailed(f"the server at {address} belongs to another user ({user})")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _shake_hands(
    sock: socket.socket, destination: Destination, session: bytes, deadline: float
) -> Peer:
    where = destination.address
    handshake = ClientHandshake(
        destination.identity,
        pid=os.getpid(),
        session=session,
        key=destination.key,
        vouched=isinstance(where, UnixAddress),
    )
    try:
        outgoing = handshake.start()
        while handshake.peer is None:
            sock.settimeout(_left(deadline))
            if outgoing:
                # Where the server has closed it already, it may have said why.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    sock.sendall(outgoing)
            outgoing = handshake.receive(sock.recv(2 * HANDSHAKE_LIMIT))
    except (HandshakeFailed, SpecMismatch, LimitExceeded) as error:
        raise type(error)(f"{where}: {error}") from None
    except TimeoutError:
        raise CallTimeout(
            f"{where} accepted a connection, and then said nothing for {destination.timeout:g} s",
            executed="no",
        ) from None
    except OSError as error:
        raise HandshakeFailed(f"{where}: {error.strerror} during the handshake") from None
    return handshake.peer
