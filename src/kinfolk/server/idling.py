"""The end of a server to which nobody is connected any more."""

from __future__ import annotations

from collections.abc import Callable

from kinfolk.host.timer import Alarm, timer

__all__ = ["Idling"]


class Idling:
    """Calls something when a server has been alone for a while; its methods are called in turn.

    Args:
        seconds: How long that is; None is for ever.
        end: What to call. It may be too late by then: the server has to look itself.
    """

    def __init__(self, seconds: float | None, end: Callable[[], object]) -> None:
        self._seconds = seconds
        self._end = end
        self._alarm: Alarm | None = None

    def note(self, clients: int) -> None:
        """Note how many clients there are now."""
        if self._alarm is not None:
            timer.cancel(self._alarm)
            self._alarm = None
        if self._seconds is not None and not clients:
            self._alarm = timer.call_later(self._seconds, self._end)
