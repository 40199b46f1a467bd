"""Reaching a server: a connected socket, and the handshake that a client does over it."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from pathlib import Path
from typing import Final

import attrs

from kinfolk.addresses import Address, TcpAddress, UnixAddress, check_private, default_folder
from kinfolk.deadlines import in_time, time_left
from kinfolk.errors import (
    AddressError,
    AuthenticationFailed,
    CallTimeout,
    HandshakeFailed,
    KinfolkError,
    LimitExceeded,
    NotRunning,
    SpecMismatch,
)
from kinfolk.signals import Passing, pass_on_what_handlers_raise, raised_by_handler
from kinfolk.sockets import close_in_children, listen_in_pieces, peer_credentials, tune
from kinfolk.wire.greetings import HANDSHAKE_LIMIT, CutShort
from kinfolk.wire.handshake import ClientHandshake, Identity, Peer

__all__ = ["Destination", "connect", "shake_hands", "silent"]

_RETRY: Final = 0.01
_WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH  # who may write to a socket may connect to it
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


def connect(destination: Destination, until: float) -> socket.socket:
    """Return a socket that is connected to a server.

    Args:
        destination: Which.
        until: When to give up, by `time.monotonic`.

    Raises:
        NotRunning: No server listens there.
        AddressError: There is no such host; or the socket is a link, or open to others.
        AuthenticationFailed: The server belongs to another user.
        CallTimeout: It took too long.
    """
    address, when = destination.address, in_time(until, destination.timeout)
    try:
        if isinstance(address, TcpAddress):
            sock = _connect_tcp(address, until)
        else:
            sock = _connect_unix(address, until)
    except OSError as error:
        own = isinstance(error, KinfolkError) or error.errno in _EXHAUSTED
        if own or raised_by_handler(error):
            raise
        raise _unreachable(error, destination, when) from None
    tune(sock)
    listen_in_pieces(sock)
    return sock


def _unreachable(error: OSError, destination: Destination, when: str) -> KinfolkError:
    address = destination.address
    if isinstance(error, TimeoutError):
        return CallTimeout(f"{address} did not accept a connection {when}", executed="no")
    if isinstance(error, socket.gaierror):
        return AddressError(
            f"{address} cannot be reached: {error.strerror}: check the name of the host"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return AuthenticationFailed(f"{address} is not yours to use: {error.strerror}")
    return NotRunning(
        f"no server listens at {address} ({error.strerror}): start it with `{destination.remedy}`"
    )


def _connect_tcp(address: TcpAddress, until: float) -> socket.socket:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    refusal: OSError | None = None
    for family, kind, protocol, _, where in found:
        sock = _new_socket(family, kind, protocol)
        try:
            sock.settimeout(time_left(until))
            sock.connect(where)
        except BaseException as error:
            sock.close()
            if not isinstance(error, OSError) or raised_by_handler(error):
                raise
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


def _connect_unix(address: UnixAddress, until: float) -> socket.socket:
    folder = Path(address.path).parent
    if folder == default_folder():
        check_private(folder)
    sock = _new_socket(socket.AF_UNIX)
    try:
        while True:
            sock.settimeout(time_left(until))
            try:
                sock.connect(address.path)
            except BlockingIOError as error:
                pass_on_what_handlers_raise(error)
                # More clients came at once than the queue of the socket takes, and unlike TCP
                # it does not wait by itself.
                time.sleep(_RETRY)
            else:
                break
        _check_user(sock, address)
        _check_socket(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _check_user(sock: socket.socket, address: UnixAddress) -> None:
    user = peer_credentials(sock).uid
    if user != os.geteuid():
        raise AuthenticationFailed(f"the server at {address} belongs to another user ({user})")


def _check_socket(address: UnixAddress) -> None:
    # Not before it listens: a server that starts has just made it, and sets its mode by then.
    mode = Path(address.path).lstat().st_mode
    if stat.S_ISLNK(mode):
        raise AddressError(
            f"{address} is a link, which is refused: give the address of the socket itself"
        )
    if mode & _WRITABLE:
        raise AddressError(
            f"the socket {address.path} is open to others (mode {stat.S_IMODE(mode):o}): "
            f"run `chmod 600 {address.path}`"
        )


def shake_hands(
    sock: socket.socket, destination: Destination, session: bytes, until: float
) -> Peer:
    """Do the handshake, and return what the server said.

    Args:
        sock: Connected to the server.
        destination: Which.
        session: The token of the session to belong to; empty for a new one.
        until: When to give up, by `time.monotonic`.

    Raises:
        HandshakeFailed: One end refuses the other, for the key where it is `AuthenticationFailed`.
        SpecMismatch: The server offers another manager.
        LimitExceeded: The server has no room for it.
        CallTimeout: It took too long.
    """
    where, when = destination.address, in_time(until, destination.timeout)
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
            sock.settimeout(time_left(until))
            if outgoing:
                # Where the server has closed it already, it may have said why.
                with Passing(BrokenPipeError, ConnectionResetError):
                    sock.sendall(outgoing)
            outgoing = handshake.receive(sock.recv(2 * HANDSHAKE_LIMIT))
    except (HandshakeFailed, SpecMismatch, LimitExceeded) as error:
        raise type(error)(f"{where}: {error}") from None
    except OSError as error:
        if raised_by_handler(error):
            raise
        if isinstance(error, TimeoutError):
            raise silent(where, sock, when) from None
        raise CutShort(f"{where}: {error.strerror} during the handshake") from None
    return handshake.peer


def silent(address: Address, sock: socket.socket, when: str) -> CallTimeout:
    """Return what to raise where a server has accepted a connection and says nothing.

    Args:
        address: Its address.
        sock: The connection, by which the system knows its process.
        when: Until when it had to; see `in_time`.
    """
    pid = 0
    if isinstance(address, UnixAddress):
        with Passing(OSError):
            pid = peer_credentials(sock).pid
    server = f"process {pid} at {address}, which may be stopped or busy," if pid else str(address)
    text = f"{server} accepted a connection, and then said nothing {when}"
    return CallTimeout(text, executed="no")
