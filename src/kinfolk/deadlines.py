"""Deadlines: until when the calls of a block have to be answered.

They belong to the thread or task that enters the block, and nest: the nearest one counts.

A signal handler may raise before the first line of `__enter__` or `__exit__`, and after any call
in them. A deadline that stayed behind then would fail every later call of its thread. So what a
context knows is a weak reference to the block, which dies with the `with` statement, and a block
counts from the last line of its `__enter__` to the first of its `__exit__`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from typing import Final, TypeAlias
from weakref import ReferenceType, ref

from kinfolk.signals import PIECE, pass_on_what_handlers_raise

__all__ = [
    "CONNECTING",
    "blocks_around",
    "deadline",
    "end_of_block",
    "end_of_wait",
    "in_time",
    "moments_more",
    "own_deadline",
    "patience",
    "pieces",
    "seen_only",
    "time_left",
]

CONNECTING: Final = 10.0
"""How many seconds connecting may take, where nobody says anything else."""

_LONGEST: Final = 365 * 86_400.0
_MOMENT: Final = 0.5
_NOTHING: Final = nullcontext()


class deadline:  # noqa: N801 - used as a function
    """Give all calls within the block so many seconds together, connecting included.

    What is not answered by then raises `CallTimeout`, whose `executed` says whether the method has
    run. A call that still waited at the server, for its turn or for something such as a lock, is
    taken back there. Code of your own within the block is not interrupted, and neither is a method
    that runs already.

    Args:
        seconds: How long from the beginning of the block; 0 lets nothing through that has to be
            sent. Within another deadline the earlier of the two counts.

    Raises:
        ValueError: It is negative, or not a number.
        RuntimeError: It is entered within its own block.
    """

    __slots__ = ("__weakref__", "_seconds", "_token", "counts", "end", "unseen")

    end: float

    def __init__(self, seconds: float) -> None:
        self._seconds = patience("a deadline", seconds)
        self.counts = False
        # Set for a block of Kinfolk's own, which is nothing to a signal handler that runs in it.
        self.unseen = False

    def __enter__(self) -> None:
        if self.counts:
            raise RuntimeError("this deadline is in use: make one for each block")
        blocks = _blocks.get()
        outer = _nearest(blocks) if self.unseen else _nearest_seen(blocks)
        self.end = self._end(None if outer is None else outer[0].end)
        self._token: Token[_Blocks | None] = _blocks.set((ref(self), outer and outer[1]))
        self.counts = True

    def __exit__(self, *_: object) -> None:
        self.counts = False
        _blocks.reset(self._token)

    def _end(self, outer: float | None) -> float:
        end = time.monotonic() + self._seconds
        return end if outer is None else min(end, outer)


class own_deadline(deadline):  # noqa: N801
    """Give the calls within the block so many seconds, whatever deadline there is around it."""

    __slots__ = ()

    def _end(self, outer: float | None) -> float:
        return time.monotonic() + self._seconds


_Blocks: TypeAlias = "tuple[ReferenceType[deadline], _Blocks | None]"
"""A block, and those around it."""

_blocks: Final[ContextVar[_Blocks | None]] = ContextVar("kinfolk.deadline", default=None)
blocks_around: Final = _blocks.get
"""Return the blocks around, None without any. Asked first in each call, since it is no Python."""


def _nearest(blocks: _Blocks | None) -> tuple[deadline, _Blocks] | None:
    """Return the nearest block that counts, and it with those around it."""
    while blocks is not None:
        block = blocks[0]()
        if block is not None and block.counts:
            return block, blocks
        blocks = blocks[1]
    return None


def _nearest_seen(blocks: _Blocks | None) -> tuple[deadline, _Blocks] | None:
    """Return what `_nearest` does, past the unseen blocks."""
    found = _nearest(blocks)
    while found is not None and found[0].unseen:
        found = _nearest(found[1][1])
    return found


def seen_only() -> AbstractContextManager[None] | None:
    """Return a block in which the unseen ones around it do not count; None without any.

    For what a program calls: it may do so in a signal handler.
    """
    blocks = _blocks.get()
    nearest = None if blocks is None else _nearest(blocks)
    if nearest is None or not nearest[0].unseen:
        return None
    seen = _nearest_seen(blocks)
    return own_deadline(_LONGEST if seen is None else max(seen[0].end - time.monotonic(), 0))


def end_of_block() -> float | None:
    """Return when the deadline of this thread or task is, by `time.monotonic`; None without one."""
    blocks = _blocks.get()
    if blocks is None:
        return None
    found = _nearest(blocks)
    return None if found is None else found[0].end


def patience(name: str, seconds: float) -> float:
    """Return a number of seconds that the system can wait; infinity is a year.

    Raises:
        TypeError: It is of another type than a number.
        ValueError: It is negative, or not a number.
    """
    try:
        wrong = math.isnan(seconds) or seconds < 0
    except TypeError as error:
        pass_on_what_handlers_raise(error)
        kind = type(seconds).__name__
        raise TypeError(f"{name} must be a number of seconds, not of type {kind}") from None
    if wrong:
        raise ValueError(f"{name} is a number of seconds from now, not {seconds!r}")
    return min(seconds, _LONGEST)


def moments_more() -> AbstractContextManager[None]:
    """Give the calls within the block half a second, if there is a deadline that comes sooner."""
    end = end_of_block()
    if end is None or end - time.monotonic() > _MOMENT:
        return _NOTHING
    return own_deadline(_MOMENT)


def time_left(end: float) -> float:
    """Return the seconds until a time.

    Raises:
        TimeoutError: It has come.
    """
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def pieces(end: float | None) -> Iterator[float]:
    """Yield how many seconds to wait at a stretch, until a time or for ever; see `PIECE`.

    There is one stretch at least, if only of 0 seconds.
    """
    left = PIECE
    while left > 0:
        left = PIECE if end is None else min(end - time.monotonic(), PIECE)
        yield max(left, 0)


def end_of_wait(seconds: float) -> float:
    """Return when a wait ends that may take so long, or that the deadline of the block ends."""
    until, end = time.monotonic() + seconds, end_of_block()
    return until if end is None else min(until, end)


def in_time(end: float, seconds: float) -> str:
    """Return until when something had to be done, for a message: "within 10 s".

    Args:
        end: When it had to, by `time.monotonic`.
        seconds: How long it was given, if that is not the end of the block's deadline.
    """
    return "before the deadline" if end == end_of_block() else f"within {seconds:g} s"
