"""Generic shared classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast, overload

import attrs

from kinfolk import factory, manager, shared, singleton

T = TypeVar("T")
K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)
D = TypeVar("D")
N = TypeVar("N", bound="Sized")
Text = TypeVar("Text", str, bytes)


@attrs.frozen
class Sized:
    """A value with a size."""

    size: int


@attrs.frozen
class Bigger(Sized):
    """One with a colour."""

    colour: str = "red"


@shared
class Box(Generic[T]):
    """Holds things of one kind."""

    def __init__(self) -> None:
        self._items: list[T] = []

    def put(self, item: T) -> int:
        """Add a thing; return how many there are."""
        self._items.append(item)
        return len(self._items)

    def all(self) -> list[T]:
        return self._items

    @overload
    def first(self) -> T: ...
    @overload
    def first(self, default: D) -> T | D: ...
    def first(self, default: object = None) -> object:
        """Return the first thing, or the default."""
        return self._items[0] if self._items else default

    @overload
    def total(self: Box[int]) -> int: ...
    @overload
    def total(self: Box[Text], between: Text) -> Text: ...
    def total(self, between: object = None) -> object:
        """Return the sum, or the texts put together; of other things there is none."""
        if isinstance(between, str | bytes):
            return between.join(cast("list[Any]", self._items))
        return sum(cast("list[int]", self._items))

    def __iter__(self) -> Iterator[T]:
        yield from self._items

    def beside(self, other: D) -> tuple[T, D]:
        return self._items[0], other

    def merged(self, other: Box[T]) -> Box[T]:
        """Return a new box with the things of both."""
        box = Box[T]()
        box._items = [*self._items, *other._items]
        return box


@shared
class Pair(Generic[K, V_co]):
    """Two things of two kinds."""

    def __init__(self, key: K, value: V_co) -> None:
        self._key = key
        self._value = value

    @property
    def key(self) -> K:
        return self._key

    def value(self) -> V_co:
        return self._value


@shared
class NamedBox(Box[str]):
    """Holds words, and has a name."""

    def __init__(self, name: str = "words") -> None:
        super().__init__()
        self._name = name

    def name(self) -> str:
        return self._name


@shared
class LabelledBox(Box[T], Generic[K, T]):
    """Holds things under a label, its type parameters in another order."""

    def label(self, label: K) -> tuple[K, list[T]]:
        return label, self.all()


@shared
class Bounded(Generic[N]):
    """Holds the largest thing."""

    def __init__(self) -> None:
        self._best: N | None = None

    def offer(self, item: N) -> N:
        if self._best is None or item.size > self._best.size:
            self._best = item
        return self._best

    def join(self, left: Text, right: Text) -> Text:
        return left + right


@manager
class Generics:
    """Boxes of all kinds."""

    numbers = singleton(Box[int])
    names = singleton(NamedBox)
    labelled = singleton(LabelledBox[str, int])
    pages = singleton(Box[dict[str, list[Sized]]])
    best = singleton(Bounded[Bigger])
    pair = factory(Pair[str, int])
    words = factory(NamedBox)
