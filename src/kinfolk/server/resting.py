"""Idle connections: they have no thread, until something comes.

Most clients say nothing most of the time, or wait for a lock. A thread for each would cost the
server more than all else that it knows of them. So a connection that has been idle for a while
gives its thread back, and the one thread that accepts connections looks after it.
"""

from __future__ import annotations

import logging
import selectors
import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final, Protocol, TypeAlias

__all__ = ["Resting", "Resume", "Sleeper"]

_logger = logging.getLogger("kinfolk.server")

_PAUSE: Final = 0.5


class Sleeper(Protocol):
    """A connection, as far as it rests."""

    def fileno(self) -> int:
        """Return its socket's file descriptor, which nobody closes while it rests."""
        ...


Resume: TypeAlias = Callable[[], object]


class Resting:
    """The connections that rest.

    Args:
        wake: Wakes the thread that accepts.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._closed = False
        # Each connection is in one of these: not watched yet, watched, and about to go on.
        self._new: dict[Sleeper, Resume] = {}
        self._watched: dict[Sleeper, Resume] = {}
        self._due: dict[Sleeper, Resume] = {}
        self._lacks_threads = False

    def add(self, sleeper: Sleeper, resume: Resume) -> bool:
        """Let a connection rest; return False if it has to go on, since the server ends.

        Args:
            sleeper: The connection, with which its thread does nothing more.
            resume: Starts a thread that goes on with it, once there is something to read, its end
                included. Raises `RuntimeError` if the system has none.
        """
        with self._lock:
            if self._closed:
                return False
            self._new[sleeper] = resume
        self._wake()
        return True

    def look_after(self, selector: selectors.BaseSelector, ready: AbstractSet[object]) -> None:
        """Resume those that can be read, and watch those that are new; for the accepting thread.

        Args:
            selector: Where they are registered.
            ready: What it has selected.
        """
        with self._lock:
            for sleeper in self._watched.keys() & ready:
                selector.unregister(sleeper)
                self._due[sleeper] = self._watched.pop(sleeper)
            self._resume()
            while self._new:
                sleeper, resume = self._new.popitem()
                try:
                    selector.register(sleeper, selectors.EVENT_READ)
                except OSError:  # the system has no room for it, so it cannot rest
                    self._due[sleeper] = resume
                else:
                    self._watched[sleeper] = resume

    @property
    def patience(self) -> float | None:
        """How many seconds may go by before there is something to do; None for any number."""
        return _PAUSE if self._due else None

    def close(self) -> None:
        """Let nobody rest any more, and resume those that do, as far as there are threads."""
        with self._lock:
            self._closed = True
            self._due.update(self._watched)
            self._due.update(self._new)
            self._watched.clear()
            self._new.clear()
            self._resume()

    def _resume(self) -> None:
        """Resume those that are due, as far as there are threads."""
        while self._due:
            sleeper = next(iter(self._due))
            resume = self._due.pop(sleeper)
            try:
                resume()
            except RuntimeError as error:
                self._due[sleeper] = resume
                if not self._lacks_threads:
                    self._lacks_threads = True
                    _logger.warning("%d clients wait for a thread: %s", len(self._due), error)
                return
            self._lacks_threads = False
