"""Streams at the client, whose steps are cut short."""

from __future__ import annotations

from typing import Any

import pytest
from support.hosted.manager import OFFER, FrontierProxy

from kinfolk.errors import CallTimeout, ConnectionLost, ObjectGone
from kinfolk.streaming import Stream

MEMBER = OFFER.members(FrontierProxy)["__iter__"]


class Struck(BaseException):
    """What a signal handler raises."""


class Source:
    """Has three items, and is struck where it is told."""

    generation = 1

    def __init__(self) -> None:
        self.items = [1, 2, 3]
        self.strike: BaseException | None = None
        self.dropped: list[int] = []
        self.closed: list[int] = []

    def fetch(self, member: object, stream: int) -> tuple[list[Any], bool, BaseException | None]:
        """Return the next item, if nothing strikes."""
        if self.strike is not None:
            error, self.strike = self.strike, None
            raise error
        if not self.items:
            return [], False, None
        return [self.items.pop(0)], True, None

    def close_stream(self, number: int, generation: int) -> None:
        """Note it."""
        self.closed.append(number)

    def drop(self, target: int, generation: int) -> None:
        """Note it."""
        self.dropped.append(target)


@pytest.mark.parametrize("error", [CallTimeout("late", executed="no"), ConnectionLost("x", "no")])
def test_a_step_that_was_not_made_is_made_by_the_next(error: Exception) -> None:
    """So it may be tried again, and nothing is missing."""
    source = Source()
    stream = Stream(source, MEMBER, 7, 1)
    assert next(stream) == 1
    source.strike = error
    with pytest.raises(type(error)):
        next(stream)
    assert list(stream) == [2, 3]
    assert source.dropped == []


@pytest.mark.parametrize(
    "error",
    [CallTimeout("late", executed="unknown"), CallTimeout("late", executed="yes"), Struck()],
)
def test_a_step_that_may_have_been_made_ends_the_stream(error: BaseException) -> None:
    """By an exception, again and again: what is missing must not look like the end."""
    source = Source()
    stream = Stream(source, MEMBER, 7, 1)
    assert next(stream) == 1
    source.strike = error
    with pytest.raises(type(error)):
        next(stream)
    for _ in range(2):
        with pytest.raises(ObjectGone, match="a step of it was cut short"):
            next(stream)
    assert source.dropped == [7]
    stream.close()
    assert list(stream) == []
