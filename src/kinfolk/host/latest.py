"""What is remembered of the latest calls of a client, in case it takes one of them back."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, TypeVar

from kinfolk.host.waiters import Later

__all__ = ["LATEST", "Grants", "Latest"]

LATEST: Final = 1_000
"""Of how many calls of a client something is remembered."""
_HEAVIEST: Final = 8 * 2**20

T = TypeVar("T")


class Latest(OrderedDict[int, T]):
    """Something about each of the latest calls, by number; beyond so many the oldest is forgotten.

    Whoever changes it sees to it that nobody else does so at the same time.

    Args:
        most: How many.
    """

    def __init__(self, most: int = LATEST) -> None:
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

    def __init__(self, most: int = LATEST, heaviest: int = _HEAVIEST) -> None:
        self._most = most
        self._heaviest = heaviest
        self._grants: OrderedDict[int, tuple[Later[Any], int]] = OrderedDict()
        self._weight = 0

    def add(self, call: int, grant: Later[Any], weight: int = 0) -> None:
        """Remember what a call is granted, and how many bytes it has brought and taken."""
        grants = self._grants
        grants[call] = grant, weight
        self._weight += weight
        while len(grants) > self._most or (self._weight > self._heaviest and len(grants) > 1):
            _, (_, oldest) = grants.popitem(last=False)
            self._weight -= oldest

    def get(self, call: int) -> Later[Any] | None:
        """Return what a call was granted; None if that is not known."""
        found = self._grants.get(call)
        return None if found is None else found[0]

    def pop(self, call: int) -> Later[Any] | None:
        """Forget a call, and return what it was granted; None if that is not known any more."""
        grant, weight = self._grants.pop(call, (None, 0))
        self._weight -= weight
        return grant

    def clear(self) -> None:
        """Forget all."""
        self._grants.clear()
        self._weight = 0
