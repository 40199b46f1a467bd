"""Answers that come later, for methods that wait: a lock's `acquire`, a queue's `get`.

A method decorated with `@deferred` may return a `Pending` in place of its result. Called through a
proxy it costs no thread while it waits: the caller is answered when the `Pending` is settled.
Called directly, by another object or where there is no host at all, it blocks its thread until
then. Its class guards itself (`@shared(concurrent=True)`) and keeps its waiters in a `Waiters`:

    @shared(concurrent=True)
    class Gate:
        def __init__(self) -> None:
            self._open = False
            self._guard = threading.Lock()
            self._waiters: Waiters[bool] = Waiters()

        @blocking
        @deferred
        def wait(self, timeout: float | None = None) -> bool:
            with self._guard:
                if self._open:
                    return True
                return later(self._waiters.add(timeout, expired=False))

        def open(self) -> None:
            with self._guard:
                self._open = True
            while waiter := self._waiters.next():
                waiter.settle(True)

What is granted to a caller who is no longer there must not be lost: `settle` returns False for
such a one, and `undo` is called if it turns out afterwards.
"""

from __future__ import annotations

import enum
import functools
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeAlias, TypeGuard, TypeVar, cast

from kinfolk.errors import ConnectionLost
from kinfolk.host.chains import Held, current_owner, waiting_for
from kinfolk.host.owners import Owner
from kinfolk.host.timer import Alarm, timer
from kinfolk.signals import PIECE

