"""Shared classes whose objects call each other."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Iterator
from typing import TypeAlias

import attrs
import pytest
from support.threads import Run, run_all, until

from kinfolk.declare import hidden, shared
from kinfolk.host.instrument import instrument, takes_turns
from kinfolk.host.turns import Turn, give_turn, take_turn_away

Waits: TypeAlias = Callable[[Callable[[], object]], bool]


class Base:
    """Has methods that are not shared themselves."""

    count = 0

    def add(self) -> None:
        """Add one, in two steps."""
        seen = self.count
        time.sleep(0)  # another thread may come between, if the turn lets it
        self.count = seen + 1


@shared
class Counter(Base):
    """Counts."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def add_twice(self) -> None:
        """Call itself, within the turn."""
        self.add()
        self.add()

    @property
    def double(self) -> int:
        """Twice the count."""
        return self.count * 2

    @double.setter
    def double(self, value: int) -> None:
        self.count = value // 2

    @hidden
    def reset(self) -> None:
        """Start again."""
        self.count = 0

    @staticmethod
    def zero() -> int:
        """Return zero."""
        return 0

    @classmethod
    def make(cls) -> Counter:
        """Make another."""
        return cls()

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        return True

    def numbers(self) -> Generator[int, int | None, str]:
        """Yield numbers until the end."""
        try:
            for number in range(3):
                self.seen.append(number)
                yield number
        finally:
            self.seen.append(-1)
        return "done"

    def letters(self) -> Iterator[str]:
        """Return an iterator that is no generator."""
        return iter("ab")

    def itself(self) -> Iterator[str]:
        """Return what is shared itself."""
        return self

    def __next__(self) -> str:
        raise StopIteration

    def __iter__(self) -> Iterator[str]:
        return self

    def _private(self) -> int:
        return self.count


@shared(concurrent=True)
class Free(Base):
    """Guards itself."""


class Derived(Counter):
    """Not decorated itself."""

    def add_thrice(self) -> None:
        """Add three."""
        self.add_twice()
        self.add()


@attrs.define(init=False)
class Plain(Base):
    """Not shared at all."""


def hosted(counter: Counter) -> Turn:
    """Do what a host does with an object."""
    instrument(type(counter), {"__len__"}, {"letters", "itself", "__iter__"})
    return give_turn(counter)


@pytest.fixture
def counter() -> Iterator[Counter]:
    """A hosted object."""
    counter = Counter()
    hosted(counter)
    yield counter
    take_turn_away(counter)


@pytest.fixture
def waits(counter: Counter) -> Waits:
    """Tells whether an action waits for the counter's turn, which another thread has."""
    turn = give_turn(counter)
    take_turn_away(counter)

    def waits(action: Callable[[], object]) -> bool:
        turn.take("Test.hold")
        run = Run(action)
        until(lambda: turn.waiting or not run.running)
        waiting = bool(turn.waiting)
        turn.leave()
        run.result()
        return waiting

    return waits


def test_objects_that_call_each_other_take_turns(counter: Counter) -> None:
    """Plain calls from several threads lose nothing, of methods inherited and own."""

    def work() -> None:
        for _ in range(100):
            counter.add()
            counter.add_twice()

    run_all(*[work] * 4)
    assert counter.count == 1200


def test_what_takes_the_turn(counter: Counter, waits: Waits) -> None:
    """Public methods, hidden ones too, properties and exposed operators do; no others."""
    assert waits(counter.add)
    assert waits(counter.reset)
    assert waits(lambda: counter.double)
    assert waits(lambda: setattr(counter, "double", 4))
    assert waits(lambda: len(counter))
    assert not waits(lambda: bool(counter))
    assert not waits(counter.zero)
    assert not waits(counter.make)
    assert not waits(counter._private)
    assert not waits(lambda: counter.count)


def test_an_object_that_is_not_hosted_is_passed_through(counter: Counter) -> None:
    """It works as it did before its class was wrapped."""
    other = Counter()
    counter.add()
    other.add_twice()
    other.double = 8
    assert (counter.count, other.count, other.double, list(other.numbers())) == (1, 4, 8, [0, 1, 2])


def test_each_step_of_a_generator_is_a_turn(counter: Counter, waits: Waits) -> None:
    """Between two steps others may call, and closing is a step too."""
    steps = counter.numbers()
    assert next(steps) == 0
    assert waits(lambda: next(steps))
    assert waits(steps.close)
    assert counter.seen == [0, 1, -1]


def test_a_generator_stays_one(counter: Counter) -> None:
    """Values can be sent and thrown, and its result arrives."""

    def whole() -> Generator[int, int | None, str]:
        return (yield from counter.numbers())

    outer = whole()
    assert [next(outer), outer.send(None), outer.send(7)] == [0, 1, 2]
    with pytest.raises(StopIteration) as stop:
        next(outer)
    assert stop.value.value == "done"
    broken = counter.numbers()
    next(broken)
    with pytest.raises(KeyError):
        broken.throw(KeyError("x"))


def test_each_step_of_another_iterator_is_a_turn(counter: Counter, waits: Waits) -> None:
    """An iterator that the method only hands out steps in turns too."""
    letters = counter.letters()
    assert waits(lambda: next(letters))
    assert list(letters) == ["b"]


def test_a_shared_object_that_is_an_iterator_stays_itself(counter: Counter) -> None:
    """A method that returns a shared object returns the very object."""
    assert counter.itself() is counter


def test_within_the_turn_a_generator_is_handed_on_as_it_is(counter: Counter) -> None:
    """The chain that has the turn needs no other."""
    turn = give_turn(counter)
    turn.take("Test.hold")
    assert inspect.isgenerator(counter.numbers())
    turn.leave()
    assert not inspect.isgenerator(counter.numbers())


def test_a_class_is_wrapped_once(counter: Counter) -> None:
    """Hosting a second object changes nothing."""
    before = dict(vars(Counter))
    hosted(Counter())
    assert dict(vars(Counter)) == before
    assert inspect.signature(Counter.numbers).return_annotation.startswith("Generator")


def test_the_base_of_a_shared_class_stays_as_it_was(counter: Counter) -> None:
    """Inherited methods are wrapped in the shared class itself."""
    assert Base.add is not Counter.add
    assert not hasattr(Base.add, "__wrapped__")


def test_a_class_derived_from_a_shared_one_takes_turns() -> None:
    """Also with methods of its own, though it is not decorated."""
    derived = Derived()
    turn = hosted(derived)
    turn.take("Test.hold")
    run = Run(derived.add_thrice)
    until(lambda: turn.waiting)
    turn.leave()
    run.result()
    assert derived.count == 3


def test_which_classes_take_turns() -> None:
    """All but those that guard themselves."""
    assert takes_turns(Counter)
    assert takes_turns(Derived)
    assert takes_turns(dict)
    assert not takes_turns(Free)


def test_a_class_that_is_not_shared_is_never_changed() -> None:
    """It belongs to others, who know nothing of turns."""
    before = dict(vars(Plain))
    instrument(Plain, {"add"})
    assert dict(vars(Plain)) == before
