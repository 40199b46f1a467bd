"""Streams at the client: iterators whose items are fetched as they are used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, Protocol

from kinfolk.counted import Mention, count
from kinfolk.deadlines import end_of_block, pieces
from kinfolk.errors import CallTimeout, ObjectGone
from kinfolk.signals import raised_by_handler
from kinfolk.wire.members import Member

__all__ = ["Fetching", "Stream"]


class Fetching(Protocol):
    """What a stream asks for its items."""

    @property
    def generation(self) -> int:
        """How many times the channel has begun to count references; streams end with each."""
        ...

    def fetch(self, member: Member, stream: int) -> tuple[list[Any], bool, BaseException | None]:
        """Ask a stream for items; return them, whether there may be more, and what ended it."""
        ...

    def close_stream(self, number: int, generation: int) -> None:
        """End a stream at the server too, at once if that is possible."""
        ...

    def drop(self, target: int, generation: int) -> None:
        """Note that a stream died; see `Channel.drop`."""
        ...


_NONE: Final[Any] = object()


class Stream(Iterator[Any]):
    """The items of a member that returns an iterator, fetched as they are used.

    It ends at the server too when it is closed, or when nobody uses it any more.
    """

    def __init__(self, channel: Fetching, member: Member, number: int, generation: int) -> None:
        self._channel = channel
        self._member = member
        self._number = number
        self._items: deque[Any] = deque()
        self._error: BaseException | None = None
        self._more = True
        self._is_whole = True
        self._mention = Mention(generation)
        count(self, channel, number, self._mention)
        # Two threads may share an iterator; each item goes to one of them, in order. A lock that
        # knows its owner, since a signal handler may raise just after it was taken.
        self._turn = threading.RLock()
        self._reader = 0

    def __next__(self) -> Any:
        me = threading.get_ident()
        if self._reader == me:
            # As a generator says it: a signal handler goes on with what it interrupted.
            raise ValueError(f"{self._member.label}: the stream is executing a step already")
        turn, item = self._turn, _NONE
        try:
            try:
                if not turn.acquire(blocking=False):
                    self._wait_for_turn()
                self._reader = me
                item = self._step()
            finally:
                # From here to the release nothing is called, so no signal handler runs.
                if self._reader == me:
                    self._reader = 0
                try:  # noqa: SIM105 - that would be a call
                    turn.release()
                except RuntimeError:
                    pass  # It was not this thread's turn yet.
        except BaseException:
            if item is not _NONE:
                self._items.appendleft(item)
            raise
        return item

    def _wait_for_turn(self) -> None:
        """Wait until no other thread makes a step.

        Raises:
            CallTimeout: The deadline of the block has passed.
        """
        for seconds in pieces(end_of_block()):
            if self._turn.acquire(timeout=seconds):
                return
        raise CallTimeout(
            f"{self._member.label}: another thread was still waiting for an item of the stream at "
            "the deadline",
            executed="no",
        )

    def _step(self) -> Any:
        while not self._items and self._more:
            self._fetch()
        if self._items:
            # Without a call, after which a signal handler could run and the item would be lost.
            item = self._items[0]
            del self._items[0]
            return item
        if not self._is_whole:
            raise ObjectGone(
                f"{self._member.label}: a step of it was cut short, and what it yielded then "
                "is lost: begin anew"
            )
        error, self._error = self._error, None
        try:
            raise StopIteration if error is None else error
        finally:
            del error  # or it lives in a circle with its traceback, and keeps the stream

    def _fetch(self) -> None:
        if self._mention.generation != self._channel.generation:
            self._end()
            raise ObjectGone(f"{self._member.label}: the connection that it streamed over is gone")
        try:
            items, more, self._error = self._channel.fetch(self._member, self._number)
            self._items.extend(items)
            if not more:
                self._end()
        except BaseException as error:
            if getattr(error, "executed", None) != "no" or raised_by_handler(error):
                self._cut_short()
            raise

    def _cut_short(self) -> None:
        """Go on no more: it may have stepped, and what it yielded then is lost."""
        self._items.clear()
        if self._more:
            self._channel.drop(self._number, self._mention.generation)
            self._end()
            self._is_whole = False

    def close(self) -> None:
        """End the stream here and at the server; closing twice has no effect."""
        self._items.clear()
        self._is_whole = True
        if self._more:
            self._channel.close_stream(self._number, self._mention.generation)
            self._end()

    def _end(self) -> None:
        """Note that there is nothing left at the server that could be closed."""
        self._more = False
        self._mention.generation = 0
