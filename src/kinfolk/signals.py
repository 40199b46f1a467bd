"""Signals, and the threads that Kinfolk runs in other people's processes."""

from __future__ import annotations

import signal
from typing import Final

__all__ = ["PIECE", "leave_signals_to_others"]

PIECE: Final = 1.0
"""How many seconds a main thread waits at a stretch: a signal that comes at the moment when a wait
begins is noticed by Python only when that ends."""


def leave_signals_to_others() -> None:
    """Have this thread take no signal that is sent to the process.

    Python runs signal handlers in the main thread only. Where the system lets another thread take
    the signal, the main thread may go on for a while before it sees it, or stay in what it waits
    for.
    """
    if hasattr(signal, "pthread_sigmask"):
        # Not those that a thread's own instructions cause: blocked, they would be fatal unheard.
        own = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - own)
