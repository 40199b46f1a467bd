"""`RLock` by itself: as threads of one process use it, and as owners of several sessions do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.granted import deliver
from support.threads import Run, run_all, until

from kinfolk.host.chains import acting_for
from kinfolk.host.owners import Lifetime, Owner
from kinfolk.host.waiters import Later, deferred_of, is_later
from kinfolk.types import RLock

# --- Between threads


def test_one_thread_is_inside_at_a_time() -> None:
    """A sum that every thread reads and writes in two steps loses nothing."""
    lock, total = RLock(), 0

    def add() -> None:
        nonlocal total
        for _ in range(200):
            with lock:
                seen = total
                time.sleep(0)  # another thread may come between, if the lock lets it
                total = seen + 1

    run_all(*[add] * 4)
    assert total == 800


def test_the_owner_may_acquire_again() -> None:
    """It is free when it was released as many times."""
    lock = RLock()
    with lock as entered:
        assert entered is True
        assert lock.acquire()
        lock.release()
        assert Run(lambda: lock.acquire(blocking=False)).result() is False
    assert Run(lambda: lock.acquire(blocking=False)).result() is True


def test_tasks_of_one_thread_are_told_apart() -> None:
    """Each is a caller of its own, so another one does not get in, nor out in its place."""
    lock = RLock()

    async def other() -> bool:
        with pytest.raises(RuntimeError, match="does not have"):
            lock.release()
        return lock.acquire(blocking=False)

    async def enter() -> bool:
        with lock, lock:
            return await asyncio.create_task(other())

    assert asyncio.run(enter()) is False
    assert not lock.locked()


def test_releasing_what_one_does_not_have_raises() -> None:
    """Be it free, or another's."""
    lock = RLock()
    with pytest.raises(RuntimeError, match="does not have"):
        lock.release()
    lock.acquire()
    with pytest.raises(RuntimeError, match="does not have"):
        Run(lock.release).result()
    lock.release()
    with pytest.raises(RuntimeError, match="does not have"):
        lock.release()


def test_a_thread_that_is_gone_leaves_the_lock_to_nobody() -> None:
    """A new thread is never taken for the one that had it, whatever its number."""
    lock = RLock()
    Run(lock.acquire).result()
    for _ in range(5):
        assert Run(lambda: lock.acquire(blocking=False)).result() is False


def test_a_timeout_ends_the_wait() -> None:
    """Then `acquire` returns False, and the one who waited is not in the way."""
    lock = RLock()
    lock.acquire()
    assert Run(lambda: lock.acquire(timeout=0.01)).result() is False
    assert Run(lambda: lock.acquire(timeout=0)).result() is False
    lock.release()
    assert Run(lambda: lock.acquire(timeout=0.01)).result() is True


def test_an_exception_in_the_block_releases() -> None:
    """The exception goes on."""
    lock = RLock()
    with pytest.raises(KeyError), lock:
        raise KeyError
    assert Run(lambda: lock.acquire(blocking=False)).result() is True


@pytest.mark.parametrize(
    ("blocking", "timeout", "error"),
    [
        (False, 1.0, ValueError),
        (False, 0.0, ValueError),
        (True, -2.0, ValueError),
        (True, float("nan"), ValueError),
        (True, threading.TIMEOUT_MAX * 2, OverflowError),
        (True, float("inf"), OverflowError),
    ],
)
def test_arguments_are_refused_as_the_standard_library_does(
    blocking: bool, timeout: float, error: type[Exception]
) -> None:
    """The same ones, by the same class of exception."""
    for lock in (RLock(), threading.RLock()):
        with pytest.raises(error):
            lock.acquire(blocking, timeout)
    lock = RLock()
    assert lock.acquire(blocking=False, timeout=-1)


# --- Between sessions


class Client:
    """A session with callers; what they wait for is kept, so that nothing blocks the test."""

    def __init__(self) -> None:
        self.session = Lifetime()

    def acquire(
        self, lock: RLock, caller: int = 1, *, blocking: bool = True, timeout: float = -1
    ) -> Later[bool] | bool:
        """Acquire as a host would have it."""
        raw = deferred_of(lock.acquire)
        assert raw is not None
        with acting_for(Owner(self.session, caller)):
            result: Later[bool] | bool = raw(lock, blocking, timeout)
        return result

    def release(self, lock: RLock, caller: int = 1) -> None:
        """Release for a caller."""
        with acting_for(Owner(self.session, caller)):
            lock.release()


