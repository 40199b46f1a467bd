"""Callers: who, within a process, makes a call.

A caller is a thread, or a task of asyncio, of which many may run in one thread.

A thread's number given by the system is handed to a stranger once the thread is gone; a token is
not, so that what a dead thread owns is never taken for another's.
"""

from __future__ import annotations

import itertools
import sys
import threading
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["caller", "caller_token"]

_tokens = itertools.count(1)
_tasks: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


class _Caller(threading.local):
    def __init__(self) -> None:
        # Runs once in each thread, on its first use.
        self.token = next(_tokens)


caller = _Caller()
"""The calling thread: `caller.token` is what `caller_token` returns outside of tasks, and calls no
function."""


def caller_token() -> int:
    """Return the token of the calling task or thread, which no other of this process ever has."""
    # Not imported: where nobody else has, there is no task. And it may just be imported elsewhere.
    asyncio: Any = sys.modules.get("asyncio")
    running = getattr(asyncio, "_get_running_loop", None)
    if running is None or running() is None:
        return caller.token
    task = asyncio.current_task()
    if task is None:  # a callback
        return caller.token
    token = _tasks.get(task)
    if token is None:
        token = _tasks[task] = next(_tokens)
    return token
