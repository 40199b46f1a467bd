"""How a connection of the standard wire begins: each end proves that it holds the key.

The challenges are the standard library's own, the server's first. In place of any of its messages a
server may send `#REFUSED#`, the kind of the refusal, `#` and the reason. A client of the standard
library's shows that as what it did not expect.
"""

from __future__ import annotations

import multiprocessing
import struct
from collections.abc import Callable
from multiprocessing.connection import answer_challenge, deliver_challenge
from typing import Any, Final, TypeAlias

from kinfolk.deadlines import time_left
from kinfolk.errors import AuthenticationFailed, HandshakeFailed, KinfolkError
from kinfolk.pickles.wire import Wire, framed
from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.greetings import MAGIC, Refusal, Refused

__all__ = ["enter", "farewell", "let_in"]

_Challenge: TypeAlias = Callable[[Any, bytes], object]

_LONGEST: Final = 256
_REFUSED: Final = b"#REFUSED#"
_length: Final = struct.Struct("!i")


def let_in(wire: Wire, key: bytes, until: float) -> None:
    """Prove to each other that both ends hold the key, as the server.

    Args:
        wire: The connection.
        key: The key.
        until: When to give up, by `time.monotonic`, however little is missing.

    Raises:
        AuthenticationFailed: They do not hold the same.
        HandshakeFailed: The client speaks something else.
        EOFError: The peer has closed the connection.
        OSError: The connection is lost.
        TimeoutError: The time has come.
    """
    steps = deliver_challenge, answer_challenge
    _prove(_Prover(wire, until), key, steps, "the client does not hold the server's key")


def enter(wire: Wire, key: bytes, until: float) -> None:
    """Prove to each other that both ends hold the key, as the client.

    Args:
        wire: See `let_in`, as for the others.
        key: The same.
        until: The same.

    Raises:
        HandshakeFailed: The server speaks something else, or refuses this client;
            `AuthenticationFailed` where the two ends do not hold the same key.
        LimitExceeded: The server has no room for this client.
        EOFError: See `let_in`, as for the others.
        OSError: The same.
        TimeoutError: The same.
    """
    steps = answer_challenge, deliver_challenge
    _prove(_Entering(wire, until), key, steps, "the two ends do not hold the same key")


def farewell(error: Refusal) -> bytes:
    """Return the bytes that tell a client why it is refused, before it is let in."""
    refused = Refused.because(error)
    text = f"{refused.kind}#{refused.reason}".encode()
    return framed((_REFUSED + text)[:_LONGEST])


def _prove(prover: _Prover, key: bytes, steps: tuple[_Challenge, _Challenge], refused: str) -> None:
    try:
        for step in steps:
            step(prover, key)
    except KinfolkError:
        raise
    except multiprocessing.AuthenticationError as error:
        pass_on_what_handlers_raise(error)
        raise AuthenticationFailed(refused) from None
    except (AssertionError, ValueError) as error:
        pass_on_what_handlers_raise(error)
        raise _another_wire() from None


class _Prover:
    """A connection, as far as the standard library's challenges use it."""

    def __init__(self, wire: Wire, until: float) -> None:
        self._wire = wire
        self._until = until

    def send_bytes(self, data: bytes) -> None:
        self._wire.sock.settimeout(time_left(self._until))
        self._wire.send_bytes(data)

    def recv_bytes(self, longest: int) -> bytes:
        head = self._wire.take(_length.size, self._until)
        (size,) = _length.unpack(head)
        if 0 <= size <= longest:
            return self._wire.take(size, self._until)
        if head == MAGIC[: _length.size]:
            raise HandshakeFailed("the client speaks serializer 'typed', and this server 'pickle'")
        raise _another_wire()


class _Entering(_Prover):
    """The same of a client, which may be refused."""

    def recv_bytes(self, longest: int) -> bytes:
        message = super().recv_bytes(longest)
        if message.startswith(_REFUSED):
            raise _refusal(message.removeprefix(_REFUSED).decode(errors="ignore"))
        return message


def _refusal(text: str) -> Refusal:
    kind, _, reason = text.partition("#")
    return Refused("limit" if kind == "limit" else "handshake", reason).error()


def _another_wire() -> HandshakeFailed:
    return HandshakeFailed("the peer does not speak the standard library's wire")
