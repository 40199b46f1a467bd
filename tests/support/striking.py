"""Interruptions at every point of a call, one after the other: what a signal handler may do."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

__all__ = ["Struck", "signals", "strikes"]


class Struck(BaseException):
    """What is raised."""


def strikes(call: Callable[[], object], kind: type[BaseException] = Struck) -> Iterator[int]:
    """Make a call again and again, and yield after each that was struck, one step later each time.

    A step is whatever Python tells a tracer of: calls, lines and returns, of all that the call
    leads to in this thread. Ends with the first call that got through.
    """
    return _while(lambda point: _is_struck(call, point, kind))


def _while(is_hit: Callable[[int], bool]) -> Iterator[int]:
    point = 0
    gc.disable()  # What is raised in the callbacks of the collector reaches nobody.
    try:
        while is_hit(point):
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


def signals(call: Callable[[], object], kind: type[BaseException] = Struck) -> Iterator[int]:
    """Do as `strikes`, but only where Python runs signal handlers, and see that they are heard.

    That is at the beginning of each function, and after each that is written in C. Only what is
    raised in a callback, such as `__del__`, reaches nobody. The standard library catches some
    exceptions where it works itself, so it is struck only by what is no `Exception`.
    """
    return _while(lambda point: _is_signalled(call, point, kind))


def _is_signalled(call: Callable[[], object], point: int, kind: type[BaseException]) -> bool:
    left, unheard = point, False
    where: list[str] = []
    hook, profile = sys.unraisablehook, sys.getprofile()

    def handle(frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal left
        if event not in {"call", "c_return"} or frame.f_code in untouched:
            return
        if issubclass(kind, Exception) and not frame.f_globals["__name__"].startswith("kinfolk"):
            return
        left -= 1
        if left == -1:
            where[:] = [event, *traceback.format_stack(frame, limit=4)]
            raise kind("struck")

    def overhear(unraisable: Any) -> None:
        nonlocal unheard
        if unraisable.exc_type is kind:
            unheard = True
        else:
            hook(unraisable)

    untouched = {_is_signalled.__code__, handle.__code__}
    sys.unraisablehook = overhear
    sys.setprofile(handle)
    try:
        call()
    except kind:
        return True
    finally:
        sys.setprofile(profile)
        sys.unraisablehook = hook
    assert left >= 0 or unheard, f"what was raised at point {point} did not come out: {where}"
    return unheard
