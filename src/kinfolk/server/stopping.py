"""Signals that stop a server, and not the processes that its objects start."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Protocol, TypeAlias

__all__ = ["Stoppable", "stop_on"]

_Handler: TypeAlias = Callable[[int, FrameType | None], object]


class Stoppable(Protocol):
    """Something that serves until it is told to stop."""

    def stop(self) -> object:
        """End `serve_forever`. May be called by any thread, and by a signal handler."""
        ...


# Ours for each signal, and what `signal.signal` had before.
_handlers: Final[dict[int, tuple[_Handler, Any]]] = {}


def stop_on(server: Stoppable, *signals: signal.Signals) -> None:
    """Have signals stop a server; the same one once more does what it does to any program.

    A child that is forked has the handlers from before, so that `Process.terminate` ends it.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        server.stop()

    for number in signals:
        _handlers[number] = stop, signal.signal(number, stop)


class _Held(threading.local):
    mask: set[int | signal.Signals]


_held: Final = _Held()


def _hold() -> None:
    """Let signals wait during a fork: one for the child would find our handlers there, or none."""
    _held.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _handlers)


def _let_through() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _held.mask)


def _give_back() -> None:
    for number, (ours, former) in _handlers.items():
        if signal.getsignal(number) is ours:
            signal.signal(number, signal.SIG_DFL if former is None else former)
    _handlers.clear()
    _let_through()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_let_through, after_in_child=_give_back)
