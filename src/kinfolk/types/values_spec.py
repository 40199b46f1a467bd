"""Single values, namespaces and arrays that processes share."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, TypeVar, cast, overload

from kinfolk.declare import shared
from kinfolk.types.numbers import N, added

__all__ = ["Array", "Namespace", "Value"]

T = TypeVar("T")


@shared
class Value(Generic[T]):
    """One value that any number of processes share.

    What is read from it is a copy. `v.value += 1` is two calls, and another process may come
    between: use `increment`, or `compare_and_set`.
    """

    def __init__(self, value: T, /) -> None:
        self._value = value

    def __str__(self) -> str:
        return f"{type(self).__name__}({self._value!r})"

    @property
    def value(self) -> T:
        """The value. `v.value += 1` is two calls, and not atomic; `increment` is."""
        return self._value

    @value.setter
    def value(self, value: T) -> None:
        self._value = value

    def get(self) -> T:
        """Return the value."""
        return self._value

    def set(self, value: T) -> None:
        """Replace the value."""
        self._value = value

    @overload
    def increment(self: Value[int], by: int = 1) -> int: ...
    @overload
    def increment(self: Value[float], by: float = 1) -> float: ...
    @overload
    def increment(self: Value[complex], by: complex = 1) -> complex: ...
    @overload
    def increment(self: Value[Decimal], by: Decimal | int = 1) -> Decimal: ...
    @overload
    def increment(self: Value[Fraction], by: Fraction | int = 1) -> Fraction: ...
    def increment(self: Value[N], by: N | int = 1) -> N:
        """Add to the value, which is a number, and return the sum. This is atomic."""
        self._value = added(self._value, by)
        return self._value

    def compare_and_set(self, expected: T, new: T) -> bool:
        """Replace the value if it is equal to `expected`; return whether it was. This is atomic."""
        if self._value != expected:
            return False
        self._value = new
        return True


@shared(dynamic=True)
class Namespace:
    """An object whose attributes any number of processes share, all but those with an underscore.

    What is read from it is a copy. Their types are not known, so any value will do that travels as
    `Any`. `n.x += 1` is two calls, and another process may come between: use a `Value` or a
    `Dict`, whose `increment` is one.
    """

    def __init__(self, /, **attributes: Any) -> None:
        self._attributes = attributes

    def __getattr__(self, name: str, /) -> Any:
        if not name.startswith("_") and name in self._attributes:
            return self._attributes[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any, /) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            self._attributes[name] = value

    def __delattr__(self, name: str, /) -> None:
        if name not in self._attributes:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        del self._attributes[name]

    def __str__(self) -> str:
        held = ", ".join(f"{name}={value!r}" for name, value in sorted(self._attributes.items()))
        return f"{type(self).__name__}({held})"


@shared
class Array(Generic[T]):
    """An array of numbers that any number of processes share, of a length that stays.

    It holds them as an `array.array` of a type code does, and refuses what that refuses. A slice
    is a list; iterating goes over the items that there were when it began.

    Every call is whole, but `a[0] += 1` is two calls, and another process may come between: use
    `increment`, or `compare_and_set`.
    """

    def __init__(self, typecode: str, items: Iterable[T] = (), /) -> None:
        self._items: array[Any] = array(typecode, cast("Iterable[Any]", items))

    def __str__(self) -> str:
        return str(self._items)

    @property
    def typecode(self) -> str:
        """The type code with which it was made."""
        return self._items.typecode

    def tolist(self) -> list[T]:
        """Return all of it, as a list of the caller's own."""
        return cast("list[T]", self._items.tolist())

    @overload
    def increment(self: Array[int], index: int, by: int = 1) -> int: ...
    @overload
    def increment(self: Array[float], index: int, by: float = 1) -> float: ...
    def increment(self: Array[N], index: int, by: N | int = 1) -> N:
        """Add to the number at a position, and return the sum. This is atomic.

        Raises:
            IndexError: There is none at this position.
            OverflowError: The sum is too large for the type code.
        """
        self._items[index] += by
        return cast("N", self._items[index])

    def compare_and_set(self, index: int, expected: T, new: T) -> bool:
        """Replace an item if it is equal to `expected`; return whether it was. This is atomic.

        Raises:
            IndexError: There is none at this position.
        """
        if self._items[index] != expected:
            return False
        self._items[index] = new
        return True

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object, /) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self.tolist())

    def __reversed__(self) -> Iterator[T]:
        return reversed(self.tolist())

    @overload
    def __getitem__(self, index: int, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[T]: ...
    def __getitem__(self, index: int | slice, /) -> T | list[T]:
        found = self._items[index]
        return cast("list[T]", found.tolist()) if isinstance(found, array) else cast("T", found)

    @overload
    def __setitem__(self, index: int, item: T, /) -> None: ...
    @overload
    def __setitem__(self, index: slice, item: Iterable[T], /) -> None: ...
    def __setitem__(self, index: int | slice, item: T | Iterable[T], /) -> None:
        """Set an item, or as many as a slice has.

        `a[0] += 1` is two calls, and not atomic; `increment` is.

        Raises:
            ValueError: There are not as many as the slice has.
        """
        if not isinstance(index, slice):
            self._items[index] = item
            return
        items = array(self.typecode, cast("Any", item))
        there = len(range(*index.indices(len(self._items))))
        if len(items) != there:
            raise ValueError(f"a slice of {there} cannot be set to {len(items)}: the length stays")
        self._items[index] = items
