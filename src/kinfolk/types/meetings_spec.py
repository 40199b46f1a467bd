"""Events, conditions and barriers: where processes wait for what others do.

They are shared classes like any other, and work without a server too. No thread waits at the
server: a call is answered when what it waits for has happened.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from threading import BrokenBarrierError
from types import TracebackType

import attrs

from kinfolk.declare import blocking, raises, shared
from kinfolk.host.granting import Grant, Granting, check_timeout
from kinfolk.host.waiters import Owner, Pending, Waiters, current_owner, deferred, later
from kinfolk.types.locks_spec import Lock, RLock
from kinfolk.types.mutex import seconds_of
from kinfolk.types.predicates import WaitFor

__all__ = ["Barrier", "Condition", "Event"]


@shared(concurrent=True)
class Event(Granting):
    """A flag that processes can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._flag = False
        self._waiters: Waiters[bool] = Waiters()

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return self._flag

    def set(self) -> None:
        """Set the flag; all who wait for it are answered."""
        with self._guard:
            self._flag = True
            grants = self._grants()
        self._tell(grants)

    def clear(self) -> None:
        """Take the flag down; whoever comes from now on waits until it is set again."""
        with self._guard:
            self._flag = False

    @blocking
    @deferred
    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set; return whether it is.

        Args:
            timeout: For how many seconds at most; None for as long as it takes.

        Raises:
            OverflowError: The timeout is larger than `threading.TIMEOUT_MAX`.
        """
        check_timeout(timeout)
        return self._flag or self._ask(self._waiters, timeout, expired=False)

    def _grants(self) -> list[Grant[bool]]:
        waiters = self._waiters.all() if self._flag else []
        return [Grant(waiter, value=True) for waiter in waiters]


# --- Conditions


@attrs.define(eq=False)
class _Wait:
    """What is known of a call of `wait`: how often it has the lock, and whether it was notified."""

    depth: int
    notified: bool = False


@shared(concurrent=True)
class Condition(WaitFor):
    """What processes wait for while others change something.

    It goes with a lock, which is held while a caller looks or makes a change, and which `wait`
    releases until it returns. A notification goes to one that waits, and to another if that one's
    process ends before it has heard of it. Whoever is interrupted in `wait` gets the lock again
    too, as soon as it is its turn, and can release it at the end of its `with` block.
    """

    def __init__(self, lock: Lock | RLock | None = None) -> None:
        self._lock = RLock() if lock is None else lock
        self._guard = threading.Lock()
        self._waiters: Waiters[bool] = Waiters()

    @blocking
    @deferred
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock; return whether that was done.

        Args:
            blocking: Wait until the lock is free. Otherwise return False if it is not.
            timeout: Wait for so many seconds at most, then return False; -1 is without limit.

        Raises:
            ValueError: A timeout without blocking, or a negative one.
            OverflowError: The timeout is larger than `threading.TIMEOUT_MAX`.
        """
        return self._lock.ask(seconds_of(blocking, timeout))

    def release(self) -> None:
        """Release the lock.

        Raises:
            RuntimeError: The caller does not have it.
        """
        self._lock.release()

    @blocking
    @deferred
    def __enter__(self) -> bool:
        return self._lock.ask(None)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    @blocking
    @deferred
    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, wait to be notified, and acquire it again.

        Args:
            timeout: For how many seconds to wait at most; None for as long as it takes. Acquiring
                the lock can take longer.

        Returns:
            Whether it was notified.

        Raises:
            RuntimeError: The caller does not have the lock.
            OverflowError: The timeout is larger than `threading.TIMEOUT_MAX`.
        """
        check_timeout(timeout)
        owner = current_owner()
        waiter = self._waiters.enqueue(owner, _Wait(self._depth(owner)))
        waiter.grant(functools.partial(self._withdrawn, waiter))
        self._lock.release_all()
        if timeout is not None:
            waiter.claim_after(timeout, functools.partial(self._return, waiter))
        return later(waiter)

    def notify(self, n: int = 1) -> None:
        """Notify those who have waited for longest.

        Args:
            n: How many of them, at most.

        Raises:
            RuntimeError: The caller does not have the lock.
        """
        self._depth(current_owner())
        self._notify(n)

    def notify_all(self) -> None:
        """Notify all who wait.

        Raises:
            RuntimeError: The caller does not have the lock.
        """
        self._depth(current_owner())
        self._notify(len(self._waiters))

    def _depth(self, owner: Owner) -> int:
        """Return how often a caller has the lock, which it must have."""
        depth = self._lock.depth(owner)
        if not depth:
            raise RuntimeError("only a caller that has the lock can wait or notify")
        return depth

    def _notify(self, n: int) -> None:
        for _ in range(n):
            with self._guard:
                waiter = self._waiters.next()
                if waiter is None:
                    return
                waiter.subject.notified = True
            self._return(waiter)

    def _return(self, waiter: Pending[bool]) -> None:
        """Let a caller have the lock again, and tell it then whether it was notified."""
        tell = functools.partial(waiter.settle, waiter.subject.notified)
        self._lock.regain(waiter.owner, waiter.subject.depth, tell)

    def _withdrawn(self, waiter: Pending[bool]) -> None:
        """See that a caller who waits no more has the lock again, and another its notification."""
        with self._guard:
            claimed, notified = waiter.claimed, waiter.subject.notified
        if not claimed:
            self._lock.regain(waiter.owner, waiter.subject.depth)
        elif notified:
            self._notify(1)


# --- Barriers


@shared(concurrent=True)
@raises(BrokenBarrierError)
class Barrier:
    """A place where so many callers wait for each other, and then all go on.

    If one of them waits no more, since its process has ended or its time is over, the barrier is
    broken: none of the others goes on as if that one had come.

    Args:
        parties: How many.
        action: What the last to come calls, before all go on; if it raises, the barrier is broken.
            Only pickles carry a function to where the barrier is. Elsewhere it is None, and the
            caller to whom `wait` returns 0 can do what has to be done once.
        timeout: For how many seconds `wait` waits if it is not told otherwise.
    """

    def __init__(self, parties: int, action: None = None, timeout: float | None = None) -> None:
        if parties < 1:
            raise ValueError(f"a barrier needs at least one party, not {parties}")
        self._parties = parties
        self._action: Callable[[], object] | None = action
        self._timeout = timeout
        self._guard = threading.Lock()
        self._broken = False
        # Those who meet next; another object for each meeting.
        self._meeting = object()
        self._waiters: Waiters[int] = Waiters()

    @property
    def parties(self) -> int:
        """How many callers have to come."""
        return self._parties

    @property
    def n_waiting(self) -> int:
        """How many callers wait now."""
        return len(self._waiters)

    @property
    def broken(self) -> bool:
        """Whether the barrier is broken."""
        return self._broken

    @blocking
    @deferred
    def wait(self, timeout: float | None = None) -> int:
        """Wait until all have come.

        Args:
            timeout: For how many seconds, before the barrier breaks; by default the barrier's own.

        Returns:
            A number from 0 to `parties` - 1, another one for each of them.

        Raises:
            threading.BrokenBarrierError: The barrier is broken, breaks meanwhile, or is reset.
            OverflowError: The timeout is larger than `threading.TIMEOUT_MAX`.
        """
        timeout = self._timeout if timeout is None else timeout
        check_timeout(timeout)
        with self._guard:
            if self._broken:
                raise BrokenBarrierError
            waiter = self._waiters.enqueue(current_owner(), self._meeting)
            waiter.grant(functools.partial(self._break, waiter))
            found, complete = self._meet()
        if complete:
            self._go_on(found)
        else:
            _fail(found)
        if timeout is not None:
            waiter.claim_after(timeout, functools.partial(self._expire, waiter))
        return later(waiter)

    def reset(self) -> None:
        """Begin anew; whoever waits is told that the barrier is broken."""
        with self._guard:
            missed = self._part(broken=False)
        _fail(missed)

    def abort(self) -> None:
        """Break the barrier, for all who wait and all who come."""
        with self._guard:
            missed = self._part(broken=True)
        _fail(missed)

    def _go_on(self, met: list[Pending[int]]) -> None:
        """Answer those who have met, after what is to be done before."""
        try:
            if met and self._action is not None:
                self._action()
        except BaseException:
            self.abort()
            _fail(met)
            raise
        _settle(met)

    def _expire(self, waiter: Pending[int]) -> None:
        self._break(waiter)
        _fail([waiter])

    def _break(self, waiter: Pending[int]) -> bool:
        """Break the barrier for those who wait for one that is gone.

        Returns:
            False if they wait no more.
        """
        with self._guard:
            if waiter.subject is not self._meeting:
                return False
            missed = self._part(broken=True)
        _fail(missed)
        return True

    # --- With the guard held

    def _meet(self) -> tuple[list[Pending[int]], bool]:
        """Return those who have met, once all have come; and whether all are there still."""
        if len(self._waiters) < self._parties:
            return [], True
        self._meeting = object()
        found = self._waiters.all()
        # Somebody's time may be over at this very moment.
        self._broken = len(found) < self._parties
        return found, not self._broken

    def _part(self, *, broken: bool) -> list[Pending[int]]:
        """Return those who will not meet any more."""
        self._broken = broken
        self._meeting = object()
        return self._waiters.all()


def _settle(met: list[Pending[int]]) -> None:
    for index, waiter in enumerate(met):
        waiter.settle(index)


def _fail(missed: list[Pending[int]]) -> None:
    for waiter in missed:
        waiter.fail(BrokenBarrierError())
