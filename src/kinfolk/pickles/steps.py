"""Iterators at the client whose items stay at the server until they are asked for, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from kinfolk.counted import Mention, count
from kinfolk.errors import ObjectGone

__all__ = ["Stepping", "Steps"]


class Stepping(Protocol):
    """What makes the steps: a channel."""

    @property
    def generation(self) -> int:
        """How many times the channel has begun to count references."""
        ...

    def step(self, number: int, called: str, *args: object) -> Any:
        """Make a step of an iterator at the server."""
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
        self._mention = Mention(channel.generation)
        count(self, channel, number, self._mention)

    def __next__(self) -> Any:
        if self._over:
            raise StopIteration
        if self._mention.generation != self._channel.generation:
            self._over = True
            raise ObjectGone("the connection that the stream came over is another process's")
        try:
            return self._channel.step(self._number, "__next__")
        except BaseException:
            # Like a generator that raises, it is at its end.
            self._over = True
            raise

    def close(self) -> None:
        """End it here and at the server; closing twice has no effect."""
        if not self._over:
            self._over = True
            self._channel.step(self._number, "close")
