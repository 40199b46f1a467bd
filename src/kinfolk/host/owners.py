"""Who makes a call, and what happens when it is gone.

An owner is a caller within a process. A call that an object makes while it serves one belongs to
the same owner, so a lock that a client holds is held in all that its calls lead to.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

import attrs

from kinfolk.host.places import raised

__all__ = ["THIS_PROCESS", "Lifetime", "Owner", "Process"]

_logger = logging.getLogger(__name__)


@attrs.frozen
class Process:
    """A calling process, as far as it is known.

    `pid` is what it says of itself. `uid` is its user and `seen` its number, as the system of this
    process knows them; None and 0 if it does not.
    """

    pid: int
    uid: int | None = None
    seen: int = 0


class Lifetime:
    """Something that ends, such as a calling process, and what is to be done then.

    `process` is that process; None for this very one. `ended` says whether the end has come.
    """

    def __init__(self) -> None:
        self.process: Process | None = None
        self._lock = threading.Lock()
        self._at_end: dict[Hashable, Callable[[], object]] = {}
        self.ended = False

    def at_end(self, key: Hashable, action: Callable[[], object]) -> bool:
        """Have something done at the end, once, in place of what was said before under `key`.

        Returns:
            False if the end has come already; nothing is done then.
        """
        with self._lock:
            if not self.ended:
                self._at_end[key] = action
            return not self.ended

    def is_of_process_of(self, other: Lifetime) -> bool:
        """Return whether another is the same calling process, as far as that can be told."""
        return self is other

    @property
    def held(self) -> int:
        """For how many things something is to be done at the end, such as the locks it holds."""
        return len(self._at_end)

    def forget(self, key: Hashable) -> None:
        """Take back what was said under `key`, if anything was."""
        with self._lock:
            self._at_end.pop(key, None)

    def end(self) -> bool:
        """Do what is to be done, the first time; return whether this was it."""
        with self._lock:
            first, self.ended = not self.ended, True
            actions = list(self._at_end.values())
            self._at_end.clear()
        for action in actions:
            try:
                action()
            except Exception as error:
                # The others must be done all the same: each may free a lock.
                _logger.error("The end of a session failed in part: %s", raised(error))  # noqa: TRY400
        return first


THIS_PROCESS: Final = Lifetime()
"""The process of the objects themselves; it does not end before they do."""


class Owner(NamedTuple):  # compared for each call, and attrs takes thrice as long
    """A thread or task of a calling process: what a lock that is not shared can belong to."""

    session: Lifetime
    caller: int
