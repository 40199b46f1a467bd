"""Deadlines: until when the calls of a block have to be answered.

They belong to the thread or task that enters the block, and nest: the nearest one counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final

__all__ = [
    "deadline",
    "end_of_block",
    "in_time",
    "moments_more",
    "own_deadline",
    "patience",
    "time_left",
]

_LONGEST: Final = 365 * 86_400.0
_MOMENT: Final = 1.0
_NOTHING: Final = nullcontext()

_end: Final[ContextVar[float | None]] = ContextVar("kinfolk.deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Generator[None, None, None]:
    """Give all calls within the block so many seconds together, connecting included.

    What is not answered by then raises `CallTimeout`, whose `executed` says whether the method has
    run. A call that still waited at the server, for its turn or for something such as a lock, is
    taken back there. Code of your own within the block is not interrupted, and neither is a method
    that runs already.

    Args:
        seconds: How long from now; 0 lets nothing through that has to be sent. Within another
            deadline the earlier of the two counts.

    Raises:
        ValueError: It is negative, or not a number.
    """
    end, outer = time.monotonic() + patience("a deadline", seconds), _end.get()
    token = _end.set(end if outer is None else min(end, outer))
    try:
        yield
    finally:
        _end.reset(token)


def patience(name: str, seconds: float) -> float:
    """Return a number of seconds that the system can wait; infinity is a year.

    Raises:
        ValueError: It is negative, or not a number.
    """
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"{name} is a number of seconds from now, not {seconds!r}")
    return min(seconds, _LONGEST)


def moments_more() -> AbstractContextManager[None]:
    """Give the calls within the block a second, if there is a deadline that comes sooner."""
    end = _end.get()
    if end is None or end - time.monotonic() > _MOMENT:
        return _NOTHING
    return own_deadline(_MOMENT)


@contextmanager
def own_deadline(seconds: float) -> Generator[None, None, None]:
    """Give the calls within the block so many seconds, whatever deadline there is around it."""
    token = _end.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


end_of_block: Final[Callable[[], float | None]] = _end.get
"""Returns when the deadline of this thread or task is, by `time.monotonic`; None without one."""


def time_left(end: float) -> float:
    """Return the seconds until a time.

    Raises:
        TimeoutError: It has come.
    """
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def in_time(end: float) -> str:
    """Return until when something had to be done, for a message: "within 10 s"."""
    if end == _end.get():
        return "before the deadline"
    return f"within {round(max(end - time.monotonic(), 0), 2):g} s"
