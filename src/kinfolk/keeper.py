"""The keeper: does later, in a thread of its own, what must not be done where it is asked for.

A proxy may die inside any line of any thread, even one that holds a lock; and a signal may keep
interrupting the thread that wants to clean up after it. Signals never reach the keeper.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, Protocol

from kinfolk.signals import leave_signals_to_others

__all__ = ["Tidy", "keeper"]

_logger = logging.getLogger(__name__)

# What is asked for meanwhile is done at once, unless there is much of it.
_DELAY: Final = 0.25
_GLANCE: Final = 0.01
_MUCH: Final = 200


class Tidy(Protocol):
    """Something that has to be tidied up now and then."""

    def tidy(self) -> None:
        """Tidy up. Called in the keeper's thread, some time after it was asked for."""
        ...


class Keeper:
    """One thread for the process, started with the first channel.

    `note(untidy)` has something tidied up within a second. It may be called inside of `__del__`,
    and as often as one likes: what is noted several times is tidied up once.
    """

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """Forget everything, the thread too, which a forked child does not have."""
        self._untidy: SimpleQueue[Tidy] = SimpleQueue()
        # Not a method, in which a signal handler could raise before anything is noted.
        self.note: Callable[[Tidy], object] = self._untidy.put
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """See that the thread runs."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="kinfolk-keeper", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        leave_signals_to_others()
        while True:
            # Functions of their own, which keep nothing alive while this waits.
            self._tidy(self._untidy.get())

    def _tidy(self, first: Tidy) -> None:
        self._let_it_gather()
        self._tidy_all([first, *self._noted()])
        # What was tidied up may have found that something else is untidy too.
        self._tidy_all(self._noted())

    def _let_it_gather(self) -> None:
        end = time.monotonic() + _DELAY
        while time.monotonic() < end and self._untidy.qsize() < _MUCH:
            time.sleep(_GLANCE)

    def _noted(self) -> list[Tidy]:
        return [self._untidy.get() for _ in range(self._untidy.qsize())]

    def _tidy_all(self, noted: list[Tidy]) -> None:
        # Each once, in the order in which they were noted: what died first goes first.
        for untidy in dict.fromkeys(noted):
            try:
                untidy.tidy()
            except Exception:
                _logger.exception("Tidying up failed")


keeper: Final = Keeper()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=keeper.start_afresh)
