"""Who is let in: how many connections shake hands at a time, and how many are served.

Whoever shakes hands may be anybody, and in no hurry. So there is a limit to their number which does
not count against that of the others, and beyond it the oldest has to go. Were the newcomer refused
in its place, a few who never say who they are could shut out all who do.
"""

from __future__ import annotations

import threading
from typing import Protocol

from kinfolk.errors import LimitExceeded
from kinfolk.limits import Limits

__all__ = ["Admission", "Newcomer"]


class Newcomer(Protocol):
    """A connection, as far as admission knows it."""

    def dismiss(self, error: LimitExceeded) -> None:
        """End the handshake. Called in another's thread, and must not hold it up."""
        ...


class Admission:
    """Counts connections; its methods may be called by any thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._unknown: dict[Newcomer, None] = {}  # in the order in which they came
        self._known: set[Newcomer] = set()

    def arrive(self, newcomer: Newcomer) -> None:
        """Let a connection shake hands; the oldest that still does may have to go for it."""
        oldest = None
        limit = self._limits.handshakes
        with self._lock:
            if len(self._unknown) >= limit:
                oldest = next(iter(self._unknown))
                del self._unknown[oldest]
            self._unknown[newcomer] = None
        if oldest is not None:
            oldest.dismiss(
                LimitExceeded(
                    f"{limit + 1} connections shake hands at the same time (limit {limit}), and "
                    "this one was the slowest: try again"
                )
            )

    def welcome(self, newcomer: Newcomer) -> None:
        """Let in a connection that has said who it is.

        Raises:
            LimitExceeded: There are too many, or it has been dismissed.
        """
        limit = self._limits.connections
        with self._lock:
            if newcomer not in self._unknown:
                raise LimitExceeded("the connection was dismissed during the handshake: try again")
            if len(self._known) >= limit:
                raise LimitExceeded(
                    f"the server has {len(self._known)} connections (limit {limit})"
                )
            del self._unknown[newcomer]
            self._known.add(newcomer)

    def leave(self, newcomer: Newcomer) -> None:
        """Note that a connection has ended, at whatever point."""
        with self._lock:
            self._unknown.pop(newcomer, None)
            self._known.discard(newcomer)
