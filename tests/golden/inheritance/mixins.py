"""Classes that a spec inherits from and that are not shared themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

import attrs

from golden.inheritance.values import Stamp
from kinfolk.declare import mixin

T = TypeVar("T")


class Timed:
    """Counts its uses."""

    uses = 0

    def touch(self, by: timedelta = timedelta(seconds=1)) -> Stamp:
        """Use it."""
        self.uses += 1
        return Stamp(self.uses, by.total_seconds())


class Holder(Generic[T]):
    """Holds one thing."""

    held: T | None = None

    def hold(self, thing: T) -> T | None:
        before, self.held = self.held, thing
        return before


@attrs.define
class Named:
    """Has a name."""

    name: str
    """What it is called."""

    def rename(self, name: str) -> str:
        before, self.name = self.name, name
        return before


class Sounding(Protocol):
    def sound(self) -> str: ...


@mixin
class Choir:
    """Runs where it is called, and so can take functions."""

    def sung(self: Sounding, sing: Callable[[str], T]) -> T:
        """Return what is made of the sound."""
        return sing(self.sound())
