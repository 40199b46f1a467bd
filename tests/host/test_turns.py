"""Turns, taken directly."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import Any

import pytest
from support.threads import Run, run_all, until

from kinfolk.errors import Deadlock
from kinfolk.host.turns import Turn, give_turn, take_turn_away, turn_of


class Thing:
    """Something that can have a turn."""


class Stubborn:
    """Something of which Python cannot tell when it dies."""

    __slots__ = ()


@pytest.fixture
def turn() -> Iterator[Turn]:
    """The turn of an object."""
    thing = Thing()
    yield give_turn(thing)
    take_turn_away(thing)


def test_calls_in_one_turn_do_not_overlap(turn: Turn) -> None:
    """A sum that every thread reads and writes in two steps loses nothing."""
    total = 0

    def add() -> None:
        nonlocal total
        for _ in range(500):
            turn.take("Sum.add")
            seen = total
            time.sleep(0)  # another thread may come between, if the turn lets it
            total = seen + 1
            turn.leave()

    run_all(*[add] * 4)
    assert total == 2000


def test_turns_hold_whoever_comes_between_any_two_lines() -> None:
    """As a thread may under a debugger: nobody is let in as well, and nobody is forgotten."""
    inside: list[str] = []
    seen: list[list[str]] = []

    def visit(turn: Turn, who: str) -> None:
        turn.take("Sum.add")
        inside.append(who)
        seen.append(inside.copy())
        if who == "other":
            time.sleep(0.02)  # the first goes on meanwhile, if it is let in
        inside.remove(who)
        turn.leave()

    def meet(point: int) -> bool:
        """Have another thread come before so many lines; return whether there are as many."""
        turn = Turn(None)
        others: list[Run[None]] = []
        left = point

        def trace(frame: FrameType, event: str, _arg: object) -> Any:
            nonlocal left
            if event == "line":
                left -= 1
            if left < 0 and not others:
                others.append(Run(lambda: visit(turn, "other")))
                others[0].wait(0.01)  # unless it has to wait, and until it does
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            visit(turn, "first")
        finally:
            sys.settrace(before)
        for other in others:
            other.result()
        return bool(others)

    lines = sum(1 for _ in itertools.takewhile(meet, itertools.count()))
    assert lines > 10
    assert len(seen) == 2 * lines + 1
    assert all(len(together) == 1 for together in seen)


def test_a_chain_may_take_its_turn_again(turn: Turn) -> None:
    """The turn is free only when it was left as many times as it was taken."""
    turn.take("A.outer")
    turn.take("A.inner")
    turn.leave()
    assert turn.mine
    turn.leave()
    assert not turn.mine


def test_turns_are_given_in_the_order_of_arrival(turn: Turn) -> None:
    """Who came first gets the turn first."""
    order: list[int] = []

    def call(number: int) -> None:
        turn.take(f"A.call{number}")
        order.append(number)
        turn.leave()

    turn.take("A.first")
    runs: list[Run[None]] = []
    for number in range(5):
        runs.append(Run(partial(call, number)))
        until(lambda: turn.waiting == len(runs))
    turn.leave()
    for run in runs:
        run.result()
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_circle_of_chains_raises_deadlock_in_one(count: int) -> None:
    """The chain that would close the circle gets `Deadlock`, and all the others go on."""
    things = [Thing() for _ in range(count)]
    turns = [give_turn(thing) for thing in things]
    all_have_one = threading.Barrier(count)

    def chain(number: int) -> str | None:
        other = (number + 1) % count
        turns[number].take(f"T{number}.start")
        try:
            all_have_one.wait(30)
            turns[other].take(f"T{other}.ask")
        except Deadlock as error:
            return str(error)
        else:
            turns[other].leave()
            return None
        finally:
            turns[number].leave()

    told = run_all(*[partial(chain, number) for number in range(count)])
    (error,) = filter(None, told)
    last = told.index(error)
    assert error.startswith(f"T{(last + 1) % count}.ask would wait for T{(last + 1) % count}.start")
    assert error.endswith(f"which waits for T{last}.start, which made this call")


def test_waiting_for_a_chain_that_waits_elsewhere_is_no_deadlock() -> None:
    """A queue behind a queue is not a circle."""
    one, two = Thing(), Thing()
    first, second = give_turn(one), give_turn(two)
    second.take("Two.hold")

    def both() -> None:
        first.take("One.hold")
        second.take("Two.ask")
        second.leave()
        first.leave()

    def only_first() -> None:
        first.take("One.ask")
        first.leave()

    runs = [Run(both)]
    until(lambda: second.waiting == 1)
    runs.append(Run(only_first))
    until(lambda: first.waiting == 1)
    second.leave()
    for run in runs:
        run.result()


def test_an_interrupted_wait_leaves_the_queue(turn: Turn) -> None:
    """After Ctrl-C the one who waited is not given a turn that nobody would end."""
    leave, left = threading.Event(), threading.Event()

    def hold() -> None:
        turn.take("A.hold")
        until(lambda: turn.waiting == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        leave.wait(30)
        turn.leave()
        left.set()

    run = Run(hold)
    until(lambda: turn.held_by == "A.hold")
    with pytest.raises(KeyboardInterrupt):
        turn.take("A.ask")
    assert turn.waiting == 0
    leave.set()
    run.result()
    turn.take("A.again")
    turn.leave()


def test_an_object_has_one_turn_in_the_process() -> None:
    """Two hosts of one object share its turn."""
    thing = Thing()
    assert give_turn(thing) is give_turn(thing) is turn_of(thing)
    assert turn_of(Thing()) is None


def test_an_object_has_its_turn_for_life() -> None:
    """It stays when the host lets the object go, and goes when the object dies."""
    thing = Thing()
    number = id(thing)
    turn = give_turn(thing)
    take_turn_away(thing)
    assert turn_of(thing) is turn
    del thing
    gc.collect()
    # Another object may have the number by now, and has no turn.
    thing = Thing()
    assert id(thing) != number or turn_of(thing) is None


def test_an_object_whose_death_cannot_be_seen_has_its_turn_while_hosted() -> None:
    """Its turn goes with the last host."""
    thing = Stubborn()
    turn = give_turn(thing)
    give_turn(thing)
    take_turn_away(thing)
    assert turn_of(thing) is turn
    take_turn_away(thing)
    assert turn_of(thing) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_a_forked_child_nothing_is_hosted(turn: Turn) -> None:
    """A turn that a thread of the parent has shuts nobody out in the child."""
    thing, leave = Thing(), threading.Event()
    other = give_turn(thing)

    def hold() -> None:
        other.take("A.hold")
        leave.wait(30)
        other.leave()

    run = Run(hold)
    until(lambda: other.held_by)
    child = os.fork()
    if child == 0:
        os._exit(0 if turn_of(thing) is None else 1)
    leave.set()
    run.result()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
