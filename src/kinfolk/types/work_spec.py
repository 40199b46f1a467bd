"""A queue for fleets of workers, which lends its items, and loses none when a worker dies.

It works without a server too, between threads.
"""

from __future__ import annotations

import functools
from collections import deque
from queue import Empty
from types import TracebackType
from typing import Any, Generic, TypeVar

import attrs

from kinfolk.declare import blocking, hidden, raises, shared
from kinfolk.errors import RemoteError
from kinfolk.host.chains import current_owner
from kinfolk.host.granting import Grant, Granting
from kinfolk.host.owners import Lifetime
from kinfolk.host.waiters import Waiters, deferred
from kinfolk.types.values import Failure
from kinfolk.wording import in_words

__all__ = ["Loan", "WorkQueue"]

T = TypeVar("T")


@attrs.define(eq=False)
class _Item(Generic[T]):
    """An item, and how many attempts at it have failed."""

    value: T
    attempts: int = 0


@attrs.frozen(eq=False)
class _Lending(Generic[T]):
    """One lending of an item, to a process."""

    item: _Item[T]
    session: Lifetime

    @property
    def is_of_caller(self) -> bool:
        """Whether it belongs to the process that calls."""
        return self.session.is_of_process_of(current_owner().session)


@shared(concurrent=True)
@raises(Empty)
class WorkQueue(Granting, Generic[T]):
    """Items that workers take on loan, each for as long as a block lasts.

    It is used like this:

        with queue.take() as item:
            work(item)

    An item whose block ends normally is finished. If the block raises, or the worker's process
    ends, however it ends, the item goes back to the front, for another; so it does if the worker
    lets go of the loan. A child that is forked within the block does not end it. After
    `max_attempts` failures it is given up, and `failed` tells why. At no time do two workers have
    the same item.

    Over TCP a worker that falls silent is taken for dead, and may go on with what was lent to it
    before it finds out.

    Args:
        max_attempts: How many attempts at an item may fail before it is given up.
    """

    def __init__(self, max_attempts: int = 3) -> None:
        if max_attempts < 1:
            raise ValueError(f"there must be at least one attempt, not {max_attempts}")
        super().__init__()
        self._max_attempts = max_attempts
        self._items: deque[_Item[T]] = deque()
        self._lent: dict[_Lending[T], None] = {}
        self._failed: list[Failure[T]] = []
        self._takers: Waiters[Loan[T]] = Waiters()
        self._joiners: Waiters[None] = Waiters()

    def put(self, item: T) -> None:
        """Add an item, as the last."""
        with self._guard:
            self._items.append(_Item(item))
            grants = self._grants()
        self._tell(grants)

    @blocking
    @deferred
    def take(self, timeout: float | None = None) -> Loan[T]:
        """Borrow the first item; enter a `with` block to get it, and leave the block to end that.

        Args:
            timeout: For how many seconds to wait for one at most; None for as long as it takes.

        Raises:
            queue.Empty: There was none in time.
            OverflowError: The timeout is larger than `threading.TIMEOUT_MAX`.
        """
        return self._ask(self._takers, timeout, expired=Empty())

    def __len__(self) -> int:
        return len(self._items)

    def lent(self) -> list[T]:
        """Return the items that workers have now, those first that were taken first."""
        with self._guard:
            return [lending.item.value for lending in self._lent]

    def failed(self) -> list[Failure[T]]:
        """Return the items that were given up, each with the reason."""
        with self._guard:
            return list(self._failed)

    def retry(self, item: T) -> None:
        """Put an item that was given up into the queue again, as the last, as if it were new.

        Raises:
            ValueError: No such item was given up.
        """
        with self._guard:
            index = next((i for i, each in enumerate(self._failed) if each.item == item), None)
            if index is None:
                raise ValueError(f"{item!r} is not among the items that were given up")
            self._items.append(_Item(self._failed.pop(index).item))
            grants = self._grants()
        self._tell(grants)

    @blocking
    @deferred
    def join(self) -> None:
        """Wait until there is no item left, and none is lent: all are finished or given up."""
        return self._ask(self._joiners, timeout=None, expired=None)

    # --- For Loan

    @hidden
    def begin(self, lending: _Lending[T]) -> T:
        """Return an item that is about to be worked on."""
        with self._guard:
            self._check(lending)
            return lending.item.value

    @hidden
    def finish(self, lending: _Lending[T]) -> None:
        """End a lending whose item is done."""
        with self._guard:
            self._check(lending)
            self._end(lending)
            grants = self._grants()
        self._tell(grants)

    @hidden
    def fail(self, lending: _Lending[T], reason: str) -> None:
        """End a lending whose item is not done."""
        with self._guard:
            if self._end(lending):
                self._count_failure(lending.item, reason)
            grants = self._grants()
        self._tell(grants)

    # --- With the guard held

    def _grants(self) -> list[Grant[Any]]:
        found: list[Grant[Any]] = []
        while self._items and (waiter := self._takers.next()) is not None:
            session = waiter.owner.session
            lending = _Lending(self._items[0], session)
            gone = functools.partial(self.fail, lending, "the worker's process has ended")
            if not session.at_end(lending, gone):
                continue
            if self._promise(waiter, functools.partial(self._take_back, lending)):
                self._items.popleft()
                self._lent[lending] = None
                found.append(Grant(waiter, Loan(self, lending)))
            else:
                session.forget(lending)
        if not self._items and not self._lent:
            found += [Grant(waiter, None) for waiter in self._joiners.all()]
        return found

    def _check(self, lending: _Lending[T]) -> None:
        """See that a lending has not ended, and belongs to the process that calls."""
        if lending not in self._lent:
            raise RuntimeError("this loan has ended; take another from the queue")
        if not lending.is_of_caller:
            raise RuntimeError("this loan is another process's; take one of your own")

    def _end(self, lending: _Lending[T]) -> bool:
        """End a lending; return whether it had not ended before."""
        if lending not in self._lent:
            return False
        del self._lent[lending]
        lending.session.forget(lending)
        return True

    def _take_back(self, lending: _Lending[T]) -> None:
        """Undo a lending of which the worker never heard, and which therefore is no attempt."""
        if self._end(lending):
            self._items.appendleft(lending.item)

    def _count_failure(self, item: _Item[T], reason: str) -> None:
        item.attempts += 1
        if item.attempts < self._max_attempts:
            self._items.appendleft(item)
        else:
            self._failed.append(Failure(item.value, item.attempts, reason))


@shared(concurrent=True)
class Loan(Generic[T]):
    """An item that a worker has for as long as its `with` block lasts; see `WorkQueue`."""

    def __init__(self, queue: WorkQueue[T], lending: _Lending[T]) -> None:
        self._queue = queue
        self._lending = lending

    def __enter__(self) -> T:
        return self._queue.begin(self._lending)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self._queue.finish(self._lending)
        elif self._lending.is_of_caller:
            self._queue.fail(self._lending, _reason(exc_type, exc_value))

    @hidden
    def close(self) -> None:
        """End a loan that no process has a proxy of any more."""
        self._queue.fail(self._lending, "the worker let it go")


def _reason(exc_type: type[BaseException], exc_value: BaseException | None) -> str:
    if isinstance(exc_value, RemoteError):  # which stands for another, and names it
        return str(exc_value)
    return exc_type.__name__ if exc_value is None else in_words(exc_value)
