"""Events, conditions and barriers, through proxies."""

from __future__ import annotations

import threading
from threading import BrokenBarrierError

import pytest
from support.sharing.engines import WITHDRAWING, Engine
from support.sharing.manager import SharingManager
from support.threads import Run, run_all, until

import kinfolk
from kinfolk.errors import CallTimeout, NotSupported
from kinfolk.types import Barrier, Condition, Event, Lock
from kinfolk.types.meetings_manager import BarrierProxy, ConditionProxy

CONDITIONS = ["condition", "locked_condition"]


# --- Events


def test_an_event_lets_all_go_on(engine: Engine[SharingManager], sharing: SharingManager) -> None:
    """Those who wait when it is set, and those who come later, until it is cleared."""
    event = sharing.event()
    runs = [Run(event.wait) for _ in range(3)]
    until(lambda: engine.waiting == 3)
    assert not event.is_set()
    event.set()
    event.clear()
    assert [run.result() for run in runs] == [True] * 3
    assert event.wait(0) is False
    assert event.wait(0.001) is False
    event.set()
    assert event.is_set()
    assert event.wait(-1) is True


def test_a_timeout_that_is_too_large_is_refused() -> None:
    """As everywhere in `threading`."""
    for wait in (Event().wait, threading.Event().wait):
        with pytest.raises(OverflowError):
            wait(threading.TIMEOUT_MAX * 2)


# --- Conditions


def start_waiting(
    engine: Engine[SharingManager], condition: ConditionProxy, count: int = 1
) -> list[Run[bool]]:
    """Have so many threads wait, one after the other."""

    def wait() -> bool:
        with condition:
            return condition.wait()

    before, runs = engine.waiting, list[Run[bool]]()
    for _ in range(count):
        runs.append(Run(wait))
        until(lambda: engine.waiting == before + len(runs))
    return runs


@pytest.mark.parametrize("name", CONDITIONS)
def test_notify_wakes_so_many_and_no_more(
    engine: Engine[SharingManager], sharing: SharingManager, name: str
) -> None:
    """Those who have waited for longest."""
    condition = getattr(sharing, name)()
    runs = start_waiting(engine, condition, 5)
    with condition:
        condition.notify(2)
    assert [run.result() for run in runs[:2]] == [True, True]
    # Were another one on its way, it would be here before this.
    with condition:
        assert engine.waiting == 3
    assert all(run.running for run in runs[2:])
    with condition:
        condition.notify()
    assert runs[2].result() is True
    with condition:
        assert engine.waiting == 2
        condition.notify_all()
    assert [run.result() for run in runs[3:]] == [True, True]


def test_a_notification_without_anybody_is_gone(sharing: SharingManager) -> None:
    """Nobody who comes later gets it."""
    condition = sharing.condition()
    with condition:
        condition.notify(3)
        assert condition.wait(0.001) is False
        assert condition.wait(0) is False


@pytest.mark.parametrize("name", CONDITIONS)
def test_whoever_returns_from_wait_has_the_lock(
    engine: Engine[SharingManager], sharing: SharingManager, name: str
) -> None:
    """Notified or not; nobody else is inside meanwhile."""
    condition, inside = getattr(sharing, name)(), list[int]()

    def wait() -> None:
        with condition:
            condition.wait()
            inside.append(1)
            assert len(inside) == 1
            inside.pop()

    runs = [Run(wait) for _ in range(4)]
    until(lambda: engine.waiting == 4)
    with condition:
        condition.notify_all()
        assert not Run(lambda: condition.acquire(blocking=False)).result()
    for run in runs:
        run.result()
    assert condition.acquire(blocking=False)


