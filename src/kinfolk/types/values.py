"""Values that built-in shared types return; they travel by copy.

Generated modules import them, and so does every client: nothing of the server is needed here.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

__all__ = ["Failure", "Holder"]

T = TypeVar("T")


@attrs.frozen
class Holder:
    """Who has a lock.

    `pid` is the number of the process, `user` the name of its user and `program` what it runs;
    the latter two are empty for one at the other end of a TCP connection. `token` is the lock's
    `token`, as its holder reads it.
    """

    pid: int
    user: str
    program: str
    token: int


@attrs.frozen
class Failure(Generic[T]):
    """An item that a `WorkQueue` has given up, after how many attempts, and why the last failed."""

    item: T
    attempts: int
    reason: str
