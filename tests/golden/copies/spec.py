"""Results that are copies, typed by read-only protocols."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar, overload

import attrs

from kinfolk import factory, manager, shared, singleton
from kinfolk.types import Dict

T = TypeVar("T")


@shared
@attrs.define
class Library:
    """Books by shelf; what is read of it is a copy."""

    shelves: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])

    def books(self) -> list[str]:
        """Return all books."""
        return [book for shelf in self.shelves.values() for book in shelf]

    def shelve(self, books: list[str], name: str = "new") -> set[str]:
        """Put books on a shelf; return which were new."""
        before = set(self.shelves.get(name, ()))
        self.shelves[name] = books
        return set(books) - before

    def pages(self) -> Iterator[list[tuple[int, set[int]]]]:
        """Yield pages that refer to others."""
        yield [(1, {2})]

    @overload
    def last(self, count: None = None) -> deque[str] | None: ...
    @overload
    def last(self, count: int) -> deque[str]: ...
    def last(self, count: int | None = None) -> deque[str] | None:
        """Return the last books."""
        return deque(self.books(), count) if count else None

    def index(self) -> Dict[str, list[int]]:
        """Return a shared index."""
        return Dict[str, list[int]]()

    def use(self, index: Dict[str, list[int]]) -> list[str]:
        """Take an index as it was returned."""
        return index.keys()


@shared
class Drawer(Generic[T]):
    """Holds one thing."""

    def __init__(self, thing: T) -> None:
        self._thing = thing

    def get(self) -> T:
        """Return the thing."""
        return self._thing


@manager
class Copies:
    """Results that are copies."""

    library = singleton(Library)
    numbers = singleton(Dict[str, list[int]])
    drawer = factory(Drawer[list[int]])
