"""Entries that were registered by hand: what stands for their types, which nobody declared.

Their names are no part of what a spec offers, so no handshake compares them. They are members of an
object of their own, `BY_HAND`, and all that is given to them or comes back is of type `Any`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

__all__ = ["BY_HAND", "GET_VALUE", "OF_ALL", "HandType", "Registry", "registry_of"]

BY_HAND: Final = "*"
"""The target of calls that make such objects; no entry of a spec can have the name."""

GET_VALUE: Final = "#GETVALUE"
"""The member that returns the object itself, to be copied."""

OF_ALL: Final = frozenset({"__repr__", "__str__", GET_VALUE})
"""The members that each such object has, as in the standard library, whatever is exposed."""

Registry: TypeAlias = Mapping[str, tuple[Any, Any, Any, Any]]
"""What was registered by hand, as `BaseManager` keeps it."""


def registry_of(manager: Any) -> Registry:
    """Return what was registered by hand with a manager, or its class."""
    registry: Registry = manager._registry
    return registry


@attrs.frozen
class HandType:
    """The type of an object that was registered by hand: its entry, and what can be called of it.

    It stands where other objects have their proxy type.
    """

    typeid: str
    exposed: tuple[str, ...]

    def __str__(self) -> str:
        return self.typeid

    @property
    def names(self) -> frozenset[str]:
        """All that can be called."""
        return OF_ALL.union(self.exposed)
