"""The end of a server to which no client is connected any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from kinfolk.host.timer import Alarm, timer

__all__ = ["Idling"]

# Whoever starts a server has yet to connect, which may take a while on a busy machine.
_FIRST: Final = 10.0


class Idling:
    """Calls something when a server has been without clients for a while.

    Its methods are called one at a time.

    Args:
        seconds: How long that is; None is for ever. The first client has 10 seconds at the least.
        end: What to call. It may be too late by then: the server has to look itself.
    """

    def __init__(self, seconds: float | None, end: Callable[[], object]) -> None:
        self._seconds = seconds
        self._end = end
        self._alarm: Alarm | None = None
        self._until = 0.0

    def begin(self) -> None:
        """Wait for the first client."""
        if self._seconds is not None:
            self._wait_until(time.monotonic() + max(self._seconds, _FIRST))

    def came(self) -> None:
        """Note that somebody has connected, client or not; while one is there, nothing ends."""
        if self._alarm is not None:
            timer.cancel(self._alarm)
            self._alarm = None

    def left(self, remaining: int, *, client: bool) -> None:
        """Note that somebody has left, and how many remain; only clients postpone the end."""
        if self._seconds is None:
            return
        if client:
            self._until = time.monotonic() + self._seconds
        if not remaining:
            self._wait_until(self._until)

    def _wait_until(self, end: float) -> None:
        self._until = end
        self._alarm = timer.call_later(max(0.0, end - time.monotonic()), self._end)
