"""Locks and semaphores, through proxies."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from support.programs import PATIENCE
from support.sharing.engines import KEEPING, Engine
from support.sharing.manager import SharingManager
from support.threads import Run, run_all, until

from kinfolk.host.owners import Lifetime, Owner, Process
from kinfolk.types import BoundedSemaphore, Holder, Lock, RLock, Semaphore
from kinfolk.types.mutex import holder_of

LOCKS = ["lock", "rlock"]


# --- Locks


@pytest.mark.parametrize("name", LOCKS)
def test_one_is_inside_at_a_time(sharing: SharingManager, name: str) -> None:
    """Of several threads, and then another."""
    lock, inside, most = getattr(sharing, name)(), list[int](), list[int]()

    def enter() -> None:
        for _ in range(20):
            with lock as entered:
                assert entered is True
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    run_all(*[enter] * 4)
    assert most == [1] * 80
    assert not lock.locked()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_another_session_has_is_not_to_be_had(
    engine: Engine[SharingManager], name: str
) -> None:
    """Nor to be released; with its session it is free."""
    with engine.open() as one, engine.open() as two:
        mine, theirs = getattr(one, name)(), getattr(two, name)()
        assert mine.acquire()
        assert not theirs.acquire(blocking=False)
        assert not theirs.acquire(timeout=0.001)
        with pytest.raises(RuntimeError, match="does not have"):
            theirs.release()
        waiting = Run(theirs.acquire)
        until(lambda: engine.waiting == 1)
        one.close()
        assert waiting.result() is True


def test_any_thread_of_the_session_may_release_a_lock(sharing: SharingManager) -> None:
    """As with `threading.Lock`; acquiring it again has to wait."""
    lock = sharing.lock()
    assert lock.acquire()
    assert not lock.acquire(blocking=False)
    Run(lock.release).result()
    assert not lock.locked()
    with pytest.raises(RuntimeError):
        lock.release()


@pytest.mark.parametrize("engine", KEEPING, indirect=True)
def test_tasks_of_one_thread_exclude_each_other(sharing: SharingManager) -> None:
    """An `RLock` belongs to the task that acquired it, whatever its thread does meanwhile."""
    lock = sharing.rlock()

    async def other() -> bool:
        with pytest.raises(RuntimeError, match="does not have"):
            lock.release()
        return lock.acquire(blocking=False)

    async def enter() -> list[bool]:
        with lock, lock:
            return list(await asyncio.gather(other(), other()))

    assert asyncio.run(enter()) == [False, False]
    assert not lock.locked()


@pytest.mark.parametrize("engine", KEEPING, indirect=True)
def test_a_session_keeps_what_its_threads_acquired(sharing: SharingManager) -> None:
    """Also those that have ended."""
    lock, semaphore = sharing.lock(), sharing.new_semaphore(1)
    Run(lock.acquire).result()
    Run(semaphore.acquire).result()
    assert lock.locked()
    assert not semaphore.acquire(blocking=False)
    lock.release()


@pytest.mark.parametrize("engine", ["pickle"], indirect=True)
def test_by_pickle_a_thread_keeps_what_it_acquired_until_it_ends(sharing: SharingManager) -> None:
    """Its connection ends with it."""
    lock, rlock, semaphore = sharing.lock(), sharing.rlock(), sharing.new_semaphore(1)
    for acquire in (lock.acquire, rlock.acquire, semaphore.acquire):
        Run(acquire).result()
    until(lambda: not lock.locked() and not rlock.locked())
    assert semaphore.acquire(timeout=PATIENCE)


def test_only_the_caller_may_release_an_rlock(sharing: SharingManager) -> None:
    """As often as it acquired it."""
    lock = sharing.rlock()
    with lock, lock, pytest.raises(RuntimeError):
        Run(lock.release).result()
    assert not lock.locked()


@pytest.mark.parametrize("name", LOCKS)
def test_each_new_holder_has_a_higher_token(engine: Engine[SharingManager], name: str) -> None:
    """Acquiring again what one has changes nothing; a lock made later begins higher."""
    with engine.open() as one, engine.open() as two:
        tokens = list[int]()
        for manager in (one, two, one, two):
            lock = getattr(manager, name)()
            with lock:
                tokens.append(lock.token)
                if name == "rlock":
                    with lock:
                        assert lock.token == tokens[-1]
        assert tokens == sorted(set(tokens))
        later: Any = getattr(two, f"new_{name}")()
        with later:
            assert later.token > tokens[0]


@pytest.mark.parametrize("name", LOCKS)
def test_only_the_holder_reads_the_token(engine: Engine[SharingManager], name: str) -> None:
    """Whoever has lost the lock cannot take the token of the next for its own."""
    with engine.open() as one, engine.open() as two:
        text = "only a caller that has the lock"
        with getattr(one, name)(), pytest.raises(RuntimeError, match=text):
            _ = getattr(two, name)().token
        with pytest.raises(RuntimeError):
            _ = getattr(one, name)().token


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_tells_who_has_it(engine: Engine[SharingManager], name: str) -> None:
    """To everybody, with the token."""
    with engine.open() as one, engine.open() as two:
        mine, theirs = getattr(one, name)(), getattr(two, name)()
        assert theirs.holder() is None
        with mine:
            holder = theirs.holder()
            assert holder is not None
            assert (holder.pid, holder.token) == (os.getpid(), mine.token)
            assert holder.user
            assert holder.program
        assert theirs.holder() is None


def test_of_a_process_elsewhere_only_its_number_is_known() -> None:
    """Which it says itself; the same number here may be somebody else's."""
    session = Lifetime()
    session.process = Process(os.getpid())
    assert holder_of(Owner(session, 1), 7) == Holder(os.getpid(), user="", program="", token=7)


