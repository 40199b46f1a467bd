"""Signals, and the threads that Kinfolk runs in other people's processes."""

from __future__ import annotations

import signal

__all__ = ["leave_signals_to_others"]


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
