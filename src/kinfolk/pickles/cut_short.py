"""Calls that are cut short, by Ctrl-C for instance: over this wire they end their connection.

The answer would be taken for that to the next call. What a thread has acquired belongs to its
connection, and is free when that ends, so nothing is left that could be settled later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, NoReturn, cast

from kinfolk.errors import KinfolkError, NotSupported
from kinfolk.pickles.asking import Asking
from kinfolk.signals import raised_by_handler
from kinfolk.unsettled import Debt, Settling, Unsettled
from kinfolk.wire.members import Member
from kinfolk.wire.messages import Target

__all__ = ["CutShort"]


class _NothingUnsettled(Unsettled):
    def pay(self, channel: Settling, debt: Debt, error: BaseException) -> None:
        # What Kinfolk itself says was said before anything was sent, or has ended the connection.
        if not isinstance(error, KinfolkError) or raised_by_handler(error):
            cast("CutShort", channel).lose(error)
        self.drop(debt)


class CutShort(ABC):
    """A channel, as far as its calls are cut short; see `Settling`."""

    _asking: Asking

    def __init__(self) -> None:
        super().__init__()
        self.unsettled: Final[Unsettled] = _NothingUnsettled()

    @property
    def linked(self) -> bool:
        """Whether the session may still be there; see `Settling.linked`."""
        return not self._asking.closed

    def was_lost_by(self, error: BaseException) -> bool:
        """Return whether an error told that this thread lost all it had; see `Settling`."""
        return self._asking.was_lost_by(error)

    def overlooked(self, error: BaseException) -> None:  # noqa: B027 - there is none
        """Note nothing: each connection is a session of its own, and its loss is told once."""

    def lose(self, error: BaseException) -> None:
        """End the connection of this thread, which frees what was to be given back."""
        self._asking.lose(error)

    @abstractmethod
    def outcome(
        self, target: Target, member: Member, arguments: Mapping[str, object]
    ) -> tuple[Any, BaseException | None]:
        """Call a member of an object; return its result, or what it raised."""

    def attempt(
        self,
        target: Target,
        member: Member,
        arguments: Mapping[str, object],
        attempts: list[int],
        caller: int | None = None,
    ) -> tuple[Any, BaseException | None]:
        """Make a call that gives something back; see `Settling.attempt`."""
        return self.outcome(target, member, arguments)

    def withdraw(self, number: int) -> NoReturn:
        """Refuse: the wire has no numbers for calls."""
        raise NotSupported(f"call {number} cannot be taken back over the standard library's wire")
