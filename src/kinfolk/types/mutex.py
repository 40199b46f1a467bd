"""What `Lock` and `RLock` have in common, and what `Condition` does with either."""

from __future__ import annotations

import functools
import os
import time
from abc import abstractmethod
from collections.abc import Callable
from types import TracebackType

from kinfolk.declare import blocking, hidden
from kinfolk.host.granting import Grant, Granting, check_timeout
from kinfolk.host.owners import Lifetime, Process
from kinfolk.host.processes import program_of, user_of
from kinfolk.host.waiters import (
    Held,
    Owner,
    Pending,
    Waiters,
    current_owner,
    deferred,
)
from kinfolk.types.values import Holder

__all__ = ["Mutex", "holder_of", "seconds_of"]


class Mutex(Granting):
    """Something that belongs to one caller at a time."""

    def __init__(self, held: Held) -> None:
        super().__init__()
        self._held = held
        self._count = 0
        self._waiters: Waiters[bool] = Waiters(held)
        # The last that was given. It starts with the time, so that it grows over restarts too.
        self._token = time.time_ns() // 1000
        # What callers of `Condition.wait` wait for after it; see `regain`.
        self._returning: dict[Owner, Pending[bool]] = {}

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
        return self.ask(seconds_of(blocking, timeout))

    def release(self) -> None:
        """Release the lock, which goes to the next who waits; an `RLock` only after the last time.

        Raises:
            RuntimeError: The caller does not have it.
        """
        owner = current_owner()
        with self._guard:
            if self._is_owned(owner):
                self._give_back()
            elif not self._renounce(owner):
                raise RuntimeError("cannot release a lock that this caller does not have")
            grants = self._grants()
        self._tell(grants)

    @blocking
    @deferred
    def __enter__(self) -> bool:
        return self.ask(None)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def locked(self) -> bool:
        """Return whether anybody has the lock."""
        return self._held.owner is not None

    def holder(self) -> Holder | None:
        """Return who has the lock; None if nobody has."""
        with self._guard:
            owner, token = self._held.owner, self._token
        return None if owner is None else holder_of(owner, token)

    @property
    def token(self) -> int:
        """A number that is higher for each new holder of the lock, also after a restart.

        Whatever is written under the lock can be kept with it, and then one that had the lock
        before, and writes too late, is known by its lower number. Only the holder can read it.

        Raises:
            RuntimeError: The caller does not have the lock.
        """
        with self._guard:
            if not self._is_owned(current_owner()):
                raise RuntimeError("only a caller that has the lock has a token of it")
            return self._token

    # --- For `Condition`

    @hidden
    def depth(self, owner: Owner) -> int:
        """Return how often a caller has to release the lock; 0 if it may not."""
        return self._count if self._is_owned(owner) else 0

    @hidden
    def ask(self, timeout: float | None) -> bool:
        """Acquire the lock as the call under way; the result is what `@deferred` methods return."""
        owner = current_owner()
        with self._guard:
            take_back = self._last_grant() if self._enter(owner) else None
        if take_back is not None:
            return self._at_once(True, take_back)  # noqa: FBT003 - what the call returns
        return self._ask(self._waiters, timeout, expired=False)

    @hidden
    def release_all(self) -> None:
        """Release the lock, however often its holder acquired it."""
        with self._guard:
            self._free()
            grants = self._grants()
        self._tell(grants)

    @hidden
    def regain(self, owner: Owner, depth: int, tell: Callable[[], object] = lambda: None) -> None:
        """Give the lock to a caller again as soon as it is its turn.

        It then has the lock even if it is not there to be told, since it is going to release it.

        Args:
            owner: The caller.
            depth: How often it has to release it.
            tell: What tells it.
        """

        def receive(_: Pending[bool]) -> bool:
            tell()
            return True

        with self._guard:
            if not owner.session.at_end((self, owner), functools.partial(self._forsake, owner)):
                return
            pending = self._returning[owner] = self._waiters.enqueue(owner, depth)
            grants = self._grants()
        self._tell(grants)
        pending.deliver(receive)

    def _forsake(self, owner: Owner) -> None:
        """Do not wait for a caller that was to get the lock again, since its process has ended."""
        with self._guard:
            pending = self._returning.pop(owner, None)
        if pending is not None:
            pending.withdraw()

    # --- With the guard held

    @abstractmethod
    def _is_owned(self, owner: Owner) -> bool:
        """Return whether a caller may release the lock."""

    def _grants(self) -> list[Grant[bool]]:
        while self._held.owner is None and (waiter := self._waiters.next()) is not None:
            if self._returning.get(waiter.owner) is waiter:
                self._end_return(waiter.owner)
            if not self._take(waiter.owner, waiter.subject or 1):
                continue
            if self._promise(waiter, self._last_grant()):
                return [Grant(waiter, value=True)]
            self._free()
        return []

    def _enter(self, owner: Owner) -> bool:
        """Let a caller have the lock if it need not wait; return whether it has it."""
        # Whoever waits has had it before it was free.
        return self._take(owner) if self._held.owner is None else self._enter_again(owner)

    def _enter_again(self, owner: Owner) -> bool:
        """Let a caller have the lock once more, if it has it and may."""
        return False

    def _take(self, owner: Owner, depth: int = 1) -> bool:
        """Let a caller have the free lock; return False if its process has ended."""
        if not owner.session.at_end(self, functools.partial(self._abandon, owner.session)):
            return False
        self._held.owner, self._count = owner, depth
        self._token += 1
        return True

    def _last_grant(self) -> Callable[[], object]:
        """Return what takes back the last acquisition, should its owner never hear of it."""
        return functools.partial(self._take_back, self._token)

    def _give_back(self) -> None:
        self._count -= 1
        if not self._count:
            self._free()

    def _free(self) -> None:
        owner, self._held.owner, self._count = self._held.owner, None, 0
        if owner is not None:
            owner.session.forget(self)

    def _take_back(self, token: int) -> None:
        """Take back one acquisition of who had or has this token."""
        if self._token == token and self._held.owner is not None:
            self._give_back()

    def _renounce(self, owner: Owner) -> bool:
        """Count one release by a caller that is still to get the lock again; return if it is."""
        pending = self._returning.get(owner)
        if pending is None:
            return False
        pending.subject -= 1
        if not pending.subject:
            self._end_return(owner)
            pending.withdraw()
        return True

    def _end_return(self, owner: Owner) -> None:
        del self._returning[owner]
        owner.session.forget((self, owner))

    # --- Without it

    def _abandon(self, session: Lifetime) -> None:
        """Free the lock, since its holder's process has ended."""
        with self._guard:
            if self._held.owner is not None and self._held.owner.session is session:
                self._free()
            grants = self._grants()
        self._tell(grants)


def holder_of(owner: Owner, token: int) -> Holder:
    """Describe the process of who has a lock."""
    here = os.getpid()
    process = owner.session.process or Process(here, os.geteuid(), here)
    return Holder(
        pid=process.pid,
        user="" if process.uid is None else user_of(process.uid),
        program=program_of(process.seen) if process.seen else "",
        token=token,
    )


def seconds_of(blocking: bool, timeout: float) -> float | None:
    """Return for how long to wait, as the arguments of the locks of `threading` say it.

    Raises:
        ValueError: A timeout without blocking, or a negative one.
        OverflowError: It is larger than `threading.TIMEOUT_MAX`.
    """
    if timeout == -1:
        return None if blocking else 0
    if not blocking:
        raise ValueError("cannot specify a timeout for a call that does not block")
    if not timeout >= 0:
        raise ValueError(f"timeout must not be negative, and is {timeout}")
    check_timeout(timeout)
    return timeout