def test_wait_releases_a_lock_that_was_acquired_twice(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """And gets it back twice."""
    condition = sharing.condition()

    def wait() -> bool:
        with condition, condition:
            return condition.wait()

    run = Run(wait)
    until(lambda: engine.waiting == 1)
    with condition:
        condition.notify()
    assert run.result() is True
    with condition:
        pass


def test_a_condition_shares_the_lock_that_it_was_given(sharing: SharingManager) -> None:
    """Whoever has the one has the other."""
    with sharing.locked_condition():
        assert sharing.lock().locked()
    with sharing.lock():
        sharing.locked_condition().notify()
    own = sharing.new_lock()
    other = sharing.new_condition(own)
    with other:
        assert own.locked()


def test_without_the_lock_nobody_waits_or_notifies(sharing: SharingManager) -> None:
    """A RuntimeError, as with `threading.Condition`."""
    condition = sharing.condition()
    for call in (condition.wait, condition.notify, condition.notify_all, condition.release):
        with pytest.raises(RuntimeError, match=r"does not have|has the lock"):
            call()


def test_wait_for_asks_the_predicate_where_it_is_called(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """At first and after each notification, with the lock held; it returns what it says."""
    condition, seen = sharing.condition(), list[int]()

    def wait() -> str:
        with condition:
            return condition.wait_for(lambda: "three" if len(seen) == 3 else "")

    run = Run(wait)
    for number in range(3):
        until(lambda: engine.waiting == 1)
        with condition:
            seen.append(number)
            condition.notify()
    assert run.result() == "three"
    with condition:
        assert condition.wait_for(lambda: 0, timeout=0.001) == 0
        assert condition.wait_for(lambda: 7) == 7
    local = Condition(Lock())
    with local:
        assert local.wait_for(lambda: False, timeout=0.001) is False


@pytest.mark.parametrize("engine", WITHDRAWING, indirect=True)
@pytest.mark.parametrize("name", CONDITIONS)
def test_a_wait_that_is_cut_short_leaves_its_block_in_order(
    engine: Engine[SharingManager], sharing: SharingManager, name: str
) -> None:
    """The lock is had again, and released at the end of the block, also if another has it first."""
    with engine.open() as other:
        mine, theirs = getattr(sharing, name)(), getattr(other, name)()
        with pytest.raises(CallTimeout), mine, kinfolk.deadline(0.01):
            mine.wait()
        assert theirs.acquire(blocking=False)
        theirs.release()

        def wait() -> None:
            with mine, kinfolk.deadline(0.5):
                mine.wait()

        run = Run(wait)
        until(lambda: engine.waiting == 1)
        with theirs:
            with pytest.raises(CallTimeout):
                run.result()
            theirs.notify()  # for nobody
        assert theirs.acquire(timeout=5)
        assert engine.waiting == 0


@pytest.mark.parametrize("engine", WITHDRAWING, indirect=True)
def test_a_wait_that_is_cut_short_can_be_released_as_often_as_before(
    engine: Engine[SharingManager],
) -> None:
    """Each of several blocks is left in order, and none but they."""
    with engine.open() as one, engine.open() as two:
        mine, theirs = one.condition(), two.condition()

        def wait() -> None:
            with mine, mine, kinfolk.deadline(0.5):
                mine.wait()

        run = Run(wait)
        until(lambda: engine.waiting == 1)
        with theirs, pytest.raises(CallTimeout):
            run.result()
        with theirs:
            pass
        with pytest.raises(RuntimeError):
            mine.release()


@pytest.mark.parametrize("engine", ["pickle"], indirect=True)
def test_by_pickle_no_deadline_cuts_a_wait_short(sharing: SharingManager) -> None:
    """It is refused before the lock was let go; a timeout ends the wait."""
    condition = sharing.condition()
    with condition:
        with kinfolk.deadline(60), pytest.raises(NotSupported, match="knows no deadlines"):
            condition.wait()
        assert condition.wait(0.001) is False
    assert Run(lambda: condition.acquire(blocking=False)).result()


def test_a_notification_that_nobody_hears_goes_to_the_next(engine: Engine[SharingManager]) -> None:
    """The first to wait is gone before it got the lock again."""
    with engine.open() as dying, engine.open() as alive:
        lost = start_waiting(engine, dying.condition())
        saved = start_waiting(engine, alive.condition())
        condition = alive.condition()
        with condition:
            condition.notify()
            dying.close()
        assert saved[0].result() is True
        with pytest.raises(ConnectionError):
            lost[0].result()
        with condition:
            pass


def test_a_condition_forgets_those_who_are_gone(engine: Engine[SharingManager]) -> None:
    """The notification goes to one who is there."""
    with engine.open() as dying, engine.open() as alive:
        lost = start_waiting(engine, dying.condition())
        saved = start_waiting(engine, alive.condition())
        dying.close()
        with pytest.raises(ConnectionError):
            lost[0].result()
        condition = alive.condition()
        with condition:
            condition.notify()
        assert saved[0].result() is True


# --- Barriers


def meet(barrier: BarrierProxy | Barrier, count: int) -> list[int]:
    """Have so many threads meet."""
    return run_all(*[barrier.wait] * count)


def test_all_go_on_once_all_have_come(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Each with a number of its own, and then once more."""
    barrier = sharing.new_barrier(3)
    assert barrier.parties == 3
    for _ in range(3):
        runs = [Run(barrier.wait), Run(barrier.wait)]
        until(lambda: engine.waiting == 2)
        assert barrier.n_waiting == 2
        assert barrier.wait() == 2
        assert sorted(run.result() for run in runs) == [0, 1]
        assert barrier.n_waiting == 0
    assert sorted(meet(barrier, 3)) == [0, 1, 2]
    assert not barrier.broken
    assert sharing.new_barrier(1).wait() == 0


def test_whoever_is_out_of_time_breaks_the_barrier(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """For those who wait, and for those who come, until it is reset."""
    barrier = sharing.new_barrier(3)
    run = Run(barrier.wait)
    until(lambda: engine.waiting == 1)
    for timeout in (0.001, 0):
        with pytest.raises(BrokenBarrierError):
            barrier.wait(timeout)
    with pytest.raises(BrokenBarrierError):
        run.result()
    assert barrier.broken
    with pytest.raises(BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert not barrier.broken
    assert sorted(meet(barrier, 3)) == [0, 1, 2]


def test_a_barrier_has_a_timeout_of_its_own(sharing: SharingManager) -> None:
    """It counts where `wait` has none."""
    barrier = sharing.new_barrier(2, None, 0.001)
    with pytest.raises(BrokenBarrierError):
        barrier.wait()


@pytest.mark.parametrize("end", ["abort", "reset"])
def test_those_who_wait_are_told_of_the_end(
    engine: Engine[SharingManager], sharing: SharingManager, end: str
) -> None:
    """Be the barrier broken for good, or begun anew."""
    barrier = sharing.new_barrier(2)
    run = Run(barrier.wait)
    until(lambda: engine.waiting == 1)
    getattr(barrier, end)()
    with pytest.raises(BrokenBarrierError):
        run.result()
    assert barrier.broken is (end == "abort")


def test_the_end_of_one_who_waits_breaks_the_barrier(engine: Engine[SharingManager]) -> None:
    """The others do not go on as if it had come; one that is through breaks nothing any more."""
    with engine.open() as dying, engine.open() as alive:
        assert sorted(run_all(dying.barrier().wait, alive.barrier().wait)) == [0, 1]
        gone = Run(dying.barrier().wait)
        until(lambda: engine.waiting == 1)
        dying.close()
        with pytest.raises(ConnectionError):
            gone.result()
        until(lambda: alive.barrier().broken)
        with pytest.raises(BrokenBarrierError):
            alive.barrier().wait()


def test_a_barrier_needs_a_party() -> None:
    """With none, nobody could ever pass."""
    with pytest.raises(ValueError, match="at least one party"):
        Barrier(0)
