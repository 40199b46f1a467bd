"""Sets that processes share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Generic, Self, TypeVar, cast

from kinfolk.declare import shared

__all__ = ["Set"]

T = TypeVar("T")
D = TypeVar("D")


@shared
class Set(Generic[T]):
    """A set that any number of processes share.

    It has all that a `set` has. What is read from it is a copy, and so is what its methods and
    operators give; iterating goes over the elements that there were when it began.

    Every call is whole. `if x not in s: s.add(x)` is two calls, and another process may come
    between: `add_new` does it in one, and `take` is its counterpart.
    """

    def __init__(self, elements: Iterable[T] | Set[T] = (), /) -> None:
        self._elements: set[T] = set(self._plain(elements))

    def add(self, element: T, /) -> None:
        """Add an element; no effect if it is there already."""
        self._elements.add(element)

    def add_new(self, element: T) -> bool:
        """Add an element; return whether it was new. This is atomic."""
        before = len(self._elements)
        self._elements.add(element)
        return len(self._elements) > before

    def take(self, element: T) -> bool:
        """Remove an element; return whether it was there. This is atomic."""
        before = len(self._elements)
        self._elements.discard(element)
        return len(self._elements) < before

    def remove(self, element: T, /) -> None:
        """Remove an element.

        Raises:
            KeyError: It is not there.
        """
        self._elements.remove(element)

    def discard(self, element: object, /) -> None:
        """Remove an element; no effect if it is not there."""
        self._elements.discard(cast("T", element))

    def pop(self) -> T:
        """Remove any element, and return it.

        Raises:
            KeyError: There is none.
        """
        return self._elements.pop()

    def clear(self) -> None:
        """Remove every element."""
        self._elements.clear()

    def copy(self) -> set[T]:
        """Return all of it, as a set of the caller's own."""
        return self._elements.copy()

    def update(self, *others: Iterable[T] | Set[T]) -> None:
        """Add the elements of all the others, in one call."""
        self._elements.update(*map(self._plain, others))

    def difference_update(self, *others: Iterable[object] | Set[Any]) -> None:
        """Remove the elements of all the others, in one call."""
        self._elements.difference_update(*map(self._plain, others))

    def intersection_update(self, *others: Iterable[object] | Set[Any]) -> None:
        """Keep the elements that are in all the others too, in one call."""
        self._elements.intersection_update(*map(self._plain, others))

    def symmetric_difference_update(self, other: Iterable[T] | Set[T], /) -> None:
        """Remove the elements that the other has too, and add the rest of its, in one call."""
        self._elements.symmetric_difference_update(self._plain(other))

    def union(self, *others: Iterable[D] | Set[D]) -> set[T | D]:
        """Return the elements of this set and of all the others."""
        return cast("set[T | D]", self._elements.union(*map(self._plain, others)))

    def difference(self, *others: Iterable[object] | Set[Any]) -> set[T]:
        """Return the elements that are in none of the others."""
        return self._elements.difference(*map(self._plain, others))

    def intersection(self, *others: Iterable[object] | Set[Any]) -> set[T]:
        """Return the elements that are in all the others too."""
        return self._elements.intersection(*map(self._plain, others))

    def symmetric_difference(self, other: Iterable[D] | Set[D], /) -> set[T | D]:
        """Return the elements that are in one of both, but not in the other."""
        return cast("set[T | D]", self._elements.symmetric_difference(self._plain(other)))

    def isdisjoint(self, other: Iterable[object] | Set[Any], /) -> bool:
        """Return whether no element is in the other too."""
        return self._elements.isdisjoint(self._plain(other))

    def issubset(self, other: Iterable[object] | Set[Any], /) -> bool:
        """Return whether every element is in the other too."""
        return self._elements.issubset(self._plain(other))

    def issuperset(self, other: Iterable[object] | Set[Any], /) -> bool:
        """Return whether every element of the other is in this set too."""
        return self._elements.issuperset(self._plain(other))

    # --- Operators

    def __len__(self) -> int:
        return len(self._elements)

    def __contains__(self, element: object, /) -> bool:
        return element in self._elements

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._elements))

    def __and__(self, other: AbstractSet[object] | Set[Any], /) -> set[T]:
        return set(self._elements & self._plain(other))

    def __rand__(self, other: AbstractSet[object], /) -> set[T]:
        return set(self._elements & other)

    def __or__(self, other: AbstractSet[D] | Set[D], /) -> set[T | D]:
        return set(self._elements | self._plain(other))

    def __ror__(self, other: AbstractSet[D], /) -> set[D | T]:
        return set(self._elements | other)

    def __sub__(self, other: AbstractSet[object] | Set[Any], /) -> set[T]:
        return set(self._elements - self._plain(other))

    def __rsub__(self, other: AbstractSet[D], /) -> set[D]:
        return set(other - self._elements)

    def __xor__(self, other: AbstractSet[D] | Set[D], /) -> set[T | D]:
        return set(self._elements ^ self._plain(other))

    def __rxor__(self, other: AbstractSet[D], /) -> set[D | T]:
        return set(self._elements ^ other)

    def __iand__(self, other: AbstractSet[object] | Set[Any], /) -> Self:
        self._elements &= self._plain(other)
        return self

    def __ior__(self, other: AbstractSet[T] | Set[T], /) -> Self:  # type: ignore[misc]
        """Add the elements of the other, as `update` does: in one call, which is atomic."""
        self._elements |= self._plain(other)
        return self

    def __isub__(self, other: AbstractSet[object] | Set[Any], /) -> Self:
        self._elements -= self._plain(other)
        return self

    def __ixor__(self, other: AbstractSet[T] | Set[T], /) -> Self:  # type: ignore[misc]
        self._elements ^= self._plain(other)
        return self

    def __eq__(self, other: object) -> bool:
        return self._elements.__eq__(self._plain(other))

    def __le__(self, other: AbstractSet[object] | Set[Any], /) -> bool:
        return self._elements.__le__(self._plain(other))

    def __lt__(self, other: AbstractSet[object] | Set[Any], /) -> bool:
        return self._elements.__lt__(self._plain(other))

    def __ge__(self, other: AbstractSet[object] | Set[Any], /) -> bool:
        return self._elements.__ge__(self._plain(other))

    def __gt__(self, other: AbstractSet[object] | Set[Any], /) -> bool:
        return self._elements.__gt__(self._plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self._elements)

    @staticmethod
    def _plain(other: object) -> Any:
        # Past the turn of the other one, or two that are joined with each other could wait in a
        # circle. Copying it is one step of Python.
        same: Any = other
        return same._elements.copy() if isinstance(other, Set) else other
