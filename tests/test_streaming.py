"""Streams at the client, whose steps are cut short."""

from __future__ import annotations

import contextlib
import gc
import random
import signal
import threading
import weakref
from types import FrameType
from typing import Any

import pytest
from support.channels import kinfolks_own
from support.hosted.manager import OFFER, FrontierProxy

from kinfolk import streaming
from kinfolk.deadlines import deadline
from kinfolk.errors import CallTimeout, ConnectionLost, ObjectGone
from kinfolk.streaming import Stream

MEMBER = OFFER.members(FrontierProxy)["__iter__"]


class Struck(BaseException):
    """What a signal handler raises."""


class Source:
    """Has three items, and is struck where it is told."""

    generation = 1

    def __init__(self) -> None:
        self.items = [1, 2, 3]
        self.strike: BaseException | None = None
        self.last: BaseException | None = None
        self.dropped: list[int] = []
        self.closed: list[int] = []
        self.asked, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    @kinfolks_own
    def fetch(self, member: object, stream: int) -> tuple[list[Any], bool, BaseException | None]:
        """Return the next item, if nothing strikes."""
        self.asked.set()
        assert self.gate.wait(60)
        if self.strike is not None:
            error, self.strike = self.strike, None
            raise error
        if not self.items:
            return [], False, self.last
        return [self.items.pop(0)], True, None

    def close_stream(self, number: int, generation: int) -> None:
        """Note it."""
        self.closed.append(number)

    def drop(self, target: int, generation: int) -> None:
        """Note it."""
        self.dropped.append(target)


def test_what_ended_a_stream_does_not_keep_it() -> None:
    """Once it is forgotten, without the collector, which may not come for long."""
    source = Source()
    source.items, source.last = [], ValueError("no more")
    stream = Stream(source, MEMBER, 7, 1)
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            next(stream)
        source.last, seen = None, weakref.ref(stream)
        del stream
        assert seen() is None
    finally:
        gc.enable()


class Turn:
    """A turn that is given back just when a signal arrives."""

    def acquire(self, **_: object) -> bool:
        """Take it."""
        return True

    def release(self) -> None:
        """Give it back."""
        raise Struck


def test_an_item_whose_step_is_struck_in_the_end_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is there already, so the next step returns it."""
    stream = Stream(Source(), MEMBER, 7, 1)
    assert next(stream) == 1
    monkeypatch.setattr(stream, "_turn", Turn())
    with pytest.raises(Struck):
        next(stream)
    monkeypatch.undo()
    assert list(stream) == [2, 3]


@pytest.mark.parametrize("error", [CallTimeout("late", executed="no"), ConnectionLost("x", "no")])
def test_a_step_that_was_not_made_is_made_by_the_next(error: Exception) -> None:
    """So it may be tried again, and nothing is missing."""
    source = Source()
    stream = Stream(source, MEMBER, 7, 1)
    assert next(stream) == 1
    source.strike = error
    with pytest.raises(type(error)):
        next(stream)
    assert list(stream) == [2, 3]
    assert source.dropped == []


@pytest.mark.parametrize(
    "error",
    [CallTimeout("late", executed="unknown"), CallTimeout("late", executed="yes"), Struck()],
)
def test_a_step_that_may_have_been_made_ends_the_stream(error: BaseException) -> None:
    """By an exception, again and again: what is missing must not look like the end."""
    source = Source()
    stream = Stream(source, MEMBER, 7, 1)
    assert next(stream) == 1
    source.strike = error
    with pytest.raises(type(error)):
        next(stream)
    for _ in range(2):
        with pytest.raises(ObjectGone, match="a step of it was cut short"):
            next(stream)
    assert source.dropped == [7]
    stream.close()
    assert list(stream) == []


def test_a_thread_waits_for_another_ones_step_until_its_deadline() -> None:
    """It has not begun one by then, and the other gets its item."""
    source = Source()
    stream = Stream(source, MEMBER, 7, 1)
    source.gate.clear()
    got: list[int] = []
    other = threading.Thread(target=lambda: got.append(next(stream)))
    other.start()
    assert source.asked.wait(60)
    with pytest.raises(CallTimeout, match="another thread") as caught, deadline(0.05):
        next(stream)
    assert caught.value.executed == "no"
    source.gate.set()
    other.join()
    assert got + list(stream) == [1, 2, 3]


def test_a_step_in_the_middle_of_a_step_is_refused_as_a_generator_does() -> None:
    """A signal handler that goes on with what it interrupted would wait for itself."""

    class Nested(Source):
        """Makes a step while it is asked for one."""

        def fetch(
            self, member: object, stream: int
        ) -> tuple[list[Any], bool, BaseException | None]:
            """Try it."""
            with pytest.raises(ValueError, match="executing a step already"):
                next(shared)
            return super().fetch(member, stream)

    shared = Stream(Nested(), MEMBER, 7, 1)
    assert list(shared) == [1, 2, 3]


def test_no_interruption_leaves_a_turn_behind() -> None:
    """Wherever it strikes while two threads step: both go on afterwards."""

    class Endless(Source):
        """Always has an item."""

        def fetch(
            self, member: object, stream: int
        ) -> tuple[list[Any], bool, BaseException | None]:
            """Return it."""
            return [1], True, None

    stream = Stream(Endless(), MEMBER, 7, 1)
    done, struck, dice = threading.Event(), 0, random.Random(3)

    def strike(_signal: int, frame: FrameType | None) -> None:
        nonlocal struck
        moment = dice.uniform(1e-6, 2e-4) if struck < 2000 else 0
        signal.setitimer(signal.ITIMER_REAL, moment)
        if moment and frame is not None and frame.f_code.co_filename == streaming.__file__:
            struck += 1
            raise Struck

    def step() -> None:
        while not done.is_set():
            step_once()

    def step_once() -> None:
        nonlocal stream
        try:
            next(stream)
        except ObjectGone:  # since a step was struck
            stream = Stream(Endless(), MEMBER, 7, 1)

    other = threading.Thread(target=step)
    other.start()
    before = signal.signal(signal.SIGALRM, strike)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-3)
        while struck < 2000:
            with contextlib.suppress(Struck), deadline(60):
                step_once()
        with deadline(60):
            step_once()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        done.set()
        other.join(60)
    assert not other.is_alive()
