"""Entries that were registered by hand: what stands for their types, which nobody declared.

Their names are no part of what a spec offers, so no handshake compares them. They are members of an
object of their own, `BY_HAND`, and all that is given to them or comes back is of type `Any`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from kinfolk.errors import NotSupported

__all__ = [
    "BY_HAND",
    "GET_VALUE",
    "OF_ALL",
    "HandType",
    "Names",
    "Registry",
    "not_registered",
    "registry_of",
]

BY_HAND: Final = "*"
"""The target of calls that make such objects; no entry of a spec can have the name."""

GET_VALUE: Final = "#GETVALUE"
"""The member that returns the object itself, to be copied."""

OF_ALL: Final = frozenset({"__repr__", "__str__", GET_VALUE})
"""The members that each such object has, as in the standard library, whatever is exposed."""

Registry: TypeAlias = Mapping[str, tuple[Any, Any, Any, Any]]
"""What was registered by hand, as `BaseManager` keeps it."""


class Names(dict[str, tuple[Any, Any, Any, Any]]):
    """The same, by name; it says of others what to do, also to the standard library's proxies."""

    def copy(self) -> Names:
        """Return another, of the same."""
        return Names(self)

    def __missing__(self, typeid: str) -> NoReturn:
        raise not_registered(typeid)


def not_registered(typeid: str) -> NotSupported:
    """Return what is raised where a server returns an object of a name that is not registered."""
    return NotSupported(
        f"the server returned a {typeid!r}, which this manager does not know: "
        f"register({typeid!r}, create_method=False) first"
    )


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