def test_a_lock_that_waits_for_itself_can_still_be_released_by_another_thread() -> None:
    """It is no deadlock, since a lock does not belong to one thread."""
    lock = Lock()
    lock.acquire()
    again = Run(lock.acquire)
    until(lambda: len(lock._waiters))
    lock.release()
    assert again.result() is True


@pytest.mark.parametrize("make", [Lock, RLock])
def test_a_lock_works_without_any_manager(make: Callable[[], Lock | RLock]) -> None:
    """It is a lock between threads, and says who has it."""
    lock = make()
    with lock:
        holder = lock.holder()
        assert holder is not None
        assert holder.pid == os.getpid()
        assert Run(lambda: lock.acquire(blocking=False)).result() is False
    assert lock.holder() is None


# --- Semaphores


def test_a_semaphore_has_so_many_permits(sharing: SharingManager) -> None:
    """Then one has to wait."""
    semaphore = sharing.new_semaphore(2)
    with semaphore as first, semaphore as second:
        assert first is second is True
        assert not semaphore.acquire(blocking=False)
        assert not semaphore.acquire(timeout=0.001)
    assert semaphore.acquire(timeout=0)
    semaphore.release(2)
    assert [semaphore.acquire(blocking=False) for _ in range(4)] == [True, True, True, False]


def test_those_who_wait_get_permits_in_their_order(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """One release of several permits serves as many."""
    semaphore, done = sharing.new_semaphore(0), threading.Event()
    entered, runs = list[int](), list[Run[None]]()

    def enter(number: int) -> None:
        with semaphore:
            entered.append(number)
            done.wait(PATIENCE)

    for number in range(4):
        runs.append(Run(partial(enter, number)))
        until(lambda: engine.waiting == len(runs))
    semaphore.release()
    until(lambda: len(entered) == 1)
    assert engine.waiting == 3
    semaphore.release(2)
    until(lambda: len(entered) == 3)
    assert engine.waiting == 1
    semaphore.release()
    until(lambda: len(entered) == 4)
    done.set()
    for run in runs:
        run.result()
    assert entered[0] == 0
    assert sorted(entered[1:3]) == [1, 2]


def test_the_end_of_a_session_frees_its_permits_and_no_more(engine: Engine[SharingManager]) -> None:
    """Those of others stay where they are."""
    with engine.open() as one, engine.open() as two:
        assert one.semaphore().acquire()
        assert two.semaphore().acquire()
        one.close()
        semaphore = two.semaphore()
        until(lambda: semaphore.acquire(blocking=False))
        assert not semaphore.acquire(blocking=False)


def test_a_permit_may_be_released_by_another_session(engine: Engine[SharingManager]) -> None:
    """It is given back once: the end of the one that had it frees nothing more."""
    with engine.open() as one, engine.open() as two:
        one.semaphore().acquire()
        two.semaphore().release()
        one.close()
        until(lambda: engine.sessions() == 1)
        semaphore = two.semaphore()
        assert [semaphore.acquire(blocking=False) for _ in range(3)] == [True, True, False]


def test_a_bounded_semaphore_has_a_bound(sharing: SharingManager) -> None:
    """Releasing more than was acquired is refused, whoever does it, and changes nothing."""
    semaphore = sharing.new_bounded_semaphore(2)
    with pytest.raises(ValueError, match="more permits than were acquired"):
        semaphore.release()
    semaphore.acquire()
    with pytest.raises(ValueError, match="more permits"):
        semaphore.release(2)
    semaphore.release()
    with pytest.raises(ValueError, match="more permits"):
        semaphore.release()
    assert [semaphore.acquire(blocking=False) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Semaphore, threading.Semaphore), (BoundedSemaphore, threading.BoundedSemaphore)],
)
def test_a_semaphore_refuses_what_that_of_threading_does(
    ours: type[Semaphore], theirs: type[threading.Semaphore]
) -> None:
    """By the same exceptions."""
    calls: list[Callable[[Any], object]] = [
        lambda cls: cls(-1),
        lambda cls: cls(1).release(0),
        lambda cls: cls(1).acquire(blocking=False, timeout=1),
    ]
    for call in calls:
        for cls in (ours, theirs):
            with pytest.raises(ValueError, match=r"."):
                call(cls)
    with pytest.raises(OverflowError):
        ours(0).acquire(timeout=threading.TIMEOUT_MAX * 2)
