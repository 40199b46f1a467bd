"""What queues keep their items in: in which order they come out again."""

from __future__ import annotations

import contextlib
import heapq
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import MutableSequence
from typing import Any, Generic, TypeVar

__all__ = ["Fifo", "Heap", "Lifo", "Store"]

T = TypeVar("T")


class Store(ABC, Generic[T]):
    """Items, of which one comes out next."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def put(self, item: T) -> None:
        """Put an item in."""

    @abstractmethod
    def get(self) -> T:
        """Take out the next item."""

    @abstractmethod
    def put_back(self, item: T) -> None:
        """Put in again what was the next item."""

    @abstractmethod
    def remove(self, item: T) -> bool:
        """Take out this very item; return whether it was there still."""


class Fifo(Store[T]):
    """The first in is the first out."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Put an item in, as the last."""
        self._items.append(item)

    def get(self) -> T:
        """Take out the first item."""
        return self._items.popleft()

    def put_back(self, item: T) -> None:
        """Put in again what was the first item."""
        self._items.appendleft(item)

    def remove(self, item: T) -> bool:
        """Take out this very item; return whether it was there still."""
        return _remove(self._items, item)


class Lifo(Fifo[T]):
    """The last in is the first out."""

    def get(self) -> T:
        """Take out the last item."""
        return self._items.pop()

    def put_back(self, item: T) -> None:
        """Put in again what was the last item."""
        self._items.append(item)


class Heap(Store[T]):
    """The smallest is the first out. What cannot be compared is refused, and nothing is lost."""

    def __init__(self) -> None:
        self._items: list[Any] = []  # heapq wants items that can be compared

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Put an item in; what comparing it raises is raised."""
        try:
            heapq.heappush(self._items, item)
        except BaseException:
            _remove(self._items, item)
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

    def remove(self, item: T) -> bool:
        """Take out this very item; return whether it was there still."""
        removed = _remove(self._items, item)
        if removed:
            heapq.heapify(self._items)
        return removed


def _remove(items: MutableSequence[Any], item: object) -> bool:
    """Remove this very object from a sequence; return whether it was there."""
    # If it is there more than once, it does not matter which, but for the order.
    for index in reversed(range(len(items))):
        if items[index] is item:
            del items[index]
            return True
    return False
