"""What is remembered of the latest calls of a client, in case it takes one of them back."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

__all__ = ["Latest"]

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
