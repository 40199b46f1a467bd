"""Calls that are cut short, by Ctrl-C for instance: over this wire they end their connection.

The answer would be taken for that to the next call. What a thread has acquired belongs to its
connection, and is free when that ends, so nothing is left that could be settled later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from kinfolk.errors import NotSupported
from kinfolk.pickles.asking import Asking
from kinfolk.unsettled import Debt, Settling, Unsettled
from kinfolk.wire.members import Member
from kinfolk.wire.messages import Target

__all__ = ["CutShort"]


class _NothingUnsettled(Unsettled):
    def pay(self, channel: Settling, debt: Debt, error: BaseException) -> None:
        self.left.clear()


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

    def overlooked(self, error: BaseException) -> None:  # noqa: B027 - there is none
        """Note nothing: each connection is a session of its own, and its loss is told once."""

    @abstractmethod
    def call(self, target: Target, member: Member, arguments: Mapping[str, object]) -> Any:
        """Call a member of an object and return its result; see `Channel.call`."""

    def attempt(
        self,
        target: Target,
        member: Member,
        arguments: Mapping[str, object],
        attempts: list[int],
        caller: int | None = None,
    ) -> tuple[Any, BaseException | None]:
        """Make a call that gives something back; see `Settling.attempt`."""
        try:
            return self.call(target, member, arguments), None
        except Exception:
            raised = (each for each in arguments.values() if isinstance(each, BaseException))
            if self._asking.was_lost_by(next(raised, None)):
                # The end of a block, whose connection has freed what there was to be given back.
                return None, None
            raise

    def withdraw(self, number: int) -> NoReturn:
        """Refuse: the wire has no numbers for calls."""
        raise NotSupported(f"call {number} cannot be taken back over the standard library's wire")
