"""How much clients may take from a server, all of them together and each for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from kinfolk.errors import LimitExceeded

__all__ = ["Limits"]

# What the wire is made for. It has these numbers too, and `import kinfolk` does without the wire.
_FRAME: Final = 64 * 2**20
_LONGEST_GREETING: Final = 4_096
_LONGEST_FRAME: Final = 2**32 - 1
_NESTING: Final = 100

_Check = Callable[[object, "attrs.Attribute[Any]", float], None]


def _within(lowest: float, highest: float = float("inf")) -> _Check:
    def check(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
        if not value >= lowest:  # nor is it for what is not a number
            raise LimitExceeded(f"{attribute.name} must be at least {lowest:g}, not {value:g}")
        if not value <= highest:
            raise LimitExceeded(
                f"{attribute.name} must be at most {highest:.16g}, not {value:.16g}"
            )

    return check


def _count(default: int) -> int:
    return attrs.field(default=default, validator=_within(1))


@attrs.frozen
class Limits:
    """What a server has room for. Who would go beyond is refused, and told both numbers.

    A session is a client's process with all its connections.

    Args:
        connections: Connections of all clients. A client has one for each call that its threads
            make at the same time, and keeps up to 16.
        handshakes: Connections that have not said yet who they are. Beyond that the oldest is
            dropped, so that those who never say it do not shut out those who do.
        sessions: Sessions of one user: over a Unix socket of the only one who may connect, over
            TCP of all who hold the key.
        calls: Calls of one session under way: those that run, and those that wait, such as the
            `acquire` of a lock that is held.
        objects: Objects that one session refers to, singletons aside.
        streams: Streams of one session that it has not read to their end or closed.
        ahead: Items of a stream that travel with one request.
        frame: Bytes of one request.
        unread: Bytes of answers that a connection leaves unread, beside the one being sent and
            the next. Beyond that it is ended.
        nesting: Levels of an argument of type `Any`, or of a recursive type; 100 at the most.
        lent: Seconds for which an object is kept that is on its way from one process to another.
        handshake_timeout: Seconds in which a client has to say who it is.
        heartbeat: Seconds after which a silent TCP connection is asked whether it is still there.
        misses: How many times in a row it may fail to answer.
    """

    connections: int = _count(4_096)
    handshakes: int = _count(500)
    sessions: int = _count(2_000)
    calls: int = _count(10_000)
    objects: int = _count(100_000)
    streams: int = _count(1_000)
    ahead: int = _count(10_000)
    frame: int = attrs.field(default=_FRAME, validator=_within(_LONGEST_GREETING, _LONGEST_FRAME))
    unread: int = _count(_FRAME)
    nesting: int = attrs.field(default=_NESTING, validator=_within(1, _NESTING))
    lent: float = attrs.field(default=60.0, validator=_within(0.001, 86_400))
    handshake_timeout: float = attrs.field(default=10.0, validator=_within(0.001, 86_400))
    heartbeat: int = attrs.field(default=5, validator=_within(1, 32_767))
    misses: int = attrs.field(default=3, validator=_within(1, 127))
