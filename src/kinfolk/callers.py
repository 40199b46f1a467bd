"""Callers: who, within a process, makes a call.

A thread's number given by the system is handed to a stranger once the thread is gone; a token is
not, so that what a dead thread owns is never taken for another's.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["caller_token", "calling_as"]

_tokens = itertools.count(1)


class _Caller(threading.local):
    def __init__(self) -> None:
        # Runs once in each thread, on its first use.
        self.token = next(_tokens)


_caller = _Caller()


def caller_token() -> int:
    """Return the token of the calling thread, which no other thread of this process ever has."""
    return _caller.token


@contextmanager
def calling_as(token: int) -> Generator[None, None, None]:
    """Make the calls within the block as another thread's, which has to be made up for."""
    own, _caller.token = _caller.token, token
    try:
        yield
    finally:
        _caller.token = own
