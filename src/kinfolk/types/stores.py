"""What queues keep their items in: in which order they come out again."""

from __future__ import annotations

import contextlib
import heapq
from collections import deque
from collections.abc import MutableSequence
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["Fifo", "Heap", "Lifo", "Store"]

T = TypeVar("T")


class Store(Protocol[T]):
    """Items, of which one comes out next."""

    def __len__(self) -> int: ...

    def put(self, item: T, /) -> None:
        """Put an item in."""

    def get(self) -> T:
        """Take out the next item."""
        ...

    def put_back(self, item: T, /) -> None:
        """Put in again what was the next item."""

    def discard(self, item: T) -> bool:
        """Take out this very item; return whether it was there still."""
        ...


# The methods of a deque by other names, since each function in between takes longer than they do.


class Fifo(deque[T]):
    """The first in is the first out; a `Store`."""

    put = deque[T].append
    get = deque[T].popleft
    put_back = deque[T].appendleft

    def discard(self, item: T) -> bool:
        """Take out this very item; return whether it was there still."""
        return _discard(self, item)


class Lifo(deque[T]):
    """The last in is the first out; a `Store`."""

    put = deque[T].append
    get = deque[T].pop
    put_back = deque[T].append

    def discard(self, item: T) -> bool:
        """Take out this very item; return whether it was there still."""
        return _discard(self, item)


class Heap(Generic[T]):
    """The smallest is the first out; a `Store`.

    What cannot be compared is refused, and nothing is lost.
    """

    def __init__(self) -> None:
        self._items: list[Any] = []  # heapq wants items that can be compared

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Put an item in; what comparing it raises is raised."""
        try:
            heapq.heappush(self._items, item)
        except BaseException:
            _discard(self._items, item)
            raise

    def get(self) -> T:
        """Take out the smallest item; what comparing the others raises is raised."""
        first: T = self._items[0]
        try:
            heapq.heappop(self._items)
        except BaseException:
            self._items.append(first)
            raise
        return first

    def put_back(self, item: T) -> None:
        """Put in again what was the smallest item, in any place if it cannot be compared."""
        with contextlib.suppress(Exception):
            heapq.heappush(self._items, item)

    def discard(self, item: T) -> bool:
        """Take out this very item; return whether it was there still."""
        removed = _discard(self._items, item)
        if removed:
            heapq.heapify(self._items)
        return removed


def _discard(items: MutableSequence[Any], item: object) -> bool:
    """Remove this very object from a sequence; return whether it was there."""
    # If it is there more than once, it does not matter which, but for the order.
    for index in reversed(range(len(items))):
        if items[index] is item:
            del items[index]
            return True
    return False
