"""Signals, and the threads that Kinfolk runs in other people's processes."""

from __future__ import annotations

import inspect
import signal
import sys
from types import FrameType, TracebackType
from typing import Final

__all__ = [
    "PIECE",
    "Passing",
    "leave_signals_to_others",
    "pass_on_what_handlers_raise",
    "raised_by_handler",
    "surely_raised_by_handler",
]

PIECE: Final = 1.0
"""How many seconds a main thread waits at a stretch: a signal that comes at the moment when a wait
begins is noticed by Python only when that ends."""

_LIBRARIES: Final = sys.stdlib_module_names | {"kinfolk"}


def raised_by_handler(error: BaseException) -> bool:
    """Return whether a signal handler raised an error that was just caught.

    Python runs handlers in the middle of whatever the main thread does, so that an `OSError` of a
    handler comes out of a call of the system as one of that call's would. It came through a frame
    of the program, though, and where only Kinfolk and the standard library are at work, a handler
    is the only such frame.
    """
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in _LIBRARIES:
            return True
        trace = trace.tb_next
    return False


def pass_on_what_handlers_raise(error: BaseException) -> None:
    """Raise an error that was just caught again, if a signal handler raised it."""
    if raised_by_handler(error):
        try:
            raise error
        finally:
            del error  # This frame is in its traceback now, and must not hold it in a circle.


def surely_raised_by_handler(error: BaseException) -> bool:
    """Return whether a signal handler raised an error that the program's own code may have raised.

    What pickle calls, for instance, is as much of the program as a handler. But a handler is given
    the frame that it interrupts, and no other function is given that of its caller. One that puts
    something else in the place of its argument is not recognised.
    """
    interrupted: FrameType | None = None
    trace = error.__traceback__
    while trace is not None:
        if interrupted is not None and _was_given(trace.tb_frame, interrupted):
            return True
        interrupted, trace = trace.tb_frame, trace.tb_next
    return False


def _was_given(called: FrameType, frame: FrameType) -> bool:
    code = called.f_code
    variadic = bool(code.co_flags & inspect.CO_VARARGS)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + variadic]
    given = [called.f_locals.get(name) for name in names]
    if variadic:
        given += given.pop() or ()
    return any(each is frame for each in given)


class Passing:
    """Suppresses errors, as `contextlib.suppress` does, but not those of signal handlers."""

    __slots__ = ("_kinds",)

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        return isinstance(error, self._kinds) and not raised_by_handler(error)


def leave_signals_to_others() -> None:
    """Have this thread take no signal that is sent to the process.

    Python runs signal handlers in the main thread only. Where the system lets another thread take
    the signal, the main thread may go on for a while before it sees it, or stay in what it waits
    for.
    """
    if hasattr(signal, "pthread_sigmask"):
        # Not those that a thread's own instructions cause: blocked, they would be fatal unheard.
        own = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - own)
