"""One thread that watches all deadlines of the process, started with the first of them or before.

A server starts it before it serves: one that runs out of threads later still ends waits in time.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable

import attrs

from kinfolk.host.places import raised

__all__ = ["Alarm", "Timer", "timer"]

_logger = logging.getLogger(__name__)

# The longest sleep, so that a deadline in a hundred years does not overflow a wait.
_LONGEST = 3600.0

# So many cancelled alarms may stay where they are, however few others there are.
_CLUTTER = 100


@attrs.define(order=True)
class Alarm:
    """Something to be done at a time; nothing once it was done or cancelled."""

    time: float
    number: int
    action: Callable[[], object] | None = attrs.field(order=False)


class Timer:
    """Does things at their times, in a thread of its own that lives as long as the process."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """Forget everything, the thread too: a forked child has none, and waits for nothing."""
        self._changed = threading.Condition()
        self._alarms: list[Alarm] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._alarms)

    def start(self) -> None:
        """Start the thread, if it does not run yet.

        Raises:
            RuntimeError: The system has no more threads; the next call tries again.
        """
        with self._changed:
            self._start()

    def call_later(self, seconds: float, action: Callable[[], object]) -> Alarm:
        """Have something done in a while. It must be quick, since others wait behind it.

        Raises:
            RuntimeError: The system has no more threads; the next call tries again.
        """
        alarm = Alarm(time.monotonic() + seconds, next(self._numbers), action)
        with self._changed:
            heapq.heappush(self._alarms, alarm)
            try:
                self._start()
            except RuntimeError:
                self._alarms.remove(alarm)
                heapq.heapify(self._alarms)
                raise
            if self._alarms[0] is alarm:
                self._changed.notify()
        return alarm

    def cancel(self, alarm: Alarm) -> None:
        """See that it is not done any more; no effect if it has been done."""
        with self._changed:
            if alarm.action is None:
                return
            alarm.action = None
            self._cancelled += 1
            # Most waits end long before their deadlines, which must not pile up until then.
            if self._cancelled > max(_CLUTTER, len(self._alarms) // 2):
                self._alarms = [each for each in self._alarms if each.action is not None]
                heapq.heapify(self._alarms)
                self._cancelled = 0

    def _start(self) -> None:
        """Start the thread, with the lock held."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="kinfolk-timer", daemon=True)
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while True:
            action = self._next()
            try:
                action()
            except Exception as error:
                _logger.error("What was to be done at a deadline failed: %s", raised(error))  # noqa: TRY400

    def _next(self) -> Callable[[], object]:
        with self._changed:
            while True:
                now = time.monotonic()
                while self._alarms and self._alarms[0].time <= now:
                    alarm = heapq.heappop(self._alarms)
                    action, alarm.action = alarm.action, None
                    if action is not None:
                        return action
                    self._cancelled -= 1
                left = self._alarms[0].time - now if self._alarms else _LONGEST
                self._changed.wait(min(left, _LONGEST))


timer = Timer()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=timer.start_afresh)
