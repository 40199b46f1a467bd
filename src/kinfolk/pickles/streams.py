"""Iterators at the server, each of whose steps is a call of its own."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kinfolk.host.hosted import Hosted, close_if_unused
from kinfolk.host.instrument import is_generator, steps

__all__ = ["Stream"]


class Stream(Generator[Any, Any, Any]):
    """What a member returned, for the one client that asks for its items.

    Args:
        iterator: What it returned.
        label: The member.
        hosted: The object.
    """

    def __init__(self, iterator: Any, label: str, hosted: Hosted) -> None:
        turn = hosted.turn
        self._steps: Any = iterator if turn is None else steps(iterator, turn, label)
        self._hosted = hosted

    def send(self, value: Any, /) -> Any:
        """Make a step; send a generator a value with it."""
        return next(self._steps) if value is None else self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an exception in a generator."""
        return self._steps.throw(*error)

    def close(self) -> None:
        """End it; a generator is closed within a turn of its object."""
        if is_generator(self._steps):
            self._steps.close()
        # It may have been the last that referred to the object.
        hosted, self._steps = self._hosted, iter(())
        if hosted.gone:
            close_if_unused(hosted)
