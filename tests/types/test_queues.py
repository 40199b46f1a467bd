"""Queues, through proxies."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable
from functools import partial
from queue import Empty, Full
from typing import Any

import pytest
from support.sharing.engines import WITHDRAWING, Engine
from support.sharing.manager import SharingManager
from support.threads import Run, until

import kinfolk
from kinfolk.errors import CallTimeout, NotSupported
from kinfolk.types import PriorityQueue, Queue, ShutDown
from kinfolk.types.stores import Fifo, Heap, Lifo


def test_items_come_out_in_their_order(sharing: SharingManager) -> None:
    """The first, the last or the smallest at first."""
    orders = {
        "new_queue": [3, 1, 2],
        "new_joinable_queue": [3, 1, 2],
        "new_lifo_queue": [2, 1, 3],
        "new_priority_queue": [1, 2, 3],
    }
    for name, order in orders.items():
        shared = getattr(sharing, name)()
        for item in (3, 1, 2):
            shared.put(item)
        assert [shared.get() for _ in range(3)] == order


def test_those_who_wait_get_items_in_the_order_in_which_they_came(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """One item goes to one of them."""
    shared, runs = sharing.new_queue(), list[Run[int]]()
    for _ in range(3):
        runs.append(Run(shared.get))
        until(lambda: engine.waiting == len(runs))
    for item in range(3):
        shared.put(item)
    assert [run.result() for run in runs] == [0, 1, 2]


def test_those_who_wait_for_room_put_in_the_order_in_which_they_came(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """As soon as an item is taken out."""
    shared, runs = sharing.new_queue(1), list[Run[None]]()
    shared.put(0)
    assert shared.full()
    for item in (1, 2):
        runs.append(Run(partial(shared.put, item)))
        until(lambda: engine.waiting == len(runs))
    assert shared.qsize() == 1
    assert [shared.get() for _ in range(3)] == [0, 1, 2]
    for run in runs:
        run.result()
    assert shared.empty()


def test_there_is_no_waiting_without_time(sharing: SharingManager) -> None:
    """`Empty` and `Full` arrive as themselves, at once or when the time is over."""
    shared = sharing.new_queue(1)
    gets: list[Callable[[], object]] = [
        shared.get_nowait,
        lambda: shared.get(block=False),
        lambda: shared.get(timeout=0),
        lambda: shared.get(timeout=0.001),
    ]
    puts: list[Callable[[], object]] = [
        lambda: shared.put_nowait(1),
        lambda: shared.put(1, block=False),
        lambda: shared.put(1, timeout=0),
        lambda: shared.put(1, timeout=0.001),
    ]
    for get in gets:
        with pytest.raises(Empty):
            get()
    shared.put_nowait(0)
    for put in puts:
        with pytest.raises(Full):
            put()
    for call in (lambda: shared.put(1, timeout=-1), lambda: shared.get(timeout=-1)):
        with pytest.raises(ValueError, match="negative"):
            call()
    assert (shared.get_nowait(), shared.maxsize) == (0, 1)


def test_join_waits_for_every_item_to_be_dealt_with(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """It is not enough that the queue is empty."""
    shared = sharing.new_joinable_queue()
    shared.join()
    shared.put(1)
    shared.put(2)
    run = Run(shared.join)
    until(lambda: engine.waiting == 1)
    shared.get()
    shared.task_done()
    shared.get()
    assert engine.waiting == 1
    assert run.running
    shared.task_done()
    run.result()
    with pytest.raises(ValueError, match="too many times"):
        shared.task_done()


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("engine", WITHDRAWING, indirect=True)
def test_a_put_that_is_cut_short_while_it_waits_puts_nothing(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Its caller is told so."""
    shared = sharing.queue()
    shared.put(1)
    shared.put(2)
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0.01):
        shared.put(3)
    assert caught.value.executed == "no"
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0.01):
        sharing.new_queue().get()
    assert caught.value.executed == "no"
    assert [shared.get(), shared.get()] == [1, 2]
    assert shared.empty()
    assert engine.waiting == 0


