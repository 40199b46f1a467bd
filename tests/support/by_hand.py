"""Managers with entries that were registered by hand, where child processes find them."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.managers import BaseProxy
from typing import Any

from support.pickling import IteratorProxy
from support.samples.manager import SampleManager

from kinfolk.managers import Manager

__all__ = ["Box", "BoxProxy", "HandManager", "SubManager", "note"]

_noted: list[str] = []


def note(*words: str) -> None:
    """Note what an initializer was given, in the process that it runs in."""
    _noted.extend(words)


def noted() -> list[str]:
    """Return what was noted in the server's process."""
    return list(_noted)


class Box:
    """Holds things."""

    def __init__(self, *things: Any) -> None:
        self._things = list(things)

    def put(self, thing: Any) -> int:
        """Put something in; return how many there are."""
        self._things.append(thing)
        return len(self._things)

    def things(self) -> list[Any]:
        """Return a copy of all."""
        return self._things

    def part(self, count: int) -> Box:
        """Return a box of the first few."""
        return Box(*self._things[:count])

    def each(self) -> Iterator[Any]:
        """Yield all."""
        yield from self._things

    def fail(self) -> None:
        """Raise what a client knows."""
        raise LookupError("nothing there")

    def _secret(self) -> str:
        return "secret"

    def __repr__(self) -> str:
        return f"Box{tuple(self._things)}"


class BoxProxy(BaseProxy):
    """Proxies of boxes."""

    _exposed_ = ("put", "things", "_secret")

    def put_twice(self, thing: Any) -> int:
        """Put something in twice."""
        proxy: Any = self
        proxy._callmethod("put", (thing,))
        count: int = proxy._callmethod("put", (thing,))
        return count


_shared = Box("shared")


def shared_box() -> Box:
    """Return the one box of the server's."""
    return _shared


def _register(cls: Any) -> None:
    cls.register("box", Box)
    cls.register("shared_box", shared_box)
    cls.register("narrow_box", Box, exposed=("put",))
    cls.register("own_box", Box, proxytype=BoxProxy)
    cls.register("part_box", create_method=False)
    cls.register("each_of_box", proxytype=IteratorProxy, create_method=False)
    cls.register("deep_box", Box, method_to_typeid={"part": "part_box", "each": "each_of_box"})
    cls.register("noted", noted)


class HandManager(Manager):
    """Has nothing but what was registered by hand."""


class SubManager(SampleManager):
    """Has that beside the entries of a spec."""


_register(HandManager)
_register(SubManager)
