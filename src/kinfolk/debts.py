"""What has to be given back, whatever strikes: a lock that is released, a block that is left.

Any other call that is cut short is recalled, and its caller decides what to do. But who is thrown
out of a `release` has no use for a lock that stays taken: nobody will release it again. So a call
that gives something back is owed until it has been carried out, and it is carried out once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from kinfolk.callers import caller_token, calling_as
from kinfolk.deadlines import own_deadline
from kinfolk.errors import ConnectionClosed, Executed, KinfolkError
from kinfolk.keeper import keeper

if TYPE_CHECKING:
    from kinfolk.wire.members import Member
    from kinfolk.wire.messages import Target

__all__ = ["Debtor", "Debts"]

_PATIENCE: Final = 0.25  # seconds


class Debtor(Protocol):
    """A channel, as far as it gives things back."""

    @property
    def debts(self) -> Debts:
        """What this session owes; another one does not."""
        ...

    def attempt(
        self,
        target: Target,
        member: Member,
        arguments: Mapping[str, object],
        attempts: list[int],
    ) -> tuple[Any, BaseException | None]:
        """Make a call that is not recalled when it is cut short; return its outcome.

        Args:
            target: The object.
            member: What to call.
            arguments: By name.
            attempts: Gets the number of the call, before it is sent.
        """
        ...

    def withdraw(self, number: int) -> Executed:
        """Take back a call; return whether it has run."""
        ...

    def tidy(self) -> None:
        """Pay, among other things; see `Tidy`."""
        ...


@attrs.frozen(eq=False)
class _Debt:
    """A call that is owed; the last attempt at it may have arrived."""

    target: Target
    member: Member
    arguments: Mapping[str, object]
    attempts: list[int]
    caller: int


class Debts:
    """What one session owes; any number of threads may use it at once."""

    def __init__(self) -> None:
        self._owed: deque[_Debt] = deque()
        self._paying = threading.RLock()

    def owe(
        self,
        debtor: Debtor,
        target: Target,
        member: Member,
        arguments: Mapping[str, object],
        attempts: list[int],
    ) -> None:
        """Have a call carried out that was cut short: now, or else as soon as it is possible."""
        self._owed.append(_Debt(target, member, arguments, attempts, caller_token()))
        keeper.note(debtor)
        self.pay(debtor)

    def pay(self, debtor: Debtor) -> None:
        """Make the calls that are owed, as far as they have not been carried out."""
        try:
            # One at a time, or two threads would find out the same and make the same call.
            with own_deadline(_PATIENCE), self._paying:
                while self._owed:
                    self._pay(debtor, self._owed[0])
                    self._owed.popleft()
        except ConnectionClosed:
            self._owed.clear()
        except (KinfolkError, OSError):
            keeper.note(debtor)

    def _pay(self, debtor: Debtor, debt: _Debt) -> None:
        if debt.attempts and debtor.withdraw(debt.attempts[-1]) == "yes":
            return
        # What a session held was freed with it, and another owes nothing for that.
        if debtor.debts is self:
            with calling_as(debt.caller):
                debtor.attempt(debt.target, debt.member, debt.arguments, debt.attempts)
