"""Ending the connections of a server, each of which has a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Protocol

__all__ = ["Ending", "end_all"]


class Ending(Protocol):
    """A connection, as far as it is ended."""

    def wait_no_more(self) -> None:
        """Withdraw the calls that wait for a lock, say, and let no others wait."""
        ...

    def finish(self) -> None:
        """Begin no more calls; those under way are answered."""
        ...

    def lost(self) -> None:
        """End at once."""
        ...


def end_all(connections: Collection[Ending], changed: threading.Condition, grace: float) -> None:
    """End all connections: those that take longer than so many seconds, at once.

    What ends with the first, such as the locks that a client holds, goes to nobody with the others:
    that client may be working still.

    Args:
        connections: Those that are left; each leaves when it has ended.
        changed: Guards them, and is notified when one leaves.
        grace: How many seconds running calls have to end.
    """
    deadline = time.monotonic() + grace
    with changed:
        those = list(connections)
    for connection in those:
        connection.wait_no_more()
    with changed:
        for connection in connections:
            connection.finish()
        while connections and (left := deadline - time.monotonic()) > 0:
            changed.wait(left)
        remaining = list(connections)
    for connection in remaining:
        connection.lost()
