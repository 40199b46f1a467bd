"""What both ends do with sockets: who is at the other side, and what a fork must not inherit.

A socket that a forked child also holds stays open when its owner dies, and the other end does not
notice. So everything registered here is closed in a child before any of its own code runs.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Final, Protocol, TypeVar, cast
from weakref import WeakSet

import attrs

from kinfolk.errors import AuthenticationFailed
from kinfolk.signals import PIECE, raised_by_handler

__all__ = [
    "Credentials",
    "check_user",
    "close_in_children",
    "in_pieces",
    "listen_in_pieces",
    "listen_patiently",
    "peer_credentials",
    "peer_name",
    "tune",
]


# --- Who is at the other side


@attrs.frozen
class Credentials:
    """The process at the other end of a Unix socket; `pid` is 0 where it cannot be seen."""

    uid: int
    pid: int


_SOL_LOCAL: Final = 0  # macOS; Python has no names for these three
_LOCAL_PEERCRED: Final = 1
_LOCAL_PEERPID: Final = 2


def peer_credentials(sock: socket.socket) -> Credentials:
    """Return who connected a Unix socket, or who listens at it, as the kernel knows it.

    Raises:
        OSError: The system cannot say.
    """
    if sys.platform == "linux":
        pid, uid, _ = struct.unpack(
            "iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
        return Credentials(uid, pid)
    # struct xucred: the version of the structure, then the user.
    _, uid = struct.unpack_from("II", sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76))
    return Credentials(uid, sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID))


def check_user(sock: socket.socket) -> Credentials | None:
    """Return who connected a socket that vouches for its user, None for any other socket.

    Raises:
        AuthenticationFailed: It is not the user of this process.
        OSError: The system cannot say.
    """
    if sock.family != socket.AF_UNIX:
        return None
    found = peer_credentials(sock)
    if found.uid != os.geteuid():
        raise AuthenticationFailed("the server belongs to another user")
    return found


def peer_name(sock: socket.socket, address: object) -> str:
    """Return what people call the process at the other end, as far as the system knows it.

    Args:
        sock: A connected socket.
        address: That of the other end.
    """
    if sock.family != socket.AF_UNIX:
        # In IPv6 two more numbers follow.
        host, port = cast("tuple[str, int]", address)[:2]
        return f"{host}:{port}"
    try:
        found = peer_credentials(sock)
    except OSError:
        return "a process that cannot be seen"
    process = f"process {found.pid}" if found.pid else "a process"
    return f"{process} of user {found.uid}"


def tune(sock: socket.socket) -> None:
    """Set what a connected socket of ours needs."""
    if sock.family != socket.AF_UNIX:
        # A call is one small message, which must not wait for the one before to be acknowledged.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


# --- Waiting for what the other side says

A = TypeVar("A")
T = TypeVar("T")


def listen_in_pieces(sock: socket.socket) -> None:
    """Have a socket that blocks wait for bytes a `PIECE` at a stretch; see `in_pieces`."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _ONE_PIECE)


def listen_patiently(sock: socket.socket) -> None:
    """Have a socket that blocks wait for bytes as long as it takes, as it does at first."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _FOR_EVER)


# struct timeval
_ONE_PIECE: Final = struct.pack("ll", int(PIECE), 0)
_FOR_EVER: Final = struct.pack("ll", 0, 0)


def in_pieces(receive: Callable[[A], T], into: A) -> T:
    """Return what a socket receives that blocks, however many pieces it takes.

    Args:
        receive: Receives: `recv`, or `recv_into`.
        into: Its argument.
    """
    while True:
        try:
            return receive(into)
        except BlockingIOError as error:
            if raised_by_handler(error):
                raise


# --- What a fork must not inherit


class _Closable(Protocol):
    def close(self) -> object: ...


_open: WeakSet[_Closable] = WeakSet()


def close_in_children(resource: _Closable) -> None:
    """Have a socket or file closed in every process forked from this one, and only there."""
    _open.add(resource)


def _close_all() -> None:
    for resource in list(_open):
        resource.close()
    _open.clear()


os.register_at_fork(after_in_child=_close_all)
