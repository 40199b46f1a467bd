"""Interruptions at every point of a call, one after the other: what a signal handler may do."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

__all__ = ["Struck", "strikes"]


class Struck(BaseException):
    """What is raised."""


def strikes(call: Callable[[], object], kind: type[BaseException] = Struck) -> Iterator[int]:
    """Make a call again and again, and yield after each that was struck, one step later each time.

    A step is whatever Python tells a tracer of: calls, lines and returns, of all that the call
    leads to in this thread. Ends with the first call that got through.
    """
    point = 0
    gc.disable()  # What is raised in the callbacks of the collector reaches nobody.
    try:
        while _is_struck(call, point, kind):
            yield point
            point += 1
    finally:
        gc.enable()


def _is_struck(call: Callable[[], object], point: int, kind: type[BaseException]) -> bool:
    left = point

    def trace(_frame: FrameType, _event: str, _arg: Any) -> Any:
        nonlocal left
        if left == 0:
            sys.settrace(None)
            raise kind
        left -= 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except kind:
        return True
    finally:
        sys.settrace(before)
    return False