class Taker:
    """Takes the answer of an `acquire`."""

    def __init__(self, pending: Later[bool] | bool, *, reached: bool = True) -> None:
        self.answer: bool | None = None
        self.reached = reached
        self.pending = pending
        if isinstance(pending, bool):
            self.answer = pending
        else:
            deliver(pending, self._take)

    def _take(self, answer: bool) -> bool:
        self.answer = answer
        return self.reached


@pytest.fixture
def lock() -> Iterator[RLock]:
    """A lock that is free at the end, so nobody holds it who should not."""
    lock = RLock()
    yield lock
    assert lock.acquire(blocking=False)


def test_callers_of_one_session_exclude_each_other(lock: RLock) -> None:
    """An owner is a caller in a session, not the session."""
    client, other = Client(), Client()
    assert Taker(client.acquire(lock, 1)).answer is True
    assert Taker(client.acquire(lock, 1)).answer is True
    assert Taker(client.acquire(lock, 2, blocking=False)).answer is False
    assert Taker(other.acquire(lock, 1, blocking=False)).answer is False
    with pytest.raises(RuntimeError):
        other.release(lock, 1)
    client.release(lock)
    client.release(lock)


def test_the_end_of_a_session_frees_its_locks(lock: RLock) -> None:
    """However often it was acquired, the next one gets it at once."""
    dying, next_one = Client(), Client()
    Taker(dying.acquire(lock))
    Taker(dying.acquire(lock))
    waiting = Taker(next_one.acquire(lock))
    dying.session.end()
    assert waiting.answer is True
    next_one.release(lock)


def test_the_end_of_a_session_leaves_anothers_lock_alone(lock: RLock) -> None:
    """Also if it has had the lock before."""
    first, second = Client(), Client()
    Taker(first.acquire(lock))
    first.release(lock)
    Taker(second.acquire(lock))
    first.session.end()
    assert Taker(Client().acquire(lock, blocking=False)).answer is False
    second.release(lock)


def test_a_released_lock_is_forgotten_by_the_session(lock: RLock) -> None:
    """A session does not remember every lock that it ever had."""
    client = Client()
    Taker(client.acquire(lock))
    client.release(lock)
    assert not client.session._at_end


def test_without_time_nobody_waits(lock: RLock) -> None:
    """The answer is there at once."""
    holder = Client()
    Taker(holder.acquire(lock))
    assert Taker(Client().acquire(lock, timeout=0)).answer is False
    assert Taker(Client().acquire(lock, blocking=False)).answer is False
    holder.release(lock)


def test_a_session_that_has_ended_is_passed_over(lock: RLock) -> None:
    """It waited, and its end has not been noticed everywhere."""
    holder, dead, alive = Client(), Client(), Client()
    Taker(holder.acquire(lock))
    Taker(dead.acquire(lock))
    waiting = Taker(alive.acquire(lock))
    dead.session.end()
    holder.release(lock)
    assert waiting.answer is True
    alive.release(lock)


def test_a_session_that_has_ended_gets_nothing(lock: RLock) -> None:
    """A call of it that was still running cannot take the lock for ever."""
    dead = Client()
    dead.session.end()
    with pytest.raises(ConnectionError):
        dead.acquire(lock)


def test_a_thousand_who_cannot_be_reached_are_passed_over(lock: RLock) -> None:
    """The lock goes on to the first who is there, and no stack overflows on the way."""
    holder, alive = Client(), Client()
    Taker(holder.acquire(lock))
    for number in range(1000):
        Taker(Client().acquire(lock, number), reached=False)
    waiting = Taker(alive.acquire(lock))
    holder.release(lock)
    assert waiting.answer is True
    alive.release(lock)


def test_a_thousand_waiting_cost_no_thread(lock: RLock) -> None:
    """They wait in a queue, with and without a timeout."""
    clients = [Client() for _ in range(1000)]
    Taker(clients[0].acquire(lock))
    Taker(clients[1].acquire(lock, timeout=1000))  # the timer's thread is there from here on
    threads = threading.active_count()
    waiting = [Taker(each.acquire(lock, timeout=1000)) for each in clients[2:]]
    assert threading.active_count() == threads
    for each in clients:
        each.release(lock)
    assert all(each.answer is True for each in waiting)


