"""What is remembered of the latest calls of a client, in case it takes one of them back."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, TypeVar

from kinfolk.host.waiters import Pending

__all__ = ["Grants", "Latest"]

_GRANTS: Final = 1_000
_HEAVIEST: Final = 8 * 2**20

T = TypeVar("T")


class Latest(OrderedDict[int, T]):
    """Something about each of the latest calls, by number; beyond so many the oldest is forgotten.

    Whoever changes it sees to it that nobody else does so at the same time.

    Args:
        most: How many.
    """

    def __init__(self, most: int = 1_000) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, call: int, value: T) -> None:
        super().__setitem__(call, value)
        if len(self) > self._most:
            self.popitem(last=False)


class Grants:
    """What the latest calls were granted, such as a lock or an item.

    What undoes a grant keeps the item, so of heavy ones fewer are remembered; but always the last.

    Whoever changes it sees to it that nobody else does so at the same time.
    """

    def __init__(self, most: int = _GRANTS, heaviest: int = _HEAVIEST) -> None:
        self._most = most
        self._heaviest = heaviest
        self._pendings: OrderedDict[int, Pending[Any]] = OrderedDict()
        self._weights: dict[int, int] = {}
        self._weight = 0

    def add(self, call: int, pending: Pending[Any], weight: int = 0) -> None:
        """Remember what a call is granted, and how many bytes it has brought and taken."""
        self._pendings[call] = pending
        self.weigh(call, weight)

    def weigh(self, call: int, weight: int) -> None:
        """Say how many bytes a call has brought and taken, unless it has been forgotten."""
        if call in self._pendings:
            self._weights[call] = weight
            self._weight += weight
            self._forget_oldest()

    def get(self, call: int) -> Pending[Any] | None:
        """Return what a call was granted; None if that is not known."""
        return self._pendings.get(call)

    def pop(self, call: int) -> Pending[Any] | None:
        """Forget a call, and return what it was granted; None if that is not known any more."""
        self._weight -= self._weights.pop(call, 0)
        return self._pendings.pop(call, None)

    def clear(self) -> None:
        """Forget all."""
        self._pendings.clear()
        self._weights.clear()
        self._weight = 0

    def _forget_oldest(self) -> None:
        while len(self._pendings) > self._most or (
            self._weight > self._heaviest and len(self._pendings) > 1
        ):
            self.pop(next(iter(self._pendings)))
