"""Deadlines, and what becomes of a call that is taken back."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.arena.manager import ArenaManager
from support.arena.serving import Served, serve_arena
from support.keeping import kept_up
from support.programs import Program, stat_of
from support.threads import Run, until

import kinfolk
from kinfolk.deadlines import deadline, end_of_block, own_deadline
from kinfolk.errors import CallTimeout

NOTER = """
import sys
from support.arena.serving import open_arena

manager = open_arena(sys.argv[1], sys.argv[2])
manager.lock().acquire()
print("ready", flush=True)
manager.ledger().note(13)
"""


@pytest.fixture(params=["here", "served"])
def manager(request: pytest.FixtureRequest, short: Path) -> Iterator[ArenaManager]:
    """An arena in this process, and one at a server."""
    if request.param == "here":
        with ArenaManager.local() as found:
            yield found
    else:
        with serve_arena("unix", short) as arena, arena.open() as found:
            yield found


# --- The block


def test_a_deadline_is_for_one_block_at_a_time() -> None:
    """Entered within itself it would lose the end of one of the two."""
    block = kinfolk.deadline(100)
    with block:
        with pytest.raises(RuntimeError, match="in use: make one for each block"), block:
            pass
        assert end_of_block() is not None
    with block:
        assert end_of_block() is not None


def test_a_signal_handler_has_no_deadline_of_ours(manager: ArenaManager) -> None:
    """What is settled after a call has little time; a handler that runs meanwhile has its own."""

    def settling() -> deadline:
        block = own_deadline(0.01)
        block.unseen = True
        return block

    witness = manager.witness()
    with settling():
        time.sleep(0.02)
        assert witness.meetings() == 0
        with kinfolk.deadline(100):
            assert witness.meetings() == 0
    with kinfolk.deadline(100):
        outer = end_of_block()
        with settling(), kinfolk.deadline(1000):
            assert end_of_block() == outer


def test_the_nearest_deadline_counts() -> None:
    """A block within another cannot have more time, and leaves the other's as it was."""
    assert end_of_block() is None
    with kinfolk.deadline(100):
        outer = end_of_block()
        with kinfolk.deadline(1000):
            assert end_of_block() == outer
        with kinfolk.deadline(1):
            assert (end_of_block() or math.inf) < (outer or 0)
        assert end_of_block() == outer
    assert end_of_block() is None


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_a_deadline_is_a_time_to_come(seconds: float) -> None:
    """Anything else is a mistake."""
    with pytest.raises(ValueError, match="a number of seconds from now"), kinfolk.deadline(seconds):
        raise AssertionError


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_a_timeout_is_a_time_to_come(arena: Served, seconds: float) -> None:
    """As a deadline is; and it may be infinite."""
    with pytest.raises(ValueError, match="timeout is a number of seconds from now"):
        arena.open(timeout=seconds)
    with arena.open(timeout=math.inf) as manager:
        assert manager.ledger().note(1) == 1


@pytest.mark.parametrize("seconds", [math.inf, 1e10])
def test_a_deadline_may_be_as_far_as_one_likes(client: ArenaManager, seconds: float) -> None:
    """Farther than the system can wait is no deadline at all."""
    with kinfolk.deadline(seconds):
        assert client.ledger().note(1) == 1


def test_threads_have_deadlines_of_their_own(client: ArenaManager) -> None:
    """One thread's block is no other's."""
    with kinfolk.deadline(0):
        assert Run(lambda: client.ledger().note(1)).result() == 1


# --- Calls


def test_a_call_in_time_is_as_any(manager: ArenaManager) -> None:
    """And the calls after the block have no deadline."""
    with kinfolk.deadline(60):
        assert manager.ledger().note(1) == 1
        assert list(manager.tool("abc").parts()) == ["a", "b", "c"]
    assert manager.ledger().note(2) == 2


def test_a_deadline_that_has_passed_sends_nothing(client: ArenaManager) -> None:
    """`executed` is "no", and that is true."""
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0):
        client.ledger().note(1)
    assert caught.value.executed == "no"
    assert client.ledger().notes() == []


@pytest.mark.usefixtures("unhurried")
def test_a_call_that_waits_for_its_turn_is_taken_back(manager: ArenaManager) -> None:
    """It is not carried out later either."""
    gate = manager.gate()
    holder = Run(lambda: manager.ledger().hold(gate))
    assert gate.until_inside(1)
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0.05):
        manager.ledger().note(1)
    assert caught.value.executed == "no"
    gate.open()
    holder.result()
    assert manager.ledger().notes() == []


@pytest.mark.usefixtures("unhurried")
def test_a_call_that_waits_for_a_lock_is_taken_back(
    client: ArenaManager, other: ArenaManager
) -> None:
    """Whoever comes next gets it."""
    other.lock().acquire()
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0.05):
        client.lock().acquire()
    assert caught.value.executed == "no"
    other.lock().release()
    assert other.lock().acquire(blocking=False)


