"""Grants of which the caller never hears: they are undone, and go to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.granted import deliver
from support.hosted.client import Client
from support.sharing.engines import ENGINES
from support.sharing.manager import SharingManager
from support.threads import Run

from kinfolk.host.chains import acting_for
from kinfolk.host.hosting import Host
from kinfolk.host.owners import Lifetime, Owner
from kinfolk.host.waiters import Later, Pending, deferred_of, is_later
from kinfolk.types import (
    Barrier,
    BoundedSemaphore,
    Event,
    Lock,
    PriorityQueue,
    Queue,
    RLock,
    Semaphore,
    WorkQueue,
)
from kinfolk.types.queues_manager import QueueProxy


class Refused(Pending[Any]):
    """What is withdrawn at the very moment when it is granted something."""

    __slots__ = ()

    def grant(self, undo: Callable[[], object]) -> bool:
        """Come too late."""
        self.withdraw()
        return False


class Call:
    """A call of a session of its own that has no answer, or one that did or did not arrive."""

    def __init__(self, method: Callable[..., object], *arguments: object) -> None:
        self.session = Lifetime()
        raw = deferred_of(method)
        assert raw is not None
        with acting_for(Owner(self.session, 1)):
            pending = raw(getattr(method, "__self__"), *arguments)  # noqa: B009
        assert is_later(pending)
        self.pending: Later[Any] = pending
        self.answers: list[object] = []

    def refuse(self) -> None:
        """Be withdrawn between being chosen and being granted something."""
        assert isinstance(self.pending, Pending)
        self.pending.__class__ = Refused

    def deliver(self, *, reached: bool = True) -> Call:
        """Let the answer come, as soon as there is one."""

        def receive(answer: object) -> bool:
            if reached:
                self.answers.append(answer)
            return reached

        deliver(self.pending, receive)
        return self


# --- Who cannot be reached


def test_a_permit_goes_to_the_next_who_can_be_reached() -> None:
    """However many cannot."""
    semaphore = Semaphore(0)
    calls = [Call(semaphore.acquire).deliver(reached=False) for _ in range(1000)]
    last = Call(semaphore.acquire).deliver()
    semaphore.release()
    assert last.answers == [True]
    assert not semaphore.acquire(blocking=False)
    assert not any(call.session.held for call in calls)


def test_an_item_goes_to_the_next_who_can_be_reached() -> None:
    """In its order, and to nobody twice."""
    queue: Queue[int] = Queue()
    for _ in range(1000):
        Call(queue.get).deliver(reached=False)
    first, second = Call(queue.get).deliver(), Call(queue.get).deliver()
    queue.put(1)
    queue.put(2)
    assert (first.answers, second.answers) == ([1], [2])


def test_work_goes_to_the_next_who_can_be_reached() -> None:
    """It is no attempt, since nobody has seen the item."""
    queue: WorkQueue[int] = WorkQueue(1)
    for _ in range(1000):
        Call(queue.take).deliver(reached=False)
    last = Call(queue.take).deliver()
    queue.put(1)
    assert len(last.answers) == 1
    assert queue.lent() == [1]
    assert queue.failed() == []


# --- Who takes the call back at the very moment of the grant


@pytest.mark.parametrize("make", [Lock, RLock, Semaphore])
def test_what_nobody_wants_any_more_stays_free(make: Callable[[], Any]) -> None:
    """It goes to the next, and is nothing that the session would have to give back."""
    lock = make()
    lock.acquire()
    call, last = Call(lock.acquire), Call(lock.acquire).deliver()
    call.refuse()
    lock.release()
    assert last.answers == [True]
    assert not call.session.held


def test_an_item_that_nobody_wants_any_more_is_the_next_for_others() -> None:
    """It is neither lost nor lent."""
    queue, work = Queue[int](), WorkQueue[int]()
    get, take = Call(queue.get), Call(work.take)
    get.refuse()
    take.refuse()
    for item in (1, 2):
        queue.put(item)
        work.put(item)
    assert [queue.get(), queue.get()] == [1, 2]
    assert not take.session.held
    with work.take() as item:
        assert item == 1


def test_an_item_that_nobody_puts_any_more_is_not_in_the_queue() -> None:
    """And there is room for the next."""
    queue: Queue[int] = Queue(1)
    queue.put(1)
    put, last = Call(queue.put, 2000), Call(queue.put, 3).deliver()
    put.refuse()
    assert queue.get() == 1
    assert last.answers == [None]
    assert queue.get() == 3


# --- Who takes the call back after it was granted


@pytest.mark.parametrize("make", [Lock, RLock, Semaphore, BoundedSemaphore])
def test_what_was_granted_too_late_is_free_again(make: Callable[[], Any]) -> None:
    """Be it granted at once, or after a wait; and it is not undone twice."""
    lock = make()
    first, second = Call(lock.acquire), Call(lock.acquire).deliver()
    assert first.pending.withdraw()
    assert second.answers == [True]
    assert second.pending.withdraw()
    second.session.end()
    assert lock.acquire(blocking=False)
    assert not Run(lambda: lock.acquire(blocking=False)).result()


def test_what_another_gave_back_meanwhile_is_not_given_back_again() -> None:
    """The lock may have the same session's name by then, and is not taken from it."""
    lock = Lock()
    call = Call(lock.acquire).deliver()
    with acting_for(Owner(call.session, 2)):
        lock.release()
        assert lock.acquire()
    call.pending.withdraw()
    assert lock.locked()


