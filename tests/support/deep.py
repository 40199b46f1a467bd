"""Programs that call themselves too deep."""

from __future__ import annotations

import inspect
import sys
from contextlib import AbstractContextManager

import pytest

__all__ = ["call_too_deep"]


def call_too_deep(block: AbstractContextManager[object], left: int) -> None:
    """Fill the stack within a block, which is entered where only so many frames are left."""

    def fill() -> None:
        fill()

    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            with block:
                fill()

    room = sys.getrecursionlimit() - len(inspect.stack(0))
    with pytest.raises(RecursionError):
        descend(room - left)