@pytest.mark.usefixtures("unhurried")
def test_a_method_that_runs_is_not_undone(client: ArenaManager) -> None:
    """`executed` is "yes" for it, though it goes on."""
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0.5):
        client.door().pass_()
    assert caught.value.executed == "yes"
    assert client.door().until_inside(1)
    client.door().open()


def test_a_stream_that_was_not_asked_in_time_goes_on(client: ArenaManager) -> None:
    """Nothing of it is lost, as `executed` says."""
    client.belt().put([1, 2, 3])
    items = client.belt().drain()
    assert next(items) == 1
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0):
        next(items)
    assert caught.value.executed == "no"
    assert list(items) == [2, 3]
    assert client.belt().left() == []


@pytest.mark.skipif(sys.platform != "linux", reason="seen in /proc")
def test_a_server_that_does_not_answer_is_waited_for_no_longer(
    arena: Served, client: ArenaManager
) -> None:
    """What has run nobody knows then; afterwards all is well."""
    arena.program.signal(signal.SIGSTOP)
    until(lambda: stat_of(arena.program.pid)[0] == "T")
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0.05):
        client.ledger().note(1)
    assert caught.value.executed == "unknown"
    arena.program.signal(signal.SIGCONT)
    assert client.ledger().note(2) == 2
    assert client.ledger().notes() in ([2], [1, 2])


@pytest.mark.skipif(sys.platform != "linux", reason="seen in /proc")
def test_opening_heeds_a_deadline_too(short: Path) -> None:
    """A server that does not answer is not waited for any longer, and `open` can be tried again."""
    with serve_arena("unix", short) as arena:
        arena.program.signal(signal.SIGSTOP)
        until(lambda: stat_of(arena.program.pid)[0] == "T")
        for seconds in 0.1, 0.0:
            with pytest.raises(CallTimeout, match="deadline") as caught, deadline(seconds):
                arena.open()
            assert caught.value.executed == "no"
        arena.program.signal(signal.SIGCONT)
        arena.open().close()


@pytest.mark.skipif(sys.platform != "linux", reason="seen in /proc")
def test_the_message_names_the_time_there_was(arena: Served, client: ArenaManager) -> None:
    """Not the time that connecting may take, where the deadline comes sooner."""
    arena.program.signal(signal.SIGSTOP)
    until(lambda: stat_of(arena.program.pid)[0] == "T")
    slow = Run(lambda: client.ledger().note(1))
    with pytest.raises(CallTimeout), kinfolk.deadline(0.05):
        client.ledger().note(2)
    with pytest.raises(CallTimeout, match=r"before the deadline$"), kinfolk.deadline(0.05):
        client.ledger().note(3)
    arena.program.signal(signal.SIGCONT)
    assert slow.result() == 1


# --- What is given back


def test_what_a_block_holds_is_given_back_after_its_deadline(
    manager: ArenaManager,
) -> None:
    """Leaving the inner block is not a call that the outer one could cut off."""
    with kinfolk.deadline(0.5), manager.lock():
        time.sleep(0.6)
    with pytest.raises(RuntimeError, match="does not have"):
        manager.lock().release()


@pytest.mark.skipif(sys.platform != "linux", reason="seen in /proc")
def test_what_could_not_be_given_back_is_given_back_later(
    arena: Served, client: ArenaManager, other: ArenaManager
) -> None:
    """Once, as soon as the server answers again."""
    for _ in range(2):
        client.lock().acquire()
    arena.program.signal(signal.SIGSTOP)
    until(lambda: stat_of(arena.program.pid)[0] == "T")
    with pytest.raises(CallTimeout), kinfolk.deadline(0):
        client.lock().release()
    arena.program.signal(signal.SIGCONT)
    kept_up()
    assert not other.lock().acquire(blocking=False)
    client.lock().release()
    assert other.lock().acquire(blocking=False)
    with pytest.raises(RuntimeError, match="does not have"):
        client.lock().release()


# --- Clients that end


@pytest.mark.skipif(sys.platform != "linux", reason="seen in /proc")
def test_a_dead_client_does_not_get_its_turn(
    arena: Served, client: ArenaManager, other: ArenaManager
) -> None:
    """A call of its that waits for the turn is not carried out any more."""
    holder = Run(lambda: client.ledger().hold(client.door()))
    assert other.door().until_inside(1)
    with Program("-c", NOTER, arena.url, arena.key) as noter:
        noter.expect("ready")
        until(lambda: stat_of(noter.pid)[0] == "S")
        noter.kill()
    # What waits is taken back before what is held is handed on.
    assert other.lock().acquire(timeout=10)
    with arena.open() as late:
        run = Run(lambda: late.ledger().note(1))
        other.door().open()
        holder.result()
        assert run.result() == 1
    assert client.ledger().notes() == [1]
