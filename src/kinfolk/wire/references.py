"""References: how shared objects stand in messages.

A declared type names a shared class by its proxy class, and a message never holds a shared object.
The codec asks a `References` to turn an object (at the server) or a proxy (at the client) into a
`Reference`, and back at the other end.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from kinfolk.wire.messages import Target

__all__ = ["ByHand", "Reference", "References"]


class Reference(msgspec.Struct, array_like=True, frozen=True):
    """A shared object on the wire: the name of its class in the wire table, and which one."""

    shared: str
    target: Target


class ByHand(Reference, array_like=True, frozen=True):
    """An object that was registered by hand: `shared` is its entry, `exposed` what can be called.

    It is only ever a value of type `Any`.
    """

    exposed: tuple[str, ...]


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
