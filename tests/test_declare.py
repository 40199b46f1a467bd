"""The words of a spec: they mark, and change nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

import attrs
import pytest

from kinfolk import blocking, factory, hidden, manager, raises, shared, singleton, stream
from kinfolk.declare import (
    Factory,
    Marks,
    SharedMark,
    Singleton,
    marks_of,
    offer_of,
    shared_mark,
)

T = TypeVar("T")


@shared
@attrs.define
class Counter:
    """A shared class."""

    total: int = 0

    @hidden
    def secret(self) -> int:
        """Stay here."""
        return self.total

    @property
    @hidden
    def private(self) -> int:
        """Stay here too."""
        return self.total

    @stream(ahead=5)
    @raises(ZeroDivisionError)
    @raises(LookupError)
    def numbers(self) -> Iterator[int]:
        """Count."""
        yield from range(self.total)


@shared(concurrent=True)
class Gate(Generic[T]):
    """A class that guards itself."""

    @blocking
    def wait(self) -> None:
        """Wait."""


class Unshared(Counter):
    """A subclass is shared only when it says so."""


def test_a_shared_class_stays_what_it_was() -> None:
    """Marked classes and methods work without any server."""
    counter = Counter(3)
    assert counter.secret() == counter.private == 3
    assert list(counter.numbers()) == [0, 1, 2]
    assert counter == Counter(3)


def test_marks_of_classes() -> None:
    """A class, or a parametrised one, tells what `@shared` said of it; a subclass nothing."""
    assert shared_mark(Counter) == SharedMark(concurrent=False)
    assert shared_mark(Gate[int]) == shared_mark(Gate) == SharedMark(concurrent=True)
    assert shared_mark(Unshared) is None
    assert shared_mark(int) is None
    assert shared_mark("no class") is None


def test_the_order_of_decorators_does_not_matter() -> None:
    """`@shared` may stand inside `@attrs.define`, which makes a new class."""

    @attrs.define
    @shared
    class Inside:
        pass

    assert shared_mark(Inside) == SharedMark()


def test_marks_of_methods() -> None:
    """Each decorator adds its own mark, and several go together."""
    assert marks_of(Counter.secret) == Marks(hidden=True)
    assert marks_of(vars(Counter)["private"]) == Marks(hidden=True)
    assert marks_of(Counter.numbers) == Marks(ahead=5, raises=(LookupError, ZeroDivisionError))
    assert marks_of(Gate.wait) == Marks(blocking=True)
    assert marks_of(len) == Marks()


def test_reading_ahead_takes_at_least_one() -> None:
    """`stream(ahead=0)` would never fetch anything, and is refused."""
    with pytest.raises(ValueError, match="at least 1, not 0"):
        stream(ahead=0)


def test_a_manager_offers_its_entries_in_order() -> None:
    """`@manager` collects what the class body offers, by name, and nothing else."""

    @manager
    class Offers:
        first = singleton(Counter, total=4)
        second = singleton(Gate[int])
        made = factory(Counter)
        unrelated = 3

    offer = offer_of(Offers)
    assert offer is not None
    assert list(offer.entries) == ["first", "second", "made"]
    first, made = cast("Any", offer.entries["first"]), offer.entries["made"]
    assert isinstance(first, Singleton)
    assert (first.shared, first.args, first.kwargs) == (Counter, (), {"total": 4})
    assert isinstance(made, Factory)
    assert made.shared is Counter
    assert offer.name.endswith("Offers")
    assert offer_of(Counter) is None


def test_a_manager_may_have_a_name() -> None:
    """`@manager(name=…)` names the server's socket."""

    @manager(name="orchard")
    class Offers:
        first = singleton(Counter)

    offer = offer_of(Offers)
    assert offer is not None
    assert offer.name == "orchard"


def test_only_exceptions_are_raised() -> None:
    """`@raises` refuses what no method could raise."""
    with pytest.raises(TypeError, match="classes of exceptions, not <class 'int'>"):
        raises(cast("Any", int))
