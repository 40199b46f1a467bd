"""Connections without a thread: those of clients that only wait.

A call that waits for a lock, say, is answered by whoever lets the lock go. Until then its client
says nothing, and a thread for each that waits would cost the server more than all else that it
knows of them. So such a connection gives its thread back after a while, and the one thread that
accepts connections looks after it.

Where the system has no thread for one that goes on, a spare one is left while any rest: the first
that was given back. It serves them in turn, each for as long as there is something to read, or
those who wait for what only they can do would wait for ever.
"""

from __future__ import annotations

import logging
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final, Protocol, TypeAlias

import attrs

__all__ = ["Rested", "Resting", "Sleeper"]

_logger = logging.getLogger("kinfolk.server")

_WINDOW: Final = 1.0  # seconds


class Sleeper(Protocol):
    """A connection, as far as it rests."""

    def fileno(self) -> int:
        """Return its socket's file descriptor, which nobody closes while it rests."""
        ...


@attrs.frozen(eq=False)
class Rested:
    """A connection that rests.

    `resume` starts a thread that goes on with it, and raises `RuntimeError` if the system has none.
    `serve` goes on with it in the calling thread, as long as there is something to read.
    """

    sleeper: Sleeper
    resume: Callable[[], object]
    serve: Callable[[], object]

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self.sleeper.fileno()


_Those: TypeAlias = set[Rested]


class Resting:
    """The connections that rest; any thread may call its methods unless they say otherwise.

    Args:
        wake: Wakes the thread that accepts.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        # Guards the rest, and is notified when there is something for the spare thread.
        self._changed = threading.Condition()
        self._closed = False
        self._new: _Those = set()
        self._watched: _Those = set()
        # Those who go on, and for whom the system had no thread.
        self._in_turn: deque[Rested] = deque()
        self._has_spare = False
        self._said_at = -_WINDOW

    def add(self, rested: Rested) -> bool:
        """Let a connection rest; return False if it has to go on, since the server ends.

        Its thread does nothing more with it. It is resumed once there is something to read, its end
        included.
        """
        with self._changed:
            if self._closed:
                return False
            self._new.add(rested)
        self._wake()
        return True

    def look_after(self, selector: selectors.BaseSelector, ready: AbstractSet[object]) -> None:
        """Resume those that can be read, and watch those that are new; for the accepting thread.

        Args:
            selector: Where they are registered.
            ready: What it has selected.
        """
        with self._changed:
            self._serve_in_turn_no_more()
            for rested in self._watched & ready:
                self._watched.discard(rested)
                selector.unregister(rested)
                self._resume(rested)
            while self._new:
                rested = self._new.pop()
                try:
                    selector.register(rested, selectors.EVENT_READ)
                except OSError:  # the system has no room for it, so it cannot rest
                    self._resume(rested)
                else:
                    self._watched.add(rested)
            if self._has_spare and not self._watched:
                self._changed.notify()  # nobody rests any more, so it is not needed

    def stand_by(self) -> None:
        """Serve those who found no thread, or wait for such; for a thread that has no other use.

        Returns when nothing is left for it: one that waits is enough.
        """
        while (rested := self._next()) is not None:
            rested.serve()
            del rested  # while it waits for the next, it keeps none

    def close(self) -> None:
        """Let nobody rest any more, and resume those that do."""
        with self._changed:
            self._closed = True
            for those in (self._watched, self._new):
                while those:
                    self._resume(those.pop())
            self._changed.notify_all()

    # --- Inside

    def _next(self) -> Rested | None:
        with self._changed:
            while not self._in_turn:
                nobody = not (self._new or self._watched)
                if self._closed or self._has_spare or nobody:
                    return None
                self._has_spare = True
                threading.current_thread().name = "kinfolk-spare"
                self._changed.wait()
                self._has_spare = False
            return self._in_turn.popleft()

    def _serve_in_turn_no_more(self) -> None:
        """Resume those who found no thread, as far as there are any again."""
        while self._in_turn:
            rested = self._in_turn[0]
            try:
                rested.resume()
            except RuntimeError:
                return
            self._in_turn.popleft()

    def _resume(self, rested: Rested) -> None:
        try:
            rested.resume()
        except RuntimeError as error:
            now = time.monotonic()
            if now - self._said_at >= _WINDOW:
                self._said_at = now
                _logger.warning("clients are served in turn: %s", error)
            self._in_turn.append(rested)
            self._changed.notify()
