"""Locks and semaphores.

They are shared classes like any other, and work without a server too: an `RLock` in a unit test is
a lock between threads. No thread waits at the server: a call is answered when it is its turn.
"""

from __future__ import annotations

import functools
from types import TracebackType

from kinfolk.declare import blocking, shared
from kinfolk.host.granting import Grant, Granting, check_timeout
from kinfolk.host.owners import Lifetime
from kinfolk.host.waiters import Held, Owner, Waiters, current_owner, deferred
from kinfolk.types.mutex import Mutex

__all__ = ["BoundedSemaphore", "Lock", "RLock", "Semaphore"]


@shared(concurrent=True)
class Lock(Mutex):
    """A lock between threads of any number of processes.

    It belongs to the process that acquired it, of which any thread or task may release it. Those
    who wait get it in the order in which they came. If the process that has it ends, however it
    ends, the lock is free.
    """

    def __init__(self) -> None:
        # Another thread of the holder's may release it while that one waits.
        super().__init__(Held("the lock", alone=False))

    def _is_owned(self, owner: Owner) -> bool:
        holder = self._held.owner
        return holder is not None and holder.session.is_of_process_of(owner.session)


@shared(concurrent=True)
class RLock(Mutex):
    """A re-entrant lock between threads of any number of processes.

    It belongs to the thread that acquired it, or to the task of asyncio, which may acquire it again
    and must release it as many times. Those who wait get it in the order in which they came. If the
    process that has it ends, however it ends, the lock is free.
    """

    def __init__(self) -> None:
        super().__init__(Held("the lock"))

    def _is_owned(self, owner: Owner) -> bool:
        return self._held.owner == owner

    def _enter_again(self, owner: Owner) -> bool:
        owned = self._is_owned(owner)
        self._count += owned
        return owned


@shared(concurrent=True)
class Semaphore(Granting):
    """A number of permits for the processes that share it.

    A process that ends gives back the permits that it has. Any process may release, as with
    `threading.Semaphore`: one that has no permit itself gives back one that another has had for
    longest, and only if nobody has any there is one more than before. Those who wait get permits in
    the order in which they came.
    """

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError(f"a semaphore cannot begin with {value} permits")
        super().__init__()
        self._value = value
        self._held: dict[Lifetime, int] = {}
        self._waiters: Waiters[bool] = Waiters()

    @blocking
    @deferred
    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Acquire a permit; return whether that was done.

        Args:
            blocking: Wait until there is one. Otherwise return False if there is none.
            timeout: Wait for so many seconds at most, then return False; None is without limit.

        Raises:
            ValueError: A timeout without blocking.
            OverflowError: The timeout is larger than `threading.TIMEOUT_MAX`.
        """
        if not blocking and timeout is not None:
            raise ValueError("cannot specify a timeout for a call that does not block")
        return self._acquire(timeout if blocking else 0)

    def release(self, n: int = 1) -> None:
        """Release permits, which go to those who wait.

        Args:
            n: How many.

        Raises:
            ValueError: Fewer than one; or, of a `BoundedSemaphore`, more than were acquired.
        """
        if n < 1:
            raise ValueError(f"at least one permit must be released, not {n}")
        session = current_owner().session
        with self._guard:
            self._check_bound(n)
            self._value += n
            self._forget(session, n)
            grants = self._grants()
        self._tell(grants)

    @blocking
    @deferred
    def __enter__(self) -> bool:
        return self._acquire(None)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _acquire(self, timeout: float | None) -> bool:
        check_timeout(timeout)
        session = current_owner().session
        with self._guard:
            # Whoever waits has got the permits that there were.
            free = bool(self._value) and self._hold(session)
        if free:
            take_back = functools.partial(self._take_back, session)
            return self._at_once(True, take_back)  # noqa: FBT003 - what the call returns
        return self._ask(self._waiters, timeout, expired=False)

    def _abandon(self, session: Lifetime) -> None:
        """Take back the permits of a process that has ended."""
        with self._guard:
            self._value += self._held.pop(session, 0)
            grants = self._grants()
        self._tell(grants)

    # --- With the guard held

    def _check_bound(self, n: int) -> None:
        """Refuse to have so many permits more; see `BoundedSemaphore`."""

    def _grants(self) -> list[Grant[bool]]:
        found: list[Grant[bool]] = []
        while self._value and (waiter := self._waiters.next()) is not None:
            session = waiter.owner.session
            if not self._hold(session):
                continue
            if self._promise(waiter, functools.partial(self._take_back, session)):
                found.append(Grant(waiter, value=True))
            else:
                self._take_back(session)
        return found

    def _hold(self, session: Lifetime) -> bool:
        """Let a process have a permit; return False if it has ended."""
        if not session.at_end(self, functools.partial(self._abandon, session)):
            return False
        self._value -= 1
        self._held[session] = self._held.get(session, 0) + 1
        return True

    def _take_back(self, session: Lifetime) -> None:
        """Take back one permit, of which the caller never heard."""
        if session in self._held:
            self._value += 1
            self._lower(session, 1)

    def _forget(self, session: Lifetime, n: int) -> None:
        """Note whose permits were released: those of a process, then those held for longest."""
        while n and self._held:
            each = session if session in self._held else next(iter(self._held))
            count = min(n, self._held[each])
            self._lower(each, count)
            n -= count

    def _lower(self, session: Lifetime, count: int) -> None:
        self._held[session] -= count
        if not self._held[session]:
            del self._held[session]
            session.forget(self)


@shared(concurrent=True)
class BoundedSemaphore(Semaphore):
    """A semaphore that never has more permits than it began with."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._bound = value

    def _check_bound(self, n: int) -> None:
        if self._value + n > self._bound:
            raise ValueError("cannot release more permits than were acquired")
