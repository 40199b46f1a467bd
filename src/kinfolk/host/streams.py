"""Streams: iterators at the server, asked for items by number.

Each step is one turn of the object whose method returned the iterator, and what it yields is
encoded within that turn, before another call can change it.
"""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from kinfolk.errors import CallTimeout, ResultError
from kinfolk.host.chains import acting_for, serving_nothing
from kinfolk.host.instrument import is_generator
from kinfolk.host.operations import Operation
from kinfolk.host.owners import Owner
from kinfolk.host.places import raised
from kinfolk.host.turns import Turn
from kinfolk.wire.codec import Mismatch
from kinfolk.wire.references import References

__all__ = ["Stream"]

R = TypeVar("R")

_logger = logging.getLogger(__name__)


class Stream:
    """One iterator, for the session that opened it.

    Args:
        iterator: What the method returned.
        operation: The method.
        turn: The turn of its object, if that takes turns.
        owner: Who opened it, for whom every step is made.
    """

    def __init__(
        self, iterator: Iterator[Any], operation: Operation, turn: Turn | None, owner: Owner
    ) -> None:
        self._iterator = iterator
        self._operation = operation
        self._turn = turn
        self._owner = owner
        # For objects that do not take turns: an iterator can make only one step at a time.
        self._stepping = threading.RLock()
        self._steps = 0

    @property
    def label(self) -> str:
        """What others read of the call that opened it: `Frontier.__iter__`."""
        return self._operation.label

    @property
    def has_to_wait(self) -> bool:
        """Whether closing it now would have to wait for the call that has the object's turn."""
        turn = self._turn
        taken = turn is not None and turn.held_by is not None and not turn.mine
        return taken and is_generator(self._iterator)

    def fetch(
        self,
        count: int,
        room: int,
        references: References,
        begin: Callable[[], object] | None = None,
    ) -> tuple[bytes, bool, BaseException | None]:
        """Make up to so many steps.

        Args:
            count: How many at the most.
            room: After how many bytes of items no further step is made.
            references: What to encode shared objects with.
            begin: Called within the first turn; raises `CallTimeout` if the call was taken back.

        Returns:
            The items, encoded as a list; whether there may be more; what ended it, if not that.
        """
        items: list[bytes] = []
        before = self._steps
        try:
            with acting_for(self._owner):
                for index in range(count):
                    step = partial(self._next, references, None if index else begin)
                    item = self._in_turn(step)
                    if item is None:
                        return _list_of(items), False, None
                    items.append(item)
                    room -= len(item)
                    if room <= 0:
                        break
        except BaseException as error:
            if isinstance(error, CallTimeout) and self._steps == before:
                # Taken back while it waited for its turn: nothing is lost, and it can go on.
                return _list_of(items), True, error
            self.close()
            return _list_of(items), False, error
        return _list_of(items), True, None

    def close(self) -> None:
        """End it; a generator is closed within the turn of its object."""
        iterator = self._iterator
        if not is_generator(iterator):
            return
        try:
            with acting_for(self._owner), serving_nothing():
                self._in_turn(iterator.close)
        except BaseException as error:
            # There is nobody to be told: the client is gone, or did not wait for an answer.
            _logger.warning("%s could not be closed: %s", self.label, raised(error))

    def _in_turn(self, action: Callable[[], R]) -> R:
        turn = self._turn
        if turn is not None:
            turn.take(self._operation.label)
        try:
            with self._stepping:
                return action()
        finally:
            if turn is not None:
                turn.leave()

    def _next(self, references: References, begin: Callable[[], object] | None) -> bytes | None:
        """Make one step; return the encoded item, None at the end."""
        if begin is not None:
            begin()
        self._steps += 1
        try:
            item = next(self._iterator)
        except StopIteration:
            return None
        return self._encode(item, references)

    def _encode(self, item: object, references: References) -> bytes:
        codec = self._operation.member.items
        assert codec is not None
        try:
            data = codec.encode([item], references)
        except Mismatch as mismatch:
            mismatch.path = mismatch.path.removeprefix("[0]")
            raise ResultError(
                f"{self._operation.label} returned what it does not declare: {mismatch}"
            ) from None
        # Without the head of the list, which is one byte for a list of one.
        return data[1:]


def _list_of(items: list[bytes]) -> bytes:
    """Return a MessagePack array of items that are encoded already."""
    count = len(items)
    if count < 16:
        head = bytes([0x90 | count])
    elif count < 1 << 16:
        head = struct.pack(">BH", 0xDC, count)
    else:
        head = struct.pack(">BI", 0xDD, count)
    return head + b"".join(items)
