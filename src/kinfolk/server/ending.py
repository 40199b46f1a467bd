"""Ending the connections of a server, each of which has a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Protocol

__all__ = ["Ending", "end_all"]


class Ending(Protocol):
    """A connection, as far as it is ended."""

    def finish(self) -> None:
        """Begin no more calls; those under way are answered."""
        ...

    def lost(self) -> None:
        """End at once."""
        ...


def end_all(connections: Collection[Ending], changed: threading.Condition, grace: float) -> None:
    """End all connections: those that take longer than so many seconds, at once.

    Args:
        connections: Those that are left; each leaves when it has ended.
        changed: Guards them, and is notified when one leaves.
        grace: How many seconds running calls have to end.
    """
    deadline = time.monotonic() + grace
    with changed:
        for connection in connections:
            connection.finish()
        while connections and (left := deadline - time.monotonic()) > 0:
            changed.wait(left)
        remaining = list(connections)
    for connection in remaining:
        connection.lost()
