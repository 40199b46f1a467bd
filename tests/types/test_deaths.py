"""Processes that are killed while they have something, or wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from threading import BrokenBarrierError

import msgspec
import pytest
from support.folders import short_folder
from support.programs import Program
from support.serving import SampleManager, serve_here
from support.sharing.engines import ENGINES, SERVED, Engine
from support.sharing.manager import SharingManager
from support.threads import Run, until

from kinfolk.calls import CallingChannel
from kinfolk.errors import ConnectionLost
from kinfolk.references import ProxyReferences
from kinfolk.types.locks_manager import RLockProxy
from kinfolk.wire.messages import Call

CROWD = 30
PROGRAM = """
import sys
from support.sharing.manager import SharingManager

_, address, serializer, code = sys.argv
sharing = SharingManager.open(address, serializer=serializer)
exec(code)
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=SERVED)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine[SharingManager]]:
    """Objects that other processes reach."""
    with ENGINES[request.param](SharingManager) as engine:
        yield engine


def doing(engine: Engine[SharingManager], code: str) -> Program:
    """Start a process that does something with `sharing`, and says so when it is done."""
    return Program("-c", PROGRAM, engine.address, engine.serializer, code)


# --- What they have


@pytest.mark.parametrize(
    ("take", "again"),
    [
        ("sharing.lock().acquire()", "lock"),
        ("sharing.rlock().acquire(); sharing.rlock().acquire()", "rlock"),
        ("[sharing.semaphore().acquire() for _ in range(2)]", "semaphore"),
        ("sharing.condition().acquire()", "condition"),
        ("sharing.locked_condition().acquire()", "lock"),
    ],
)
def test_what_a_process_has_goes_to_the_next_when_it_is_killed(
    engine: Engine[SharingManager], sharing: SharingManager, take: str, again: str
) -> None:
    """Who waits gets it."""
    with doing(engine, take) as dying:
        dying.expect("done")
        run = Run(getattr(sharing, again)().acquire)
        until(lambda: engine.waiting == 1)
        dying.kill()
        assert run.result() is True


def test_a_holder_is_known_by_its_process(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """By its number, its user and what it runs."""
    with doing(engine, "sharing.lock().acquire(); print(sharing.lock().token)") as other:
        token = int(other.line())
        holder = sharing.lock().holder()
        assert holder is not None
        assert (holder.pid, holder.program, holder.token) == (other.pid, "python -c", token)


def test_work_of_a_killed_process_is_lent_to_the_next(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Until there have been enough attempts."""
    queue = sharing.work()
    queue.put(7)
    with doing(engine, "loan = sharing.work().take()") as one:
        one.expect("done")
        with doing(engine, "loan = sharing.work().take(); print(loan.__enter__())") as two:
            until(lambda: engine.waiting == 1)
            one.kill()
            two.expect("7")
            assert queue.lent() == [7]
            two.kill()
    queue.join()
    assert [(each.item, each.attempts) for each in queue.failed()] == [(7, 2)]


# --- What they wait for


@pytest.mark.parametrize("name", ["lock", "rlock", "condition"])
def test_a_killed_process_does_not_wait_for_a_lock(
    engine: Engine[SharingManager], sharing: SharingManager, name: str
) -> None:
    """The next one gets it."""
    lock = getattr(sharing, name)()
    lock.acquire()
    with doing(engine, f"sharing.{name}().acquire()") as dying:
        until(lambda: engine.waiting == 1)
        run = Run(lock.acquire)
        until(lambda: engine.waiting == 2)
        dying.kill()
        until(lambda: engine.waiting == 1)
        lock.release()
        # Of an RLock each thread is another one.
        assert run.result() is True


def test_a_killed_process_takes_no_item(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Nor does what it wanted to put come in."""
    queue = sharing.queue()
    with doing(engine, "sharing.queue().get()") as dying:
        until(lambda: engine.waiting == 1)
        dying.kill()
        until(lambda: engine.waiting == 0)
    queue.put(1)
    queue.put(2)
    with doing(engine, "sharing.queue().put(3)") as dying:
        until(lambda: engine.waiting == 1)
        dying.kill()
        until(lambda: engine.waiting == 0)
    assert [queue.get(), queue.get()] == [1, 2]
    assert queue.empty()


def test_a_killed_process_breaks_the_barrier(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """In which it was counted."""
    with doing(engine, "sharing.barrier().wait()") as dying:
        until(lambda: engine.waiting == 1)
        dying.kill()
        until(lambda: sharing.barrier().broken)
    with pytest.raises(BrokenBarrierError):
        sharing.barrier().wait()


def test_a_condition_forgets_a_killed_process(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """The one notification goes to who lives."""
    condition = sharing.condition()
    with doing(engine, "c = sharing.condition(); c.acquire(); c.wait()") as dying:
        until(lambda: engine.waiting == 1)

        def wait() -> bool:
            with condition:
                return condition.wait()

        run = Run(wait)
        until(lambda: engine.waiting == 2)
        dying.kill()
        until(lambda: engine.waiting == 1)
        with condition:
            condition.notify()
        assert run.result() is True


# --- Many of them


def test_two_thousand_who_wait_cost_no_thread() -> None:
    """They wait in a queue, and leave it with their connection."""
    acquire = SampleManager._offer.members(RLockProxy)["acquire"]
    with short_folder() as folder, serve_here("unix", folder) as served, served.open() as manager:
        lock = manager.lock()
        lock.acquire()
        channel = manager._channel
        assert isinstance(channel, CallingChannel)
        with served.raw() as raw:
            host = served.here._host

            def ask(number: int, timeout: float) -> None:
                data = acquire.arguments.encode({"timeout": timeout}, ProxyReferences(channel))
                arguments = msgspec.Raw(data)
                raw.send(Call(number, "lock", "acquire", number, arguments))

            def waiting(count: int) -> None:
                until(lambda: sum(session.waiting for session in host.sessions) == count)

            ask(1, 1000.0)  # the first with a timeout starts the timer's thread
            waiting(1)
            threads = set(threading.enumerate())
            for number in range(2, 2001):
                ask(number, 1000.0 if number % 2 else -1)
            waiting(2000)
            assert not set(threading.enumerate()) - threads
        waiting(0)
        lock.release()
        # It may pass through the hands of some whose session is just ending.
        until(lambda: lock.acquire(blocking=False))


# --- The server ends


def test_what_a_process_has_goes_to_nobody_when_the_server_ends(
    engine: Engine[SharingManager],
) -> None:
    """It may be working with it still, and is not told before the others."""
    with ExitStack() as stack:
        holder, *others = [stack.enter_context(engine.open()) for _ in range(CROWD)]
        holder.lock().acquire()
        runs = [Run(other.lock().acquire) for other in others]
        until(lambda: engine.waiting == len(others))
        engine.open().shutdown()
        for run in runs:
            with pytest.raises(ConnectionLost):
                run.result()
