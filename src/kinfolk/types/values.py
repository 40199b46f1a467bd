"""Values that built-in shared types return; they travel by copy."""

from __future__ import annotations

import os
from typing import Generic, Self, TypeVar

import attrs

from kinfolk.host.owners import Owner, Process
from kinfolk.host.processes import program_of, user_of

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

    @classmethod
    def of(cls, owner: Owner, token: int) -> Self:
        """Describe the process of an owner."""
        here = os.getpid()
        process = owner.session.process or Process(here, os.geteuid(), here)
        return cls(
            pid=process.pid,
            user="" if process.uid is None else user_of(process.uid),
            program=program_of(process.seen) if process.seen else "",
            token=token,
        )


@attrs.frozen
class Failure(Generic[T]):
    """An item that a `WorkQueue` has given up, after how many attempts, and why the last failed."""

    item: T
    attempts: int
    reason: str
