"""Processes that are interrupted while they wait, or at the very moment of the grant."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from support.programs import PATIENCE, Program, stat_of
from support.sharing.engines import ENGINES, SERVED, Engine
from support.sharing.manager import SharingManager
from support.threads import Run, until

from kinfolk.types.work_manager import WorkQueueProxy

WAITER = """
import sys
from support.sharing.manager import SharingManager

_, address, serializer, code = sys.argv
sharing = SharingManager.open(address, serializer=serializer)
try:
    exec(code)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(sharing.event().is_set(), flush=True)
sys.stdin.read()
"""

typed_only = pytest.mark.parametrize("engine", ["typed"], indirect=True)
"""By the standard library's wire nobody can say that an answer came too late."""


@pytest.fixture(params=SERVED)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine[SharingManager]]:
    """Objects that other processes reach."""
    with ENGINES[request.param](SharingManager) as engine:
        yield engine


def waiting(engine: Engine[SharingManager], code: str) -> Program:
    """Start a process that waits in a call."""
    program = Program("-c", WAITER, engine.address, engine.serializer, code)
    until(lambda: engine.waiting == 1)
    return program


def stop(program: Program) -> None:
    """Stop a process, which hears nothing from now on."""
    program.signal(signal.SIGSTOP)
    until(lambda: stat_of(program.pid)[0] == "T")


def interrupt(program: Program) -> None:
    """Interrupt a process, and see that its next call has its own result."""
    program.signal(signal.SIGINT)
    program.signal(signal.SIGCONT)
    program.expect("interrupted")
    program.expect("False")


@typed_only
def test_a_get_that_was_just_granted_is_undone(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """The item is the next one again."""
    queue = sharing.queue()
    with waiting(engine, "sharing.queue().get()") as waiter:
        stop(waiter)
        queue.put(1)
        queue.put(2)
        assert queue.qsize() == 1  # the first was granted to one who cannot know it yet
        interrupt(waiter)
        assert [queue.get(timeout=PATIENCE) for _ in range(2)] == [1, 2]


@typed_only
def test_a_put_that_was_just_granted_is_undone(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """The item is not in the queue."""
    queue = sharing.queue()
    queue.put(1)
    queue.put(2)
    with waiting(engine, "sharing.queue().put(3)") as waiter:
        stop(waiter)
        assert queue.get() == 1
        assert queue.full()
        interrupt(waiter)
        assert queue.get() == 2
        assert queue.empty()


@pytest.mark.parametrize("engine", ["pickle"], indirect=True)
def test_by_pickle_what_waits_is_undone_and_what_was_answered_is_not(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Its connection ends, which takes back what waits, and tells of nothing that was sent."""
    queue = sharing.queue()
    with waiting(engine, "sharing.queue().get()") as waiter:
        interrupt(waiter)
        until(lambda: engine.waiting == 0)
    queue.put(1)
    with waiting(engine, "sharing.queue().get(); sharing.queue().get()") as waiter:
        assert queue.empty()
        interrupt(waiter)
        until(lambda: engine.waiting == 0)
    assert queue.empty()
    queue.put(2)
    queue.put(3)
    with waiting(engine, "sharing.queue().put(4)") as waiter:
        interrupt(waiter)
        until(lambda: engine.waiting == 0)
    assert [queue.get(), queue.get()] == [2, 3]
    assert queue.empty()


def lend_too_late(engine: Engine[SharingManager], work: WorkQueueProxy[int]) -> None:
    """Lend an item to a process that is interrupted before it knows."""
    with waiting(engine, "loan = sharing.work().take()") as waiter:
        stop(waiter)
        work.put(1)
        assert work.lent() == [1]
        interrupt(waiter)
        until(lambda: len(work))


def test_work_that_was_just_lent_is_the_next_again(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Nobody else gets another item before it."""
    work = sharing.work()
    lend_too_late(engine, work)
    work.put(2)
    with work.take(timeout=0) as item:
        assert item == 1


@typed_only
def test_work_that_was_just_lent_was_no_attempt(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Of two one is left, after one that failed."""
    work = sharing.work()
    lend_too_late(engine, work)
    with pytest.raises(KeyError), work.take(timeout=0):
        raise KeyError
    assert work.failed() == []


@pytest.mark.parametrize("notified", [True, False])
def test_who_is_interrupted_in_wait_leaves_its_block(
    engine: Engine[SharingManager], sharing: SharingManager, notified: bool
) -> None:
    """It had the lock again, or gives up to wait for it, and then the lock is free for others."""
    condition = sharing.condition()
    with waiting(engine, "with sharing.condition() as _: sharing.condition().wait()") as waiter:
        stop(waiter)
        if notified:
            with condition:
                condition.notify()
        interrupt(waiter)
        assert condition.acquire(timeout=PATIENCE)


def test_a_block_that_is_cut_short_ends_its_own_hold_only(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Another thread of the process may have the lock by then, and keeps it."""
    lock, entered, leave = sharing.lock(), threading.Event(), threading.Event()
    runs = list[Run[None]]()

    def enter() -> None:
        with lock:
            entered.set()
            assert leave.wait(PATIENCE)

    def strike() -> None:
        until(lambda: engine.waiting == 2)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def wait() -> None:
        with lock:
            runs.extend([Run(enter), Run(strike)])
            sharing.queue().get()

    with pytest.raises(KeyboardInterrupt):
        wait()
    assert entered.wait(PATIENCE)
    assert lock.locked()
    leave.set()
    for run in runs:
        run.result()
    assert not lock.locked()