@pytest.mark.parametrize("make", [Queue, PriorityQueue])
def test_an_item_that_was_taken_too_late_is_the_next_again(make: Callable[[], Queue[int]]) -> None:
    """It goes to where it was taken from."""
    queue = make()
    for item in (1, 2):
        queue.put(item)
    call = Call(queue.get).deliver()
    assert call.answers == [1]
    assert call.pending.withdraw()
    assert [queue.get(), queue.get()] == [1, 2]


def test_an_item_that_was_put_too_late_is_taken_out() -> None:
    """If it is there still; and then there is room for the next."""
    queue: Queue[int] = Queue(1)
    first, second = Call(queue.put, 1000).deliver(), Call(queue.put, 2000).deliver()
    assert first.pending.withdraw()
    assert second.answers == [None]
    assert queue.get() == 2000
    assert not second.pending.withdraw()
    queue.task_done()
    queue.join()


def test_work_that_was_taken_too_late_is_the_next_again() -> None:
    """As if it had not been lent."""
    queue: WorkQueue[int] = WorkQueue(1)
    queue.put(1)
    queue.put(2)
    Call(queue.take).deliver().pending.withdraw()
    assert queue.lent() == []
    with queue.take() as item:
        assert item == 1


def test_what_was_said_of_an_event_stays_said() -> None:
    """There is nothing to undo."""
    event = Event()
    call = Call(event.wait).deliver()
    event.set()
    assert call.pending.withdraw()
    assert event.is_set()


def test_whoever_has_met_breaks_no_barrier() -> None:
    """Nor can it be undone that the others have gone on."""
    barrier = Barrier(2)
    one, two = Call(barrier.wait).deliver(), Call(barrier.wait).deliver()
    assert (one.answers, two.answers) == ([0], [1])
    assert not one.pending.withdraw()
    assert not barrier.broken


def test_a_session_is_remembered_only_as_long_as_it_has_something() -> None:
    """Else a server would know of every lock that a client ever had."""
    semaphore, lock, queue = Semaphore(2), Lock(), WorkQueue[int]()
    session = Lifetime()
    queue.put(1)
    with acting_for(Owner(session, 1)):
        semaphore.acquire()
        semaphore.acquire()
        lock.acquire()
        loan = queue.take()
        assert session.held == 3
        semaphore.release()
        assert session.held == 3
        semaphore.release()
        lock.release()
        with loan:
            pass
    assert session.held == 0


# --- What the caller is told


@pytest.fixture
def host() -> Any:
    """Shared objects without any channel."""
    with ENGINES["local"](SharingManager) as engine:
        yield engine.host


def test_a_put_that_cannot_be_undone_has_been_carried_out(host: Host) -> None:
    """Whoever takes the call back is told whether its item is in the queue, or on its way."""
    members = SharingManager._offer.members(QueueProxy[int])
    client = Client(host)
    puts = [client.start("queue", members["put"], item=item) for item in (1, 2, 3, 4)]
    assert client.session.withdraw(puts[1]) == "no"
    assert client.result(members["get"], client.start("queue", members["get"])) == 1
    assert client.session.withdraw(puts[0]) == "yes"
    assert client.session.withdraw(puts[2]) == "no"
    assert client.session.withdraw(puts[3]) == "no"
    assert client.result(members["qsize"], client.start("queue", members["qsize"])) == 0


@pytest.mark.parametrize("broken", [False, True])
def test_who_puts_is_answered_before_those_who_wait(host: Host, broken: bool) -> None:
    """And they are answered all the same where the first cannot be."""
    members = SharingManager._offer.members(QueueProxy[int])
    putter, getter = Client(host), Client(host)
    getter.replies = putter.replies
    putter.broken = broken
    waiting = getter.start("queue", members["get"])
    put = putter.start("queue", members["put"], item=7)
    assert list(putter.replies) == ([waiting] if broken else [put, waiting])
    assert getter.result(members["get"], waiting) == 7
