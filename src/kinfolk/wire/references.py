"""References: how shared objects stand in declared types and in messages.

A declared type names a shared class by its proxy class, and a message never holds a shared object.
The codec asks a `References` to turn an object (at the server) or a proxy (at the client) into a
`Reference`, and back at the other end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, get_origin

import attrs
import msgspec

from kinfolk.wire.messages import Target

__all__ = ["Reference", "References", "SharedType", "shared_type"]


@attrs.frozen
class SharedType:
    """What a proxy class says beside its annotations, as its `_shared`.

    `name` is the module and qualified name of the shared class. `streams` are the members that
    return iterators, and how many items travel with one request.
    """

    name: str
    streams: Mapping[str, int] = attrs.field(factory=dict[str, int])


def shared_type(proxy_type: object) -> SharedType | None:
    """Return the `SharedType` of a proxy class or of a parametrised one, None for all else."""
    origin = get_origin(proxy_type) or proxy_type
    mark = vars(origin).get("_shared") if isinstance(origin, type) else None
    return mark if isinstance(mark, SharedType) else None


class Reference(msgspec.Struct, array_like=True, frozen=True):
    """A shared object on the wire: the name of its class in the wire table, and which one."""

    shared: str
    target: Target


class References(Protocol):
    """One end's knowledge of shared objects.

    `proxy_type` is the declared type: a generated proxy class, or a parametrised one such as
    `DictProxy[str, int]`. Both methods raise `TypeError` for an object of another class or of
    another server; its text completes the sentence "argument 'job' must be …".
    """

    def lower(self, value: object, proxy_type: object) -> Reference:
        """Return what stands for an object or proxy in a message."""
        ...

    def lift(self, reference: Reference, proxy_type: object) -> object:
        """Return the object or a proxy that the reference stands for."""
        ...
