"""Who has what and who waits for it, at one moment: for people who look at a server.

Nothing is kept for this while calls are made. It is found in what the objects consist of, and so
takes the longer the more objects there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from types import MemberDescriptorType
from typing import Any, Literal, TypeAlias

import attrs

from kinfolk.declare import shared_mark
from kinfolk.host.chains import Chain
from kinfolk.host.hosted import Hosted
from kinfolk.host.owners import Owner
from kinfolk.host.turns import Turn
from kinfolk.host.waiters import Waiters

__all__ = ["Awaited", "Who", "overview"]

Who: TypeAlias = Owner | Chain | None
"""Somebody who has something or waits for it: a caller, or a thread where no more is known."""


@attrs.frozen
class Awaited:
    """What is held, or waited for; its holder and those who wait, each with the call it is in."""

    kind: Literal["lock", "turn", "event"]
    name: str
    holder: tuple[Who, str] | None
    waiters: list[tuple[Who, str]]


def overview(found: Iterable[Hosted]) -> list[Awaited]:
    """Return all that somebody has or waits for.

    Args:
        found: The objects to look at, those with names first. An object with two is known by the
            first of them.
    """
    objects: dict[int, tuple[str, Hosted]] = {}
    for hosted in found:
        objects.setdefault(id(hosted.obj), (_name(hosted), hosted))
    seen = [
        _turn(name, hosted.turn) for name, hosted in objects.values() if hosted.turn is not None
    ]
    parts = ((name, hosted.obj) for name, hosted in objects.values())
    seen += [_waiters(name, waiters) for name, waiters in _all_waiters(parts)]
    return [each for each in seen if each.holder is not None or each.waiters]


def _name(hosted: Hosted) -> str:
    name = hosted.target
    return name if isinstance(name, str) else type(hosted.obj).__name__


def _turn(name: str, turn: Turn) -> Awaited:
    holder, waiting = turn.parties()
    return Awaited(
        "turn",
        name,
        None if holder is None else (holder[1], holder[0]),
        [(owner or chain, label) for label, chain, owner in waiting],
    )


def _waiters(name: str, waiters: Waiters[Any]) -> Awaited:
    held = waiters.held
    owner = None if held is None else held.owner
    return Awaited(
        "event" if held is None else "lock",
        name,
        None if owner is None else (owner, ""),
        [(each, "") for each in waiters.owners],
    )


def _all_waiters(objects: Iterable[tuple[str, object]]) -> Iterator[tuple[str, Waiters[Any]]]:
    """Find who waits in objects, and in the shared ones that they consist of."""
    queue = deque(objects)
    known = {id(obj) for _, obj in queue}
    while queue:
        name, obj = queue.popleft()
        for attribute, value in _attributes(obj):
            if isinstance(value, Waiters):
                yield name, value
            elif id(value) not in known and shared_mark(type(value)) is not None:
                known.add(id(value))
                queue.append((f"{name}.{attribute}", value))


def _attributes(obj: object) -> Iterator[tuple[str, object]]:
    """Yield what an object consists of, without running code of its class."""
    try:
        own = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        own = {}
    # A copy, since other threads go on.
    yield from own.copy().items()
    for cls in type(obj).__mro__:
        for name, slot in list(vars(cls).items()):
            if isinstance(slot, MemberDescriptorType):
                try:
                    yield name, slot.__get__(obj)
                except AttributeError:  # it has not been set
                    continue
