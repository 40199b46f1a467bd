"""Granting what calls wait for: what locks, queues and the rest have in common.

A class that derives from `Granting` changes its state with `_guard` held, and then asks itself who
can be served now. Whoever can is granted it at once, still with the guard held, and told after
that, since answers go to other processes:

    def release(self) -> None:
        with self._guard:
            self._free += 1
            grants = self._grants()
        self._tell(grants)

A grant of which the caller never hears is taken back, and goes to the next.
"""

from __future__ import annotations

import functools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from kinfolk.errors import ConnectionLost
from kinfolk.host.chains import current_owner
from kinfolk.host.waiters import Pending, Settled, Waiters, later

__all__ = ["Grant", "Granting", "check_timeout"]

T = TypeVar("T")


class Grant(NamedTuple, Generic[T]):  # made for each call, and attrs takes thrice as long
    """What a call is answered with: a value, or an exception that it raises if it `failed`."""

    pending: Pending[T]
    value: Any
    failed: bool = False

    def tell(self) -> None:
        """Answer the call; if it is not there any more, what it was promised is taken back."""
        if self.failed:
            self.pending.fail(self.value)
        else:
            self.pending.settle(self.value)


class Granting(ABC):
    """A base of shared classes that guard themselves and let calls wait."""

    def __init__(self) -> None:
        self._guard = threading.Lock()

    @abstractmethod
    def _grants(self) -> list[Grant[Any]]:
        """Grant, with the guard held, whatever can be granted to those who wait."""

    def _ask(
        self,
        waiters: Waiters[T],
        timeout: float | None,
        expired: T | BaseException,
        subject: Any = None,
    ) -> T:
        """Have the call under way answered when it is granted something.

        Args:
            waiters: Those with whom it waits.
            timeout: For how many seconds; None for as long as it takes, 0 or less for no time.
            expired: What to answer, or raise, when they have passed.
            subject: What `_grants` has to know of the call.

        Raises:
            ConnectionLost: The process that calls has ended.
            OverflowError: The timeout is larger than `threading.TIMEOUT_MAX`.
        """
        check_timeout(timeout)
        with self._guard:
            waiter = self._line_up(waiters, subject)
            grants = self._grants()
        self._tell(grants)
        return self._answer(waiter, timeout, expired)

    def _line_up(self, waiters: Waiters[T], subject: Any = None) -> Pending[T]:
        """Let the call under way wait, with the guard held; see `_ask`.

        Raises:
            ConnectionLost: The process that calls has ended.
        """
        owner = current_owner()
        if owner.session.ended:
            raise ConnectionLost("The process that called has ended", executed="no")
        return waiters.enqueue(owner, subject)

    def _answer(self, waiter: Pending[T], timeout: float | None, expired: T | BaseException) -> T:
        """Answer the call under way when what it waits for is granted; see `_ask`."""
        if timeout is not None:
            waiter.expire_after(timeout, expired)
        return later(waiter)

    def _at_once(
        self, value: T, take_back: Callable[[], object], grants: list[Grant[Any]] | None = None
    ) -> T:
        """Answer the call under way with what it has been granted without waiting.

        Args:
            value: What it is answered with.
            take_back: See `_promise`.
            grants: Those who are told after it, and do not keep it waiting.
        """
        then = functools.partial(self._tell, grants) if grants else None
        return later(Settled(value, functools.partial(self._undo, take_back), then))

    def _promise(self, pending: Pending[Any], take_back: Callable[[], object]) -> bool:
        """Say, with the guard held, that something belongs to a call, before it is told.

        Args:
            pending: The call.
            take_back: Called with the guard held if the caller never hears of it. It returns False
                if that cannot be undone any more.

        Returns:
            False if the call has been withdrawn, and nothing belongs to it.
        """
        return pending.grant(functools.partial(self._undo, take_back))

    def _tell(self, grants: list[Grant[Any]]) -> None:
        for grant in grants:
            grant.tell()

    def _undo(self, take_back: Callable[[], object]) -> bool:
        with self._guard:
            undone = take_back() is not False
            grants = self._grants()
        self._tell(grants)
        return undone


def check_timeout(timeout: float | None) -> None:
    """Refuse a timeout that the standard library refuses.

    Raises:
        OverflowError: It is larger than `threading.TIMEOUT_MAX`.
    """
    if timeout is not None and timeout > threading.TIMEOUT_MAX:
        raise OverflowError(f"timeout {timeout} is too large (limit {threading.TIMEOUT_MAX})")
