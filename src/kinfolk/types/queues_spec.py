"""Queues, as those of the module `queue`.

They are shared classes like any other, and work without a server too: a `Queue` in a unit test is a
queue between threads. No thread waits at the server: a call is answered when there is an item for
it, or room.
"""

from __future__ import annotations

import functools
from queue import Empty, Full
from typing import Any, Final, Generic, TypeVar

from kinfolk.declare import blocking, raises, shared
from kinfolk.host.granting import Grant, Granting, check_timeout
from kinfolk.host.waiters import Pending, Waiters, deferred
from kinfolk.types.errors import ShutDown
from kinfolk.types.stores import Fifo, Heap, Lifo, Store

__all__ = ["JoinableQueue", "LifoQueue", "PriorityQueue", "Queue"]

T = TypeVar("T")

_NOTHING: Final[Any] = object()


@shared(concurrent=True)
@raises(Empty, Full, ShutDown)
class Queue(Granting, Generic[T]):
    """A queue between any number of processes; the first item in is the first out.

    Those who wait for an item, or for room, are served in the order in which they came. An item
    that was granted to a caller who is not there any more goes back to where it was taken from;
    one that a process has taken is gone with it if it ends, and a `WorkQueue` is where it is not.

    Args:
        maxsize: How many items there is room for; 0 or less for any number.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__()
        self._maxsize = maxsize
        self._unfinished = 0
        self._is_shutdown = False
        self._getters: Waiters[T] = Waiters()
        self._putters: Waiters[None] = Waiters()
        self._joiners: Waiters[None] = Waiters()
        self._items: Store[T] = Fifo()

    @property
    def maxsize(self) -> int:
        """How many items there is room for; 0 or less for any number."""
        return self._maxsize

    @property
    def is_shutdown(self) -> bool:
        """Whether the queue was shut down."""
        return self._is_shutdown

    def qsize(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def empty(self) -> bool:
        """Return whether there is no item."""
        return not self._items

    def full(self) -> bool:
        """Return whether there is no room."""
        return 0 < self._maxsize <= len(self._items)

    @blocking
    @deferred
    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Add an item.

        Args:
            item: The item.
            block: Wait until there is room.
            timeout: For how many seconds at most; None for as long as it takes.

        Raises:
            queue.Full: There is no room, or there was none in time.
            ShutDown: The queue was shut down.
            ValueError: The timeout is negative.
        """
        return self._put(item, block, timeout)

    @deferred
    def put_nowait(self, item: T) -> None:
        """Add an item.

        Raises:
            queue.Full: There is no room.
            ShutDown: The queue was shut down.
        """
        return self._put(item, block=False, timeout=None)

    @blocking
    @deferred
    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take the next item out.

        Args:
            block: Wait until there is one.
            timeout: For how many seconds at most; None for as long as it takes.

        Raises:
            queue.Empty: There is no item, or there was none in time.
            ShutDown: There is no item, and the queue was shut down.
            ValueError: The timeout is negative.
        """
        return self._get(block, timeout)

    @deferred
    def get_nowait(self) -> T:
        """Take the next item out.

        Raises:
            queue.Empty: There is no item.
            ShutDown: There is no item, and the queue was shut down.
        """
        return self._get(block=False, timeout=None)

    def task_done(self) -> None:
        """Say that an item which was taken has been dealt with.

        Raises:
            ValueError: That was said as many times as items were put in already.
        """
        with self._guard:
            if not self._unfinished:
                raise ValueError("task_done() called too many times")
            self._unfinished -= 1
            grants = self._grants()
        self._tell(grants)

    @blocking
    @deferred
    def join(self) -> None:
        """Wait until `task_done` was called for every item that was put in."""
        return self._ask(self._joiners, timeout=None, expired=None)

    def shutdown(self, immediate: bool = False) -> None:
        """Take no more items in; once the queue is empty, `get` raises too.

        Args:
            immediate: Empty it now, as if all that is in it had been dealt with.
        """
        with self._guard:
            self._is_shutdown = True
            while immediate and self._items:
                self._items.get()
                self._unfinished = max(self._unfinished - 1, 0)
            grants = self._grants()
        self._tell(grants)

    # --- Inside

    def _put(self, item: T, block: bool, timeout: float | None) -> None:
        if self._is_shutdown:
            raise ShutDown
        seconds = _seconds(block, timeout) if self._maxsize > 0 else None
        check_timeout(seconds)
        waiter: Pending[None] | None = None
        with self._guard:
            # Nobody waits for room while there is any.
            if self.full() or self._is_shutdown:
                waiter = self._line_up(self._putters, item)
            else:
                self._take_in(item)
            grants = self._grants()
        if waiter is not None:
            self._tell(grants)
            return self._answer(waiter, seconds, expired=Full())
        # After the caller, which may have put in the next item before those who wait ask for it:
        # then they need not wait.
        return self._at_once(None, functools.partial(self._take_out, item), grants)

    def _get(self, block: bool, timeout: float | None) -> T:
        if self._is_shutdown and not self._items:
            raise ShutDown
        seconds = _seconds(block, timeout)
        check_timeout(seconds)
        waiter: Pending[T] | None = None
        with self._guard:
            # Nobody waits for an item while there is one.
            item: T = self._items.get() if self._items else _NOTHING
            if item is _NOTHING:
                waiter = self._line_up(self._getters)
            grants = self._grants()
        # Before the caller, which may be slow to take a long item.
        self._tell(grants)
        if waiter is not None:
            return self._answer(waiter, seconds, expired=Empty())
        return self._at_once(item, functools.partial(self._items.put_back, item))

    # --- With the guard held

    def _grants(self) -> list[Grant[Any]]:
        found: list[Grant[Any]] = []
        while True:
            grant: Grant[Any] | None
            if self._getters and self._items:
                grant = self._grant_item()
            elif self._putters and not self._is_shutdown and not self.full():
                grant = self._grant_room()
            else:
                break
            if grant is not None:
                found.append(grant)
        if self._is_shutdown:
            late: list[Pending[Any]] = [*self._putters.all()]
            late += [] if self._items else self._getters.all()
            found += [Grant(waiter, ShutDown(), failed=True) for waiter in late]
        if self._joiners and not self._unfinished:
            found += [Grant(waiter, None) for waiter in self._joiners.all()]
        return found

    def _grant_item(self) -> Grant[T] | None:
        """Give the next item to the first who waits for one, if that one is still there."""
        waiter = self._getters.next()
        if waiter is None:
            return None
        try:
            item = self._items.get()
        except Exception as error:
            return Grant(waiter, error, failed=True)
        take_back = functools.partial(self._items.put_back, item)
        if self._promise(waiter, take_back):
            return Grant(waiter, item)
        take_back()
        return None

    def _grant_room(self) -> Grant[None] | None:
        """Take in the item of the first who waits for room, if that one is still there."""
        waiter = self._putters.next()
        if waiter is None:
            return None
        try:
            self._take_in(waiter.subject)
        except Exception as error:
            return Grant(waiter, error, failed=True)
        take_back = functools.partial(self._take_out, waiter.subject)
        if self._promise(waiter, take_back):
            return Grant(waiter, None)
        take_back()
        return None

    def _take_in(self, item: T) -> None:
        self._items.put(item)
        self._unfinished += 1

    def _take_out(self, item: T) -> bool:
        """Take out an item whose `put` has not arrived; return whether it was there still."""
        found = self._items.discard(item)
        self._unfinished = max(self._unfinished - found, 0)
        return found


def _seconds(block: bool, timeout: float | None) -> float | None:
    """Return for how long to wait, as the arguments of the module `queue` say it."""
    if not block:
        return 0
    if timeout is not None and timeout < 0:
        raise ValueError(f"timeout must not be negative, and is {timeout}")
    return timeout


@shared(concurrent=True)
class LifoQueue(Queue[T]):
    """A queue of which the last item in is the first out."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._items = Lifo()


@shared(concurrent=True)
class PriorityQueue(Queue[T]):
    """A queue of which the smallest item is the first out, such as a pair of a number and a job.

    Whoever puts in what cannot be compared with the rest is told so by the TypeError.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._items = Heap()


@shared(concurrent=True)
class JoinableQueue(Queue[T]):
    """A queue, by the name under which `multiprocessing` has one with `join`."""