@pytest.mark.parametrize("engine", ["pickle"], indirect=True)
def test_by_pickle_a_deadline_is_refused_at_once(sharing: SharingManager) -> None:
    """Nothing is put or taken; a timeout takes its place."""
    shared = sharing.queue()
    with kinfolk.deadline(60):
        for call in (lambda: shared.put(1), shared.get):
            with pytest.raises(NotSupported, match="knows no deadlines"):
                call()
    assert shared.empty()
    with pytest.raises(Empty):
        shared.get(timeout=0.001)


def test_a_queue_that_is_shut_down_takes_nothing_in(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """What is in it can be taken out, and then whoever wants an item is told."""
    shared = sharing.new_queue(1)
    shared.put(1)
    run = Run(lambda: shared.put(2))
    until(lambda: engine.waiting == 1)
    shared.shutdown()
    assert shared.is_shutdown
    for call in (run.result, lambda: shared.put(3), lambda: shared.put_nowait(3)):
        with pytest.raises(ShutDown):
            call()
    assert shared.get() == 1
    for get in (shared.get, shared.get_nowait):
        with pytest.raises(ShutDown):
            get()


def test_a_queue_that_is_shut_down_at_once_is_empty(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """Whoever waits in `join` goes on, since nothing is left to do."""
    shared = sharing.new_queue()
    shared.put(1)
    join = Run(shared.join)
    until(lambda: engine.waiting == 1)
    shared.shutdown(immediate=True)
    join.result()
    with pytest.raises(ShutDown):
        shared.get()
    other = sharing.new_queue()
    get = Run(other.get)
    until(lambda: engine.waiting == 1)
    other.shutdown()
    with pytest.raises(ShutDown):
        get.result()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the standard library has no ShutDown")
def test_the_error_is_that_of_the_standard_library() -> None:
    """Programs that catch `queue.ShutDown` catch it."""
    assert issubclass(ShutDown, getattr(queue, "ShutDown"))  # noqa: B009


# --- What cannot be compared


class Picky:
    """Can be compared with its like until it is told not to."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.refuses = False

    def __lt__(self, other: Any) -> bool:
        if self.refuses or other.refuses:
            raise TypeError("not comparable")
        return bool(self.rank < other.rank)


def test_what_cannot_be_compared_is_refused_and_nothing_is_lost() -> None:
    """By the call that brings it, or by the one that meets it; the queue works on."""
    shared: PriorityQueue[Any] = PriorityQueue()
    items = [Picky(rank) for rank in (5, 3, 4, 1, 2)]
    for item in items:
        shared.put(item)
    with pytest.raises(TypeError):
        shared.put("text")
    items[1].refuses = items[2].refuses = True
    found = list[Picky]()

    def drain() -> None:
        while shared.qsize():
            found.append(shared.get())

    with pytest.raises(TypeError):
        drain()
    items[1].refuses = items[2].refuses = False
    drain()
    assert {*found} == {*items}
    assert len(found) == len(items)


def test_what_cannot_be_compared_any_more_is_put_back_all_the_same() -> None:
    """Its place is of less weight than the item."""
    heap: Heap[Picky] = Heap()
    items = [Picky(rank) for rank in (1, 2)]
    for item in items:
        heap.put(item)
    first = heap.get()
    first.refuses = True
    heap.put_back(first)
    assert len(heap) == 2


def test_a_put_that_cannot_be_compared_is_refused_when_there_is_room() -> None:
    """It had waited: the caller who made room is none the wiser."""
    shared: PriorityQueue[Any] = PriorityQueue(2)
    shared.put(1)
    shared.put(2)
    run = Run(lambda: shared.put("text"))
    until(lambda: len(shared._putters))
    assert shared.get() == 1
    with pytest.raises(TypeError):
        run.result()
    assert shared.get() == 2
    assert shared.empty()


# --- Without a manager


def test_what_was_taken_out_of_a_queue_is_put_back_in_order() -> None:
    """To where it was taken from, whatever the order of the queue."""
    for store in (Fifo[int](), Lifo[int](), Heap[int]()):
        for item in (2, 1, 3):
            store.put(item)
        first = store.get()
        store.put_back(first)
        assert store.get() == first
        assert store.discard(2) is (first != 2)
        assert not store.discard(9)
        assert len(store) in {1, 2}


def test_a_queue_works_without_any_manager() -> None:
    """Between threads."""
    shared: Queue[int] = Queue(1)
    run = Run(shared.get)
    shared.put(4)
    assert run.result() == 4
