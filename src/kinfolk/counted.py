"""References that count: noticing the death of what holds them.

A proxy may die inside any line of any thread, and a signal handler may raise inside a `__del__`,
where Python drops the exception and the rest of the method with it. So nothing here has a
`__del__`: a weak reference hands itself to the keeper, and no line of Python runs until that.
"""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections import deque
from typing import Final, Protocol

from kinfolk.keeper import keeper

__all__ = ["Counting", "Dropping", "Mention", "count", "counts"]


class Counting(Protocol):
    """What counts references: a channel."""

    def drop(self, target: int, generation: int) -> None:
        """Note that a reference is gone, which was counted in this generation."""
        ...


class Mention:
    """When references were counted: the generation of their channel, 0 as long as they are not.

    Those that came with one message have one in common.
    """

    __slots__ = ("generation",)

    def __init__(self, generation: int = 0) -> None:
        # Generations begin with 1, so by default they have not been counted.
        self.generation = generation


class _Counted(weakref.ref[object]):
    """What holds a reference, as long as it lives."""

    __slots__ = ("channel", "mention", "target")

    channel: Counting
    mention: Mention
    target: int

    # A weak reference is as equal as what it refers to, and that is dead when this is asked.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def tidy(self) -> None:
        """Note that it has died; see `Tidy`."""
        _living.discard(self)
        if self.mention.generation:
            self.channel.drop(self.target, self.mention.generation)


_living: Final[set[_Counted]] = set()


class Dropping(ABC):
    """A channel, as far as it counts references: anew in each generation, which is a session."""

    def __init__(self) -> None:
        self.generation = 0
        self._start_generation()

    def _start_generation(self) -> None:
        """Begin to count references anew, in a session that has none."""
        self.generation += 1
        self._dropped: deque[int] = deque()

    def drop(self, target: int, generation: int) -> None:
        """Note that a reference is gone; see `Counting`."""
        if generation == self.generation:
            self._dropped.append(target)
            keeper.note(self)

    @abstractmethod
    def tidy(self) -> None:
        """Tell the other end which references are gone; see `Tidy`."""


def count(holder: object, channel: Counting, target: int, mention: Mention) -> None:
    """Have a channel told when what holds a reference dies.

    Args:
        holder: What holds it: a proxy, a stream.
        channel: Where it came from.
        target: The number of the object.
        mention: When it is counted, which may be still to come.
    """
    counted = _Counted(holder, keeper.note)
    counted.channel, counted.target, counted.mention = channel, target, mention
    _living.add(counted)


if hasattr(os, "register_at_fork"):
    # Those of the parent; the child counts what it uses anew.
    os.register_at_fork(after_in_child=_living.clear)


def counts(channel: Counting) -> bool:
    """Return whether anything living holds a reference that a channel counts."""
    return any(each() is not None and each.channel is channel for each in list(_living))
