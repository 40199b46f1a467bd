"""Locks, and all else that processes wait for each other with.

They are shared classes like any other, and work without a server too: an `RLock` in a unit test is
a lock between threads. No thread waits at the server: a call is answered when it is its turn.
"""

from __future__ import annotations

import functools
import threading
from types import TracebackType

from kinfolk.declare import blocking, shared
from kinfolk.errors import ConnectionLost
from kinfolk.host.waiters import (
    Held,
    Owner,
    Pending,
    Waiters,
    current_owner,
    deferred,
    later,
    settled,
)

__all__ = ["RLock"]


@shared(concurrent=True)
class RLock:
    """A re-entrant lock between threads of any number of processes.

    It belongs to the thread or task that acquired it, which may acquire it again and must release
    it as many times. Those who wait get it in the order in which they came. If the process
    that has it ends, however it ends, the lock is free.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = Held("the lock")
        self._count = 0
        self._waiters: Waiters[bool] = Waiters(self._held)
        # What its owner's session knows it by.
        self._key = object()

    @blocking
    @deferred
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock, or acquire it once more; return whether that was done.

        Args:
            blocking: Wait until the lock is free. Otherwise return False if it is not.
            timeout: Wait for so many seconds at most, then return False; -1 is without limit.

        Raises:
            ValueError: A timeout without blocking, or a negative one.
            OverflowError: The timeout is larger than `threading.TIMEOUT_MAX`.
        """
        _check(blocking, timeout)
        return self._acquire(blocking, None if timeout == -1 else timeout)

    def release(self) -> None:
        """Release the lock once; after the last time it goes to the next who waits.

        Raises:
            RuntimeError: The caller does not have it.
        """
        owner = current_owner()
        with self._guard:
            if self._held.owner != owner:
                raise RuntimeError("cannot release a lock that this caller does not have")
            waiter = self._give_back(owner)
        self._tell(waiter)

    @blocking
    @deferred
    def __enter__(self) -> bool:
        return self._acquire(blocking=True, timeout=None)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _acquire(self, blocking: bool, timeout: float | None) -> bool:
        owner = current_owner()
        with self._guard:
            if self._held.owner == owner:
                self._count += 1
            elif self._held.owner is None:
                if not self._take(owner):
                    self._held.owner = None
                    raise ConnectionLost("The process that called has ended", executed="yes")
            elif not blocking or timeout == 0:
                return False
            else:
                return later(self._waiters.add(timeout, expired=False))
        return later(settled(value=True, undo=functools.partial(self._undo, owner)))

    def _undo(self, owner: Owner) -> None:
        """Take back one acquisition, of which its owner never heard."""
        with self._guard:
            waiter = self._give_back(owner)
        self._tell(waiter)

    def _abandon(self, owner: Owner) -> None:
        """Free the lock, since its owner's process has ended."""
        with self._guard:
            if self._held.owner == owner:
                self._count = 1
            waiter = self._give_back(owner)
        self._tell(waiter)

    def _tell(self, waiter: Pending[bool] | None) -> None:
        """Answer the one who has the lock now, or whoever is the first that is still there."""
        # Not with the guard held, since answers go to other processes.
        while waiter is not None:
            if waiter.settle(value=True):
                return
            with self._guard:
                waiter = self._give_back(waiter.owner)

    # --- With the guard held

    def _take(self, owner: Owner) -> bool:
        """Give the lock to an owner; return whether its process still lives."""
        self._held.owner, self._count = owner, 1
        return owner.session.at_end(self._key, functools.partial(self._abandon, owner))

    def _give_back(self, owner: Owner) -> Pending[bool] | None:
        """Count one acquisition less; return whom the lock has gone to, if it has gone."""
        if self._held.owner != owner:
            return None
        self._count -= 1
        if self._count:
            return None
        owner.session.forget(self._key)
        while waiter := self._waiters.next():
            undo = functools.partial(self._undo, waiter.owner)
            if waiter.grant(undo) and self._take(waiter.owner):
                return waiter
        self._held.owner, self._count = None, 0
        return None


def _check(blocking: bool, timeout: float) -> None:
    """Refuse what `threading.RLock` refuses."""
    if timeout == -1:
        return
    if not blocking:
        raise ValueError("cannot specify a timeout for a call that does not block")
    if not timeout >= 0:
        raise ValueError(f"timeout must not be negative, and is {timeout}")
    if timeout > threading.TIMEOUT_MAX:
        raise OverflowError(f"timeout {timeout} is too large (limit {threading.TIMEOUT_MAX})")
