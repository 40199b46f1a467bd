"""Waiting for what only the caller can judge: such code runs in its process, over a proxy too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from kinfolk.declare import mixin

__all__ = ["WaitFor"]

T = TypeVar("T")


class Waiting(Protocol):
    """A condition, or a proxy of one."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is notified; return whether it was."""
        ...


@mixin
class WaitFor:
    """Gives `wait_for` to conditions."""

    def wait_for(self: Waiting, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until a predicate is true; return what it said last.

        It is asked in the process that calls this, holding the lock, at first and after each
        notification.

        Args:
            predicate: What to ask.
            timeout: For how many seconds to wait at most; None for as long as it takes.

        Raises:
            RuntimeError: The caller does not have the lock.
        """
        end = None if timeout is None else time.monotonic() + timeout
        left, result = timeout, predicate()
        while not result:
            self.wait(left)  # at least once, also without any time
            left = None if end is None else end - time.monotonic()
            result = predicate()
            if left is not None and left <= 0:
                break
        return result
