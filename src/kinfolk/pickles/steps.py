"""Iterators at the client whose items stay at the server until they are asked for, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from kinfolk.counted import Mention, count
from kinfolk.errors import ObjectGone
from kinfolk.pickles.asking import was_not_sent

__all__ = ["Stepping", "Steps"]


class Stepping(Protocol):
    """What makes the steps: a channel."""

    @property
    def generation(self) -> int:
        """How many times the channel has begun to count references."""
        ...

    def step(self, number: int, called: str) -> tuple[Any, BaseException | None]:
        """Make a step of an iterator at the server; return its result, or what it raised.

        Whatever else is raised has cut the step short, or kept it from being made.
        """
        ...

    def drop(self, target: int, generation: int) -> None:
        """Note that a reference is gone, which was counted in this generation."""
        ...


class Steps(Iterator[Any]):
    """An iterator at the server; it ends there too when it is closed, or used no more."""

    def __init__(self, channel: Stepping, number: int) -> None:
        self._channel = channel
        self._number = number
        self._over = False
        self._is_whole = True
        self._mention = Mention(channel.generation)
        count(self, channel, number, self._mention)

    def __next__(self) -> Any:
        if not self._is_whole:
            raise ObjectGone(
                "a step of the stream was cut short, and what it yielded then is lost: begin anew"
            )
        if self._over:
            raise StopIteration
        if self._mention.generation != self._channel.generation:
            self._over = True
            raise ObjectGone("the connection that the stream came over is another process's")
        try:
            item, error = self._channel.step(self._number, "__next__")
            # No signal handler comes between that and the caller, if nothing is called here.
            if error is None:
                return item
        except BaseException as cut_short:
            self._is_whole = False  # whatever strikes next
            self._is_whole = was_not_sent(cut_short)
            raise
        # Like a generator that raises, it is at its end.
        self._over = True
        try:
            raise error
        finally:
            del error  # or it lives in a circle with its traceback, and keeps the stream

    def close(self) -> None:
        """End it here and at the server; closing twice has no effect."""
        self._is_whole = True
        if not self._over:
            self._over = True
            _, error = self._channel.step(self._number, "close")
            if error is not None:
                raise error
