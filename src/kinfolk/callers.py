"""Callers: who, within a process, makes a call.

A thread's number given by the system is handed to a stranger once the thread is gone; a token is
not, so that what a dead thread owns is never taken for another's.
"""

from __future__ import annotations

import itertools
import threading

__all__ = ["caller", "caller_token"]

_tokens = itertools.count(1)


class _Caller(threading.local):
    def __init__(self) -> None:
        # Runs once in each thread, on its first use.
        self.token = next(_tokens)


caller = _Caller()
"""The calling thread: `caller.token` is what `caller_token` returns, and calls no function."""


def caller_token() -> int:
    """Return the token of the calling thread, which no other thread of this process ever has."""
    return caller.token
