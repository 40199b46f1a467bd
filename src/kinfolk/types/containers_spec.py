"""Dictionaries that processes share.

They are shared classes like any other, and work without a server too: a `Dict` in a unit test is a
dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Generic, Self, TypeVar, cast, overload

from kinfolk.declare import shared, stream
from kinfolk.types.numbers import N, added, zero_of

__all__ = ["Dict"]

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
E = TypeVar("E")

_MISSING: Final[Any] = object()


@shared
class Dict(Generic[K, V]):
    """A dictionary that any number of processes share.

    What is read from it is a copy: changing a list that `d["x"]` returned changes nothing at the
    server until it is assigned again. `keys`, `values` and `items` are lists of what there was at
    the moment of the call, and iterating goes over the keys that there were when it began.

    Every call is whole, but `d["x"] += 1` is two calls, and another process may come between: use
    `increment`, `compare_and_set` or `get_or_insert`.
    """

    def __init__(
        self, items: Mapping[K, V] | Iterable[tuple[K, V]] | Dict[K, V] = (), /, **kwargs: V
    ) -> None:
        self._items: dict[K, V] = {}
        self._update(self._plain(items), kwargs)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object, /) -> bool:
        return key in self._items

    def __getitem__(self, key: K, /) -> V:
        return self._items[key]

    def __setitem__(self, key: K, value: V, /) -> None:
        """Set a key. `d[key] += 1` is two calls, and not atomic; `increment` is."""
        self._items[key] = value

    def __delitem__(self, key: K, /) -> None:
        del self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(list(self._items))

    @stream(ahead=100)
    def __reversed__(self) -> Iterator[K]:
        return reversed(list(self._items))

    @overload
    def __or__(self, other: dict[K, V] | Dict[K, V], /) -> dict[K, V]: ...
    @overload
    def __or__(self, other: dict[D, E] | Dict[D, E], /) -> dict[K | D, V | E]: ...
    def __or__(  # type: ignore[misc]  # to mypy, no dict[D, E] is a dict[K | D, V | E]
        self, other: dict[K | D, V | E] | Dict[Any, Any], /
    ) -> dict[K | D, V | E]:
        return cast("dict[K | D, V | E]", self._items | self._plain(other))

    @overload
    def __ror__(self, other: dict[K, V], /) -> dict[K, V]: ...
    @overload
    def __ror__(self, other: dict[D, E], /) -> dict[K | D, V | E]: ...
    def __ror__(self, other: dict[K | D, V | E], /) -> dict[K | D, V | E]:  # type: ignore[misc]
        return other | self._items

    def __ior__(self, other: Mapping[K, V] | Iterable[tuple[K, V]] | Dict[K, V], /) -> Self:  # type: ignore[misc]
        """Set several keys, as `update` does: in one call, which is atomic."""
        self._items.update(self._plain(other))
        return self

    def __eq__(self, other: object) -> bool:
        return self._items.__eq__(self._plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self._items)

    @overload
    def get(self, key: K, default: None = None, /) -> V | None: ...
    @overload
    def get(self, key: K, default: V, /) -> V: ...
    @overload
    def get(self, key: K, default: D, /) -> V | D: ...
    def get(self, key: K, default: V | D | None = None, /) -> V | D | None:
        """Return the value of a key, or the default if the dictionary does not have it."""
        return self._items.get(key, default)

    @overload
    def setdefault(self: Dict[K, D | None], key: K, default: None = None, /) -> D | None: ...
    @overload
    def setdefault(self, key: K, default: V, /) -> V: ...
    def setdefault(self, key: K, default: V | None = None, /) -> V | None:  # type: ignore[misc]  # V is D | None there
        """Return the value of a key, which is set to the default first if it is not there."""
        return self._items.setdefault(key, cast("V", default))

    def get_or_insert(self, key: K, default: V) -> V:
        """Return the value of a key, which is set to the default first if it is not there.

        This is atomic: of several processes that do so at once, one inserts, and all get that.
        """
        return self._items.setdefault(key, default)

    @overload
    def increment(self: Dict[K, int], key: K, by: int = 1) -> int: ...
    @overload
    def increment(self: Dict[K, float], key: K, by: float = 1) -> float: ...
    @overload
    def increment(self: Dict[K, complex], key: K, by: complex = 1) -> complex: ...
    @overload
    def increment(self: Dict[K, Decimal], key: K, by: Decimal | int = 1) -> Decimal: ...
    @overload
    def increment(self: Dict[K, Fraction], key: K, by: Fraction | int = 1) -> Fraction: ...
    def increment(self: Dict[K, N], key: K, by: N | int = 1) -> N:
        """Add to the number of a key, and return the sum. This is atomic.

        A key that is not there counts as 0.
        """
        number = self._items[key] if key in self._items else zero_of(self)
        self._items[key] = added(number, by)
        return self._items[key]

    def compare_and_set(self, key: K, expected: V, new: V) -> bool:
        """Set a key if its value is equal to `expected`; return whether it was. This is atomic.

        A key that is not there is not set.
        """
        if key not in self._items or self._items[key] != expected:
            return False
        self._items[key] = new
        return True

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, default: V, /) -> V: ...
    @overload
    def pop(self, key: K, default: D, /) -> V | D: ...
    def pop(self, key: K, default: V | D = _MISSING, /) -> V | D:
        """Remove a key and return its value, or the default if the dictionary does not have it.

        Raises:
            KeyError: It does not have the key, and there is no default.
        """
        if default is _MISSING:
            return self._items.pop(key)
        return self._items.pop(key, default)

    def popitem(self) -> tuple[K, V]:
        """Remove the key that was added last, and return it with its value.

        Raises:
            KeyError: The dictionary is empty.
        """
        return self._items.popitem()

    def update(
        self, items: Mapping[K, V] | Iterable[tuple[K, V]] | Dict[K, V] = (), /, **kwargs: V
    ) -> None:
        """Set several keys in one call: those of a mapping or of pairs, then those by name."""
        self._update(self._plain(items), kwargs)

    def clear(self) -> None:
        """Remove every key."""
        self._items.clear()

    def keys(self) -> list[K]:
        """Return the keys, in the order in which they were added."""
        return list(self._items)

    def values(self) -> list[V]:
        """Return the values, in the order of their keys."""
        return list(self._items.values())

    def items(self) -> list[tuple[K, V]]:
        """Return the keys with their values."""
        return list(self._items.items())

    def copy(self) -> dict[K, V]:
        """Return all of it, as a dictionary of the caller's own."""
        return self._items.copy()

    def _update(self, items: Mapping[K, V] | Iterable[tuple[K, V]], named: dict[str, V]) -> None:
        self._items.update(items)
        # Names are for dictionaries whose keys are text.
        self._items.update(cast("dict[K, V]", named))

    @staticmethod
    def _plain(other: object) -> Any:
        # Past the turn of the other one, or two that are joined with each other could wait in a
        # circle. Copying it is one step of Python.
        same: Any = other
        return same._items.copy() if isinstance(other, Dict) else other
