"""Calls that were cut short, and what is still to be done about them.

Nobody will see what such a call returns, so it is recalled: it is withdrawn at the other end before
the channel does anything else. What gives something back is the exception. Who is thrown out of a
`release` has no use for a lock that stays taken, since nobody will release it again. So such a call
is owed until it has been carried out, and it is carried out once.

Either is noted first of all, and by a method of a deque: no signal handler comes between.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast

from kinfolk.deadlines import deadline, own_deadline
from kinfolk.errors import (
    ArgumentError,
    CallTimeout,
    ConnectionClosed,
    ConnectionLost,
    Executed,
    KinfolkError,
    MessageTooLong,
    SpecMismatch,
)
from kinfolk.keeper import keeper
from kinfolk.signals import pass_on_what_handlers_raise, raised_by_handler
from kinfolk.wording import in_words

if TYPE_CHECKING:
    from kinfolk.wire.members import Member
    from kinfolk.wire.messages import Target

__all__ = [
    "SHORT_MOMENT",
    "Debt",
    "Settling",
    "Unsettled",
    "attempt",
    "is_over_with_its_session",
    "raised_in_block",
    "show_both",
]

SHORT_MOMENT: Final = 0.25
"""How many seconds to try to settle a call that was just cut short."""

_SHORT: Final = 500

_logger = logging.getLogger(__name__)

Debt: TypeAlias = tuple[Any, str, dict[str, object], list[int], int, list[Executed]]
"""A call that is owed: the proxy, which keeps the object, the member, the arguments, the numbers of
the attempts so far, of which the last may have arrived, the caller, and whether it has run, which
is empty until it is known, and for good if the session ends before that."""


class Settling(Protocol):
    """A channel, as far as it settles calls that were cut short."""

    @property
    def unsettled(self) -> Unsettled:
        """What this session has to settle; another one knows nothing of it."""
        ...

    @property
    def linked(self) -> bool:
        """Whether the session may still be there: without a connection it has ended."""
        ...

    def withdraw(self, number: int) -> Executed:
        """Take back a call; return whether it has run. One that was undone has not."""
        ...

    def attempt(
        self,
        target: Target,
        member: Member,
        arguments: Mapping[str, object],
        attempts: list[int],
        caller: int | None = None,
    ) -> tuple[Any, BaseException | None]:
        """Make a call that is not recalled when it is cut short; return its outcome.

        Args:
            target: The object.
            member: What to call.
            arguments: By name.
            attempts: Gets the number of the call, before it is sent.
            caller: For whom; by default for this thread.
        """
        ...

    def was_lost_by(self, error: BaseException) -> bool:
        """Return whether an error told of the end of the session that there was then."""
        ...

    def overlooked(self, error: BaseException) -> None:
        """Note that no caller hears of an error after all, such as that a connection was lost."""
        ...

    def tidy(self) -> None:
        """Settle, among other things; see `Tidy`."""
        ...


class Unsettled:
    """The calls of one session that were cut short; any number of threads may use it at once."""

    def __init__(self) -> None:
        self.left: Final[deque[int | Debt]] = deque()
        self.note: Final[Callable[[int | Debt], object]] = self.left.append
        self._paying = threading.RLock()

    def settle(
        self,
        channel: Settling,
        block: deadline,
        reason: BaseException | None = None,
    ) -> dict[int, Executed]:
        """Withdraw what was recalled, and make the calls that are owed and have not run.

        What cannot be settled before the deadline of the block is left to the keeper, or to the
        next call.

        Args:
            channel: What the calls went over.
            block: Limits how long it may take; nothing to those whom a signal handler calls in it.
            reason: What the caller is about to hear, unless a signal handler raises meanwhile.

        Returns:
            What was recalled, by number: whether it has run.
        """
        found: dict[int, Executed] = {}
        if not self.left:
            return found
        keeper.note(channel)
        block.unseen = True
        try:
            with block:
                for each in tuple(self.left):
                    if not channel.linked:
                        self.left.clear()
                    elif isinstance(each, int):
                        self._withdraw(channel, each, found)
                    else:
                        self._pay(channel, each)
        except BaseException as error:
            if not isinstance(error, KinfolkError) or raised_by_handler(error):
                if reason is not None:
                    channel.overlooked(reason)
                raise
            if isinstance(error, ConnectionClosed):
                # The session has ended, and with it all that could be settled.
                self.left.clear()
            # Otherwise the keeper tries again.
        return found

    def pay(self, channel: Settling, debt: Debt, error: BaseException) -> None:
        """Settle a call that was just cut short by an exception, which says what came of it."""
        attempts, outcome = debt[3], debt[5]
        tried = len(attempts)
        self.settle(channel, own_deadline(SHORT_MOMENT), error)
        if isinstance(error, CallTimeout | ConnectionLost) and not raised_by_handler(error):
            owed = self._is_left(debt)
            if outcome:
                error.executed = outcome[0]
            elif owed or len(attempts) > tried:
                # Not "no": it will be carried out, or was tried again before the session ended.
                error.executed = "unknown"

    def _withdraw(self, channel: Settling, number: int, found: dict[int, Executed]) -> None:
        executed = channel.withdraw(number)
        if channel.unsettled is self:
            found[number] = executed
        self.drop(number)

    def _pay(self, channel: Settling, debt: Debt) -> None:
        attempts, outcome = debt[3], debt[5]
        # One at a time, or two threads would find out the same and make the same call.
        with self._paying:
            if not self._is_left(debt):
                return
            executed = channel.withdraw(attempts[-1]) if attempts else "no"
            # What a session held was freed with it, and another owes nothing for that.
            if channel.unsettled is self:
                if executed != "yes":
                    executed = _attempt(channel, debt)
                outcome.append(executed)
            self.drop(debt)

    def drop(self, item: int | Debt) -> None:
        """Take back what was noted, since there is nothing to settle; no effect if it is gone."""
        for index in reversed(range(len(self.left))):
            # Others may be settling too, and what they removed has moved the rest to the left; but
            # from the first line to the second no other thread and no handler comes in between.
            with contextlib.suppress(IndexError):
                if self.left[index] is item:
                    del self.left[index]
                    return

    def _is_left(self, debt: Debt) -> bool:
        return any(each is debt for each in tuple(self.left))


def attempt(
    channel: Settling,
    target: Target,
    member: Member,
    arguments: dict[str, object],
    attempts: list[int],
    caller: int | None = None,
) -> tuple[Any, BaseException | None]:
    """Make a call that gives something back; see `Settling.attempt`.

    An `__exit__` has to be called however a block ends, so it tells less of an exception that is
    long, or of a kind that is refused. The arguments are changed for that: to find it out may take
    longer than there is time for, and who tries again must not have to.

    Raises:
        ArgumentError: It is refused all the same; or `MessageTooLong` is raised for that.
    """
    try:
        return channel.attempt(target, member, arguments, attempts, caller)
    except (ArgumentError, MessageTooLong) as error:
        pass_on_what_handlers_raise(error)
        shorter = _without_what_cannot_travel(arguments)
        if shorter == arguments:
            raise
        arguments.update(shorter)
    return channel.attempt(target, member, arguments, attempts, caller)


def raised_in_block(member: str, arguments: Mapping[str, object] | None) -> BaseException | None:
    """Return what a block ends by, if what is called with these arguments is its `__exit__`."""
    values = arguments.values() if arguments and member == "__exit__" else ()
    return next((each for each in values if isinstance(each, BaseException)), None)


def is_over_with_its_session(
    channel: Settling, error: BaseException, block: BaseException | None
) -> bool:
    """Return whether an `__exit__` fails since nothing is left that it could give back.

    Its block ends by what told of the end of the session, and what the session had is free since.
    That is what the caller has to hear of.

    Args:
        channel: What the call went over.
        error: Why it fails.
        block: What the block ends by; None if by nothing, or where there is none.
    """
    if not isinstance(error, Exception) or raised_by_handler(error):
        return False
    seen = set[int]()
    while block is not None and id(block) not in seen:
        if channel.was_lost_by(block):
            return True
        seen.add(id(block))
        block = block.__cause__ or block.__context__
    return False


def show_both(error: BaseException, block: BaseException | None) -> None:
    """Let a traceback of what `__exit__` raises show what its block ends by, too.

    What Kinfolk raises hides what came before it, which mostly is of no interest.
    """
    if block is not None and isinstance(error, KinfolkError) and not raised_by_handler(error):
        error.__context__, error.__suppress_context__ = block, False


def _attempt(channel: Settling, debt: Debt) -> Executed:
    """Make a call that is owed; return whether it has run."""
    proxy, name, arguments, attempts, caller, _ = debt
    try:
        attempt(channel, proxy._target, proxy._members[name], arguments, attempts, caller)
    except (ArgumentError, MessageTooLong, SpecMismatch) as error:
        pass_on_what_handlers_raise(error)
        # It will never be carried out, and must not keep the others waiting.
        _logger.error("%s could not be called: %s", name, error)  # noqa: TRY400
        return "no"
    return "yes"


def _without_what_cannot_travel(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return arguments with less of an exception: no traceback, and the beginning of its text."""

    def shorter(value: object) -> object:
        if isinstance(value, TracebackType):
            return None
        if type(value) is tuple:
            return tuple(map(shorter, cast("tuple[object, ...]", value)))
        if isinstance(value, BaseException) and type(value) is not RuntimeError:
            return RuntimeError(in_words(value)[:_SHORT])
        return value

    return {name: shorter(value) for name, value in arguments.items()}
