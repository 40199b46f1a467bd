"""The end of a server to which no client is connected any more."""

from __future__ import annotations

import time
from collections.abc import Callable

from kinfolk.host.timer import Alarm, timer

__all__ = ["Idling"]


class Idling:
    """Calls something when a server has been without clients for a while.

    Its methods are called one at a time.

    Args:
        seconds: How long that is; None is for ever.
        end: What to call. It may be too late by then: the server has to look itself.
    """

    def __init__(self, seconds: float | None, end: Callable[[], object]) -> None:
        self._seconds = seconds
        self._end = end
        self._alarm: Alarm | None = None
        self._left = 0.0

    def came(self) -> None:
        """Note that somebody has connected, client or not; while one is there, nothing ends."""
        if self._alarm is not None:
            timer.cancel(self._alarm)
            self._alarm = None

    def left(self, remaining: int, *, client: bool) -> None:
        """Note that somebody has left, and how many remain; only clients postpone the end.

        At the beginning it is as if a client had left.
        """
        if client:
            self._left = time.monotonic()
        if self._seconds is not None and not remaining:
            passed = time.monotonic() - self._left
            self._alarm = timer.call_later(max(0.0, self._seconds - passed), self._end)
