"""How much one calling process may take from a host."""

from __future__ import annotations

import attrs
from attrs import validators

__all__ = ["Limits"]


@attrs.frozen
class Limits:
    """What a session may have at once; a call that would go beyond is refused.

    Args:
        objects: Objects that it refers to, singletons aside.
        streams: Streams that it has not read to their end or closed.
        waiting: Calls that wait to be answered, such as the `acquire` of a lock that is held.
        ahead: Items of a stream that travel with one request.
        lent: Seconds for which an object is kept that is on its way to another process.
    """

    objects: int = attrs.field(default=100_000, validator=validators.ge(1))
    streams: int = attrs.field(default=1_000, validator=validators.ge(1))
    waiting: int = attrs.field(default=10_000, validator=validators.ge(1))
    ahead: int = attrs.field(default=10_000, validator=validators.ge(1))
    lent: float = attrs.field(default=60.0, validator=validators.ge(0))
