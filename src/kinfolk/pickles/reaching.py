"""Reaching a server of the standard wire, and telling when it speaks another one."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Final

import attrs

from kinfolk.client.reaching import Destination, connect, silent
from kinfolk.deadlines import in_time, time_left
from kinfolk.errors import HandshakeFailed, KinfolkError, LimitExceeded
from kinfolk.heartbeat import keep_watch
from kinfolk.pickles.challenges import enter
from kinfolk.pickles.wire import Wire
from kinfolk.signals import Passing, pass_on_what_handlers_raise, raised_by_handler
from kinfolk.wire.greetings import HANDSHAKE_LIMIT, HEARTBEAT, MAGIC, PREAMBLE, PROBE

__all__ = ["Gate", "ThreadsWire", "reach"]

# A server of the standard library's speaks first and at once; one of Kinfolk's own never does.
_SILENCE: Final = 1.0
_PROBE: Final = PREAMBLE + b"\0\0\0\1" + PROBE


class ThreadsWire(Wire):
    """One that ends with the thread whose it is."""

    def __del__(self) -> None:
        # That it was not closed before is no mistake. There is none if a signal handler raised
        # first of all.
        if hasattr(self, "sock"):
            self.sock.close()


@attrs.frozen
class Gate:
    """A server, and what gives its key, which is asked for once the server has spoken."""

    destination: Destination
    key: Callable[[], bytes]


def reach(gate: Gate, until: float) -> Wire:
    """Return a connection to a server, by which requests can be sent.

    Args:
        gate: Which.
        until: When to give up, by `time.monotonic`.

    Raises:
        NotRunning: No server listens there.
        AuthenticationFailed: The two ends do not hold the same key.
        HandshakeFailed: The server speaks another serializer, or is none.
        LimitExceeded: The server has no room for it.
        CallTimeout: It took too long.
    """
    wire = ThreadsWire(connect(gate.destination, until))
    try:
        _enter(wire, gate, until)
    except BaseException:
        wire.close()
        raise
    return wire


def _enter(wire: Wire, gate: Gate, until: float) -> None:
    where = gate.destination.address
    try:
        _await_challenge(wire.sock, gate.destination, until)
        enter(wire, gate.key(), until)
        wire.sock.settimeout(None)
        # The server has its own idea of it, of which this wire says nothing.
        keep_watch(wire.sock, *HEARTBEAT)
    except (HandshakeFailed, LimitExceeded) as error:
        pass_on_what_handlers_raise(error)
        raise type(error)(f"{where}: {error}") from None
    except (OSError, EOFError) as error:
        if isinstance(error, KinfolkError) or raised_by_handler(error):
            raise
        if isinstance(error, TimeoutError):
            when = in_time(until, gate.destination.timeout)
            raise silent(where, wire.sock, when) from None
        text = str(error) or "the server closed the connection"
        raise HandshakeFailed(f"{where}: {text} during the handshake") from None


def _await_challenge(sock: socket.socket, destination: Destination, until: float) -> None:
    sock.settimeout(min(time_left(until), _SILENCE))
    with Passing(TimeoutError):
        sock.recv(1, socket.MSG_PEEK)
        return
    if _speaks_typed(destination, until):
        raise HandshakeFailed(
            "the server speaks serializer 'typed', and this client 'pickle': leave serializer out"
        )
    sock.settimeout(time_left(until))
    sock.recv(1, socket.MSG_PEEK)


def _speaks_typed(destination: Destination, until: float) -> bool:
    with contextlib.closing(connect(destination, until)) as sock:
        sock.settimeout(min(time_left(until), _SILENCE))
        with Passing(OSError):
            sock.sendall(_PROBE)
            return sock.recv(HANDSHAKE_LIMIT).startswith(MAGIC)
    return False
