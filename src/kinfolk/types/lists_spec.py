"""Lists and deques that processes share."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, Self, TypeVar, cast, overload

from kinfolk.declare import shared
from kinfolk.types.numbers import N, added

__all__ = ["Deque", "List"]

T = TypeVar("T")
D = TypeVar("D")


@shared
class List(Generic[T]):
    """A list that any number of processes share.

    It has all that a `list` has. What is read from it is a copy, and so are slices, `copy()` and
    what `+` and `*` give; iterating goes over the items that there were when it began. `sort` takes
    no `key`, since functions cannot travel.

    Every call is whole, but `x[0] += 1` is two calls, and another process may come between: use
    `increment`, or `compare_and_set`.
    """

    def __init__(self, items: Iterable[T] | List[T] = (), /) -> None:
        self._items: list[T] = list(self._plain(items))

    def append(self, item: T, /) -> None:
        """Add an item at the end."""
        self._items.append(item)

    def extend(self, items: Iterable[T] | List[T], /) -> None:
        """Add several items at the end, in one call."""
        self._items.extend(self._plain(items))

    def insert(self, index: int, item: T, /) -> None:
        """Put an item before the one at a position."""
        self._items.insert(index, item)

    def pop(self, index: int = -1, /) -> T:
        """Remove an item, the last one unless said otherwise, and return it.

        Raises:
            IndexError: There is none at this position.
        """
        return self._items.pop(index)

    def remove(self, item: T, /) -> None:
        """Remove the first item that is equal to this one.

        Raises:
            ValueError: There is none.
        """
        self._items.remove(item)

    def clear(self) -> None:
        """Remove every item."""
        self._items.clear()

    def index(self, item: T, start: int = 0, stop: int = sys.maxsize, /) -> int:
        """Return the position of the first item that is equal to this one.

        Raises:
            ValueError: There is none between `start` and `stop`.
        """
        return self._items.index(item, start, stop)

    def count(self, item: T, /) -> int:
        """Return how many items are equal to this one."""
        return self._items.count(item)

    def sort(self, *, reverse: bool = False) -> None:
        """Sort the items in place, the least first unless `reverse` is set."""
        cast("list[Any]", self._items).sort(reverse=reverse)

    def reverse(self) -> None:
        """Turn the order of the items round, in place."""
        self._items.reverse()

    def copy(self) -> list[T]:
        """Return all of it, as a list of the caller's own."""
        return self._items.copy()

    @overload
    def increment(self: List[int], index: int, by: int = 1) -> int: ...
    @overload
    def increment(self: List[float], index: int, by: float = 1) -> float: ...
    @overload
    def increment(self: List[complex], index: int, by: complex = 1) -> complex: ...
    @overload
    def increment(self: List[Decimal], index: int, by: Decimal | int = 1) -> Decimal: ...
    @overload
    def increment(self: List[Fraction], index: int, by: Fraction | int = 1) -> Fraction: ...
    def increment(self: List[N], index: int, by: N | int = 1) -> N:
        """Add to the number at a position, and return the sum. This is atomic.

        Raises:
            IndexError: There is none at this position.
        """
        items = cast("Any", self._items)
        items[index] = added(items[index], by)
        return cast("N", items[index])

    def compare_and_set(self, index: int, expected: T, new: T) -> bool:
        """Replace an item if it is equal to `expected`; return whether it was. This is atomic.

        Raises:
            IndexError: There is none at this position.
        """
        if self._items[index] != expected:
            return False
        self._items[index] = new
        return True

    # --- Operators

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object, /) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items))

    def __reversed__(self) -> Iterator[T]:
        return reversed(list(self._items))

    @overload
    def __getitem__(self, index: int, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[T]: ...
    def __getitem__(self, index: int | slice, /) -> T | list[T]:
        return self._items[index]

    @overload
    def __setitem__(self, index: int, item: T, /) -> None: ...
    @overload
    def __setitem__(self, index: slice, item: Iterable[T] | List[T], /) -> None: ...
    def __setitem__(self, index: int | slice, item: T | Iterable[T] | List[T], /) -> None:
        """Set an item, or put several in the place of a slice.

        `x[0] += 1` is two calls, and not atomic; `increment` is.
        """
        items = cast("Any", self._items)
        items[index] = self._plain(item) if isinstance(index, slice) else item

    def __delitem__(self, index: int | slice, /) -> None:
        del self._items[index]

    @overload
    def __add__(self, other: list[T] | List[T], /) -> list[T]: ...
    @overload
    def __add__(self, other: list[D] | List[D], /) -> list[D | T]: ...
    def __add__(  # type: ignore[misc]  # to mypy, no list[D] is a list[T | D]
        self, other: list[T | D] | List[Any], /
    ) -> list[T | D]:
        return cast("list[T | D]", self._items + self._plain(other))

    @overload
    def __radd__(self, other: list[T], /) -> list[T]: ...
    @overload
    def __radd__(self, other: list[D], /) -> list[D | T]: ...
    def __radd__(self, other: list[T | D], /) -> list[T | D]:  # type: ignore[misc]
        return other + self._items

    def __iadd__(self, items: Iterable[T] | List[T], /) -> Self:  # type: ignore[misc]
        """Add several items at the end, as `extend` does: in one call, which is atomic."""
        self._items += self._plain(items)
        return self

    def __mul__(self, times: int, /) -> list[T]:
        return self._items * times

    def __rmul__(self, times: int, /) -> list[T]:
        return self._items * times

    def __imul__(self, times: int, /) -> Self:
        self._items *= times
        return self

    def __eq__(self, other: object) -> bool:
        return self._items.__eq__(self._plain(other))

    def __lt__(self, other: list[T] | List[T], /) -> bool:
        return self._items.__lt__(self._plain(other))

    def __le__(self, other: list[T] | List[T], /) -> bool:
        return self._items.__le__(self._plain(other))

    def __gt__(self, other: list[T] | List[T], /) -> bool:
        return self._items.__gt__(self._plain(other))

    def __ge__(self, other: list[T] | List[T], /) -> bool:
        return self._items.__ge__(self._plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self._items)

    @staticmethod
    def _plain(other: object) -> Any:
        # Past the turn of the other one, or two that are added to each other could wait in a
        # circle. Copying it is one step of Python.
        same: Any = other
        return same._items.copy() if isinstance(other, List) else other


@shared
class Deque(Generic[T]):
    """A deque that any number of processes share.

    It has all that a `collections.deque` has. What is read from it is a copy, and so are `copy()`
    and what `+` and `*` give; iterating goes over the items that there were when it began.

    Every call is whole, but `x[0] = x[0] + 1` is two, and another process may come between: use
    `increment`, or `compare_and_set`.
    """

    def __init__(self, items: Iterable[T] | Deque[T] = (), maxlen: int | None = None) -> None:
        self._items: deque[T] = deque(self._plain(items), maxlen)

    @property
    def maxlen(self) -> int | None:
        """How many items it holds at most; None if there is no limit."""
        return self._items.maxlen

    def append(self, item: T, /) -> None:
        """Add an item at the right end."""
        self._items.append(item)

    def appendleft(self, item: T, /) -> None:
        """Add an item at the left end."""
        self._items.appendleft(item)

    def extend(self, items: Iterable[T] | Deque[T], /) -> None:
        """Add several items at the right end, in one call."""
        self._items.extend(self._plain(items))

    def extendleft(self, items: Iterable[T] | Deque[T], /) -> None:
        """Add several items at the left end, one after the other, in one call."""
        self._items.extendleft(self._plain(items))

    def insert(self, index: int, item: T, /) -> None:
        """Put an item before the one at a position.

        Raises:
            IndexError: The deque is as long as it may be.
        """
        self._items.insert(index, item)

    def pop(self) -> T:
        """Remove the item at the right end, and return it.

        Raises:
            IndexError: There is none.
        """
        return self._items.pop()

    def popleft(self) -> T:
        """Remove the item at the left end, and return it.

        Raises:
            IndexError: There is none.
        """
        return self._items.popleft()

    def remove(self, item: T, /) -> None:
        """Remove the first item that is equal to this one.

        Raises:
            ValueError: There is none.
        """
        self._items.remove(item)

    def clear(self) -> None:
        """Remove every item."""
        self._items.clear()

    def index(self, item: T, start: int = 0, stop: int = sys.maxsize, /) -> int:
        """Return the position of the first item that is equal to this one.

        Raises:
            ValueError: There is none between `start` and `stop`.
        """
        return self._items.index(item, start, stop)

    def count(self, item: T, /) -> int:
        """Return how many items are equal to this one."""
        return self._items.count(item)

    def reverse(self) -> None:
        """Turn the order of the items round, in place."""
        self._items.reverse()

    def rotate(self, steps: int = 1, /) -> None:
        """Move so many items from the right end to the left, or the other way if negative."""
        self._items.rotate(steps)

    def copy(self) -> deque[T]:
        """Return all of it, as a deque of the caller's own."""
        return self._items.copy()

    @overload
    def increment(self: Deque[int], index: int, by: int = 1) -> int: ...
    @overload
    def increment(self: Deque[float], index: int, by: float = 1) -> float: ...
    @overload
    def increment(self: Deque[complex], index: int, by: complex = 1) -> complex: ...
    @overload
    def increment(self: Deque[Decimal], index: int, by: Decimal | int = 1) -> Decimal: ...
    @overload
    def increment(self: Deque[Fraction], index: int, by: Fraction | int = 1) -> Fraction: ...
    def increment(self: Deque[N], index: int, by: N | int = 1) -> N:
        """Add to the number at a position, and return the sum. This is atomic.

        Raises:
            IndexError: There is none at this position.
        """
        items = cast("Any", self._items)
        items[index] = added(items[index], by)
        return cast("N", items[index])

    def compare_and_set(self, index: int, expected: T, new: T) -> bool:
        """Replace an item if it is equal to `expected`; return whether it was. This is atomic.

        Raises:
            IndexError: There is none at this position.
        """
        if self._items[index] != expected:
            return False
        self._items[index] = new
        return True

    # --- Operators

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object, /) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items))

    def __reversed__(self) -> Iterator[T]:
        return reversed(list(self._items))

    def __getitem__(self, index: int, /) -> T:
        return self._items[index]

    def __setitem__(self, index: int, item: T, /) -> None:
        """Set an item. `x[0] += 1` is two calls, and not atomic; `increment` is."""
        self._items[index] = item

    def __delitem__(self, index: int, /) -> None:
        del self._items[index]

    def __add__(self, other: deque[T] | Deque[T], /) -> deque[T]:
        return cast("deque[T]", self._items + self._plain(other))

    def __radd__(self, other: deque[T], /) -> deque[T]:
        return other + self._items

    def __iadd__(self, items: Iterable[T] | Deque[T], /) -> Self:
        """Add several items at the right end, as `extend` does: in one call, which is atomic."""
        self._items += self._plain(items)
        return self

    def __mul__(self, times: int, /) -> deque[T]:
        return self._items * times

    def __rmul__(self, times: int, /) -> deque[T]:
        return self._items * times

    def __imul__(self, times: int, /) -> Self:
        self._items *= times
        return self

    def __eq__(self, other: object) -> bool:
        return self._items.__eq__(self._plain(other))

    def __lt__(self, other: deque[T] | Deque[T], /) -> bool:
        return self._items.__lt__(self._plain(other))

    def __le__(self, other: deque[T] | Deque[T], /) -> bool:
        return self._items.__le__(self._plain(other))

    def __gt__(self, other: deque[T] | Deque[T], /) -> bool:
        return self._items.__gt__(self._plain(other))

    def __ge__(self, other: deque[T] | Deque[T], /) -> bool:
        return self._items.__ge__(self._plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self._items)

    @staticmethod
    def _plain(other: object) -> Any:
        # Past its turn, as in List.
        same: Any = other
        return same._items.copy() if isinstance(other, Deque) else other
