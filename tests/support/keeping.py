"""Waiting for the keeper."""

from __future__ import annotations

import threading

from kinfolk.keeper import keeper

__all__ = ["kept_up"]


class _Errand:
    def __init__(self) -> None:
        self.done = threading.Event()

    def tidy(self) -> None:
        self.done.set()


def kept_up() -> None:
    """Return when the keeper has done all that it was asked for before."""
    keeper.start()
    # Twice, since what is asked for together is done in any order.
    for _ in range(2):
        errand = _Errand()
        keeper.note(errand)
        assert errand.done.wait(30)
