"""Taking what `@deferred` methods return, as a host does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinfolk.host.waiters import Later, Pending

__all__ = ["deliver"]


def deliver(later: Later[Any], take: Callable[[Any], bool]) -> None:
    """Have a result taken, now or when it is there, by what returns whether it arrived."""
    if isinstance(later, Pending):
        later.deliver(lambda pending: take(pending.result()))
    elif not take(later.take()):
        later.withdraw()