def test_a_grant_withdrawn_too_late_is_undone(lock: RLock) -> None:
    """Immediate or waited for, the lock is free again or goes to the next."""
    first, second, third = Client(), Client(), Client()
    granted = first.acquire(lock)
    waited = second.acquire(lock)
    last = Taker(third.acquire(lock))
    takers = [Taker(granted), Taker(waited)]
    assert is_later(granted)
    assert is_later(waited)
    granted.withdraw()
    assert takers[1].answer is True
    assert last.answer is None
    waited.withdraw()
    assert last.answer is True
    third.release(lock)


def test_undoing_one_of_two_acquisitions_keeps_the_other(lock: RLock) -> None:
    """A re-entrant acquire that was withdrawn does not free the lock."""
    client = Client()
    Taker(client.acquire(lock))
    again = client.acquire(lock)
    assert is_later(again)
    Taker(again)
    again.withdraw()
    assert Taker(Client().acquire(lock, blocking=False)).answer is False
    client.release(lock)


def test_threads_and_clients_share_one_queue(lock: RLock) -> None:
    """A thread of the server waits for a client's lock like anybody else."""
    client = Client()
    Taker(client.acquire(lock))

    def inside() -> bool:
        with lock:
            return True

    run = Run(inside)
    until(lambda: len(lock._waiters))
    client.release(lock)
    assert run.result()


# --- Against a model

OWNERS = st.tuples(st.integers(0, 2), st.integers(0, 1))


class LockMachine(RuleBasedStateMachine):
    """Three sessions of two callers each, and what the lock should do."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = RLock()
        self.clients = [Client() for _ in range(3)]
        self.owner: tuple[int, int] | None = None
        self.count = 0
        self.queue: list[tuple[tuple[int, int], Taker]] = []

    def hand_on(self) -> None:
        """The model's: the first in the queue who can be reached gets the lock."""
        self.owner, self.count = None, 0
        while self.queue:
            owner, taker = self.queue.pop(0)
            if taker.reached:
                self.owner, self.count = owner, 1
                break

    def waits(self, owner: tuple[int, int]) -> bool:
        """Whether an owner is in the queue: a thread does one thing at a time."""
        return any(owner == each for each, _ in self.queue)

    @rule(owner=OWNERS, blocking=st.booleans(), reached=st.booleans())
    def acquire(self, owner: tuple[int, int], blocking: bool, reached: bool) -> None:
        """An owner asks for the lock; its connection may break before the answer."""
        if self.waits(owner):
            return
        client = self.clients[owner[0]]
        taker = Taker(client.acquire(self.lock, owner[1], blocking=blocking), reached=reached)
        if self.owner in (None, owner):
            assert taker.answer is True
            if reached:
                self.owner, self.count = owner, self.count + 1
        elif blocking:
            assert taker.answer is None
            self.queue.append((owner, taker))
        else:
            assert taker.answer is False

    @rule(owner=OWNERS)
    def release(self, owner: tuple[int, int]) -> None:
        """An owner releases, whether it has the lock or not."""
        if owner != self.owner:
            with pytest.raises(RuntimeError):
                self.clients[owner[0]].release(self.lock, owner[1])
            return
        self.clients[owner[0]].release(self.lock, owner[1])
        self.count -= 1
        if not self.count:
            self.hand_on()

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """Somebody does not want to wait any more."""
        _, taker = self.queue.pop(data.draw(st.integers(0, len(self.queue) - 1)))
        assert is_later(taker.pending)
        taker.pending.withdraw()

    @rule(number=st.integers(0, 2), noticed=st.booleans())
    def end(self, number: int, noticed: bool) -> None:
        """A process ends; its link withdraws the calls that wait before or after that."""
        gone = [each for each in self.queue if each[0][0] == number]
        self.queue = [each for each in self.queue if each[0][0] != number]
        session = self.clients[number].session
        for action in (session.end, None)[:: 1 if noticed else -1]:
            for _, taker in gone if action is None else ():
                assert is_later(taker.pending)
                taker.pending.withdraw()
            if action is not None:
                action()
        self.clients[number] = Client()
        if self.owner is not None and self.owner[0] == number:
            self.hand_on()

    @invariant()
    def agrees(self) -> None:
        """The lock is with the one whom the model names, and the others wait."""
        assert self.lock._count == self.count
        owner = self.owner
        expected = owner and Owner(self.clients[owner[0]].session, owner[1])
        assert self.lock._held.owner == expected
        assert len(self.lock._waiters) == len(self.queue)


TestLockMachine = LockMachine.TestCase
TestLockMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