__all__ = [
    "Held",
    "Later",
    "Owner",
    "Pending",
    "Settled",
    "Waiters",
    "current_owner",
    "deferred",
    "deferred_of",
    "is_later",
    "later",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_DEFERRED = "__kinfolk_deferred__"


def deferred(method: F) -> F:
    """Let a method return `later(…)`: through a proxy it is answered when that is settled."""

    @functools.wraps(method)
    def blocked(self: object, /, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        if not is_later(result):
            return result
        return result.wait(f"{type(self).__name__}.{method.__name__}")

    setattr(blocked, _DEFERRED, method)
    return cast("F", blocked)


def deferred_of(method: object) -> Callable[..., Any] | None:
    """Return what `@deferred` decorates, which does not block; None for any other method."""
    return getattr(method, _DEFERRED, None)


class _State(enum.Enum):
    WAITING = enum.auto()
    CLAIMED = enum.auto()  # taken out of the queue by the one who will settle it
    ARRIVED = enum.auto()  # settled, and handed over or about to be
    WITHDRAWN = enum.auto()


class _Undoing(threading.local):
    """The grants that a thread undoes: each may make another that cannot be passed on either."""

    def __init__(self) -> None:
        self._queue: deque[Pending[Any]] = deque()
        self._busy = False

    def withdraw(self, pending: Pending[Any]) -> None:
        """Withdraw it, at once or after the one that this thread is about: not within that one."""
        self._queue.append(pending)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                self._queue.popleft().withdraw()
        finally:
            self._busy = False


_undoing = _Undoing()


_making: Final = threading.Lock()


class _Grant:
    """What a call was granted, which can be taken back until it is forgotten."""

    __slots__ = ("_stays", "_undo", "_undoing")

    _undo: Callable[[], object] | None
    # Held while a grant is undone: until then no one may say that nothing belongs to the owner.
    # Nearly none is ever undone, so a lock is made for those that are.
    _undoing: threading.Lock | None
    _stays: bool

    def withdraw(self) -> bool:
        """Take back the call: it waits no more, and what it was granted is undone.

        Nothing belongs to the owner any more when this returns, whichever thread undid it.

        Returns:
            False if what it was granted could not be undone.
        """
        with _making:
            if self._undoing is None:
                self._undoing, self._stays = threading.Lock(), False
        with self._undoing:
            undo = self._revoke()
            if undo is not None and undo() is False:
                self._stays = True
            return not self._stays

    def told(self) -> None:
        """Do what was left until the caller was answered, or could not be."""

    def _revoke(self) -> Callable[[], object] | None:
        """Return what is to be undone, once."""
        undo, self._undo = self._undo, None
        return undo


class Pending(_Grant, Generic[T]):
    """A result that is not there yet, for one owner.

    It is settled at most once, and by one only: whoever claims it first. `subject` is whatever the
    class that lets it wait has to know of the call, such as the item to be put into a full queue.
    `claimed` says that somebody has claimed it, `failed` that it was answered with an exception.
    """

    __slots__ = (
        "_alarm",
        "_lock",
        "_outcome",
        "_queue",
        "_receiver",
        "_state",
        "_undone",
        "claimed",
        "failed",
        "owner",
        "subject",
    )

    def __init__(self, owner: Owner, queue: Waiters[T] | None = None, subject: Any = None) -> None:
        self.owner = owner
        self.subject = subject
        self._queue = queue
        self.claimed = False
        self.failed = False
        self._lock = threading.Lock()
        self._state = _State.WAITING
        self._outcome: tuple[Any, BaseException | None] = None, None
        self._undo = None
        self._undoing = None
        self._undone = False
        self._receiver: Callable[[Pending[T]], bool] | None = None
        self._alarm: Alarm | None = None

    # --- For the class whose method waits

    def settle(self, value: T, undo: Callable[[], object] | None = None) -> bool:
        """Answer the caller with a value.

        Args:
            value: What the method returns.
            undo: What takes the grant back, should it turn out later that it never arrived.

        Returns:
            False if the caller is no longer there, and what it was to be given is left: `undo` will
            not be called. What `grant` was given has been called then, and this returns True.
        """
        return self._arrive((value, None), undo)

    def fail(self, error: BaseException) -> bool:
        """Answer the caller with an exception; returns what `settle` does."""
        return self._arrive((None, error), None)

    def claim(self) -> bool:
        """Take the right to settle it; return whether it was still there to be taken."""
        with self._lock:
            first = self._state is _State.WAITING
            if first:
                self._state, self.claimed = _State.CLAIMED, True
        return first

    def grant(self, undo: Callable[[], object]) -> bool:
        """Say that what the owner waits for belongs to it from now on, before it is told.

        To be called with whatever guards that held, which `undo` takes too: who is withdrawn before
        it was told does not have it any more when it hears that it was withdrawn.

        Args:
            undo: What takes it back. It returns False if that cannot be done any more.

        Returns:
            False if it has been withdrawn, and nothing belongs to it.
        """
        with self._lock:
            there = self._state is not _State.WITHDRAWN
            if there:
                self._undo = undo
        return there

    def expire_after(self, seconds: float, outcome: T | BaseException) -> None:
        """Settle it with a value, or fail it with an exception, if nobody does so in time."""

        def expire() -> None:
            if isinstance(outcome, BaseException):
                self.fail(outcome)
            else:
                self.settle(outcome)

        self.claim_after(seconds, expire)

    def claim_after(self, seconds: float, expire: Callable[[], object]) -> None:
        """Claim it, and do what settles it, if nobody else has claimed it in time.

        Without any time that is done at once.
        """

        def claim() -> None:
            if self.claim():
                expire()

        if not seconds > 0:  # or no number at all
            claim()
            return
        try:
            with self._lock:
                # One that was claimed meanwhile leaves no alarm behind.
                if self._state is _State.WAITING:
                    self._alarm = timer.call_later(seconds, claim)
        except RuntimeError:
            # Who hears of that instead of a result must not be given one later.
            self.withdraw()
            raise

    # --- For the one who called

    def result(self) -> T:
        """Return what it was settled with, or raise what it failed with."""
        value, error = self._outcome
        if error is not None:
            raise error
        found: T = value
        return found

    @property
    def arrived(self) -> bool:
        """Whether it was settled, and has not been withdrawn."""
        return self._state is _State.ARRIVED

    def take(self) -> T:
        """Return or raise what `result` does, and keep it no longer."""
        (value, error), self._outcome = self._outcome, (None, None)
        if error is not None:
            raise error
        found: T = value
        return found

    def deliver(self, receiver: Callable[[Pending[T]], bool]) -> None:
        """Name the one who takes the result, now or when it is settled.

        `receiver` is called once, perhaps from another thread, and returns whether it could pass
        the result on.
        """
        with self._lock:
            self._receiver = receiver
            arrived = self._state is _State.ARRIVED
        if arrived and not receiver(self):
            self.withdraw()

    def wait(self, label: str = "") -> T:
        """Block this thread until it is settled, and return or raise the result.

        Args:
            label: What others read of the call: `RLock.acquire`.

        Raises:
            ConnectionLost: The process for which this thread acts has ended.
            Deadlock: The one who has what it waits for waits, itself or through others, for the
                turn of an object that this thread is calling. Not raised where a deadline ends it.
        """
        # No event, which is written in Python: a signal handler may raise in this thread while it
        # waits, and would leave the event's lock to whoever settles this.
        arrived: SimpleQueue[None] = SimpleQueue()

        def receive(_: Pending[T]) -> bool:
            arrived.put(None)
            return True

        def abandon() -> None:
            self.withdraw()
            arrived.put(None)

        session = self.owner.session
        self.deliver(receive)
        try:
            if not session.at_end(self, abandon):
                abandon()
            held = self._queue.held if self._queue is not None and self._alarm is None else None
            with waiting_for(held, label) if held is not None else nullcontext():
                _await(arrived)
        except BaseException:
            self.withdraw()
            raise
        finally:
            session.forget(self)
        if self._state is not _State.ARRIVED:
            raise ConnectionLost("the process that called has ended, or the server", executed="no")
        return self.result()

    # --- Inside

    def _revoke(self) -> Callable[[], object] | None:
        with self._lock:
            self._state = _State.WITHDRAWN
            undo = super()._revoke()
            self._undone = self._undone or undo is not None
        self._leave()
        return undo

    def _arrive(
        self,
        outcome: tuple[Any, BaseException | None],
        undo: Callable[[], object] | None,
    ) -> bool:
        self._leave()
        with self._lock:
            if self._state is _State.ARRIVED:
                raise RuntimeError("A pending result is settled once")
            if self._state is _State.WITHDRAWN:
                return self._undone
            self._state = _State.ARRIVED
            self._outcome = outcome
            self.failed = outcome[1] is not None
            # Not kept, since it refers to this.
            receiver, self._receiver = self._receiver, None
            if receiver is None:
                # Whoever takes it will come; until then it counts as granted.
                self._undo = undo or self._undo
                return True
        return self._passed_on(undo, accepted=receiver(self))

    def _passed_on(self, undo: Callable[[], object] | None, *, accepted: bool) -> bool:
        with self._lock:
            if self._state is _State.WITHDRAWN:  # meanwhile
                return self._undone
            granted = self._undo is not None
            if accepted:
                self._undo = undo or self._undo
            elif not granted:
                self._state = _State.WITHDRAWN
        if granted and not accepted:
            _undoing.withdraw(self)
        return granted or accepted

    def _leave(self) -> None:
        if self._queue is not None:
            self._queue.remove(self)
        if self._alarm is not None:
            timer.cancel(self._alarm)


def _await(arrived: SimpleQueue[None]) -> None:
    """Wait for the arrival, in pieces."""
    while True:
        with suppress(Empty):
            return arrived.get(timeout=PIECE)


class Settled(_Grant, Generic[T]):
    """A result that is there at once, and can still be undone; made in each such call.

    Args:
        value: What the method returns.
        undo: What takes the grant back, should it turn out later that it never arrived. It returns
            False if that cannot be done any more.
        then: What is done once the caller has been answered, or could not be: what need not keep it
            waiting.
    """

    __slots__ = ("_then", "_value")

    def __init__(
        self, value: T, undo: Callable[[], object], then: Callable[[], object] | None = None
    ) -> None:
        self._value: T | None = value
        self._undo = undo
        self._undoing = None
        self._then = then

    def take(self) -> T:
        """Return the result, and keep it no longer."""
        value, self._value = self._value, None
        return value  # type: ignore[return-value]

    def wait(self, label: str = "") -> T:
        """Return the result; see `Pending.wait`."""
        self.told()
        return self.take()

    def told(self) -> None:
        """See `_Grant.told`; done once."""
        then, self._then = self._then, None
        if then is not None:
            then()


Later: TypeAlias = Pending[T] | Settled[T]
"""What a method decorated with `@deferred` returns in place of its result."""
_LATER: Final = Pending, Settled


def is_later(result: object) -> TypeGuard[Later[Any]]:
    """Return whether something stands for a result."""
    return isinstance(result, _LATER)


def later(result: Later[T]) -> T:
    """Say that a method decorated with `@deferred` returns what this stands for.

    For a type checker it is the result itself.
    """
    return result  # type: ignore[return-value]


class Waiters(OrderedDict["Pending[T]", None]):
    """Those who wait for the same thing, in the order in which they came.

    Args:
        held: What they wait for, if it belongs to one caller at a time.
    """

    def __init__(self, held: Held | None = None) -> None:
        super().__init__()
        self.held = held
        self._lock = threading.Lock()

    @property
    def owners(self) -> list[Owner]:
        """Those who wait, in their order."""
        with self._lock:
            return [pending.owner for pending in self]

    def add(self, timeout: float | None, expired: T | BaseException) -> Pending[T]:
        """Let the owner of the call under way wait at the end of the queue.

        Args:
            timeout: How many seconds to wait; None to wait for as long as it takes.
            expired: What to answer, or raise, when they have passed.
        """
        pending = self.enqueue(current_owner())
        if timeout is not None:
            pending.expire_after(timeout, expired)
        return pending

    def enqueue(self, owner: Owner, subject: Any = None) -> Pending[T]:
        """Let an owner wait at the end of the queue, for as long as it takes."""
        pending = Pending(owner, self, subject)
        with self._lock:
            self[pending] = None
        return pending

    def next(self) -> Pending[T] | None:
        """Take the first out of the queue, to be settled; None if nobody waits."""
        while self:
            with self._lock:
                if not self:
                    return None
                pending, _ = self.popitem(last=False)
            if pending.claim():
                return pending
        return None

    def all(self) -> list[Pending[T]]:
        """Take all out of the queue, to be settled."""
        return list(iter(self.next, None))

    def remove(self, pending: Pending[T]) -> None:
        """Take out one that waits no more; no effect if it is out already."""
        with self._lock:
            self.pop(pending, None)
