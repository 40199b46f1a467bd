"""A town, in the newer of two versions: see `older`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TypedDict

import attrs

from kinfolk import factory, manager, shared, singleton
from kinfolk.types import Dict, RLock


class Color(enum.Enum):
    """Gains a member."""

    GREEN = 3
    RED = 1
    BLUE = 2


@attrs.frozen
class Page:
    """Gains a field with a default."""

    url: str
    status: int = 200


@attrs.frozen
class Parcel:
    """Gains a field without a default."""

    name: str
    weight: int


@attrs.frozen
class Stack:
    """Has a class within that differs."""

    parcels: list[Parcel] = attrs.field(factory=list[Parcel])


class Options(TypedDict, total=False):
    """Gains a key that may be left out."""

    size: int
    on: int


@shared
@attrs.define
class Town:
    """Answers with what it was given, in a newer way."""

    motto: str = "new"
    mayor: int = 7

    def added(self) -> str:
        """Be added."""
        return "new"

    def friend(self, other: Town) -> Town:
        """Take and return a shared object whose class differs in other members."""
        return other

    def streams(self) -> list[int]:
        """Return a list."""
        return [1]

    def pick(self, it: Options) -> str:
        """Take options."""
        return f"new {it}"

    def take_color(self, color: Color) -> str:
        """Take a color."""
        return f"new {color.name}"

    def color(self) -> Color:
        """Return a color."""
        return Color.RED

    def take_parcels(self, stack: Stack | None) -> str:
        """Take parcels."""
        return f"new {stack}"

    def parcel(self) -> Parcel:
        """Return a parcel."""
        return Parcel("new", 1)

    def pages(self) -> Iterator[Page]:
        """Yield pages."""
        yield from [Page("new 1"), Page("new 2")]

    def take_page(self, page: Page) -> str:
        """Take a page."""
        return f"new {page.url} {page.status}"

    def page(self) -> Page:
        """Return a page."""
        return Page("new")

    def needs(self, words: list[str]) -> str:
        """Have no default any more."""
        return f"new {words}"

    def returns(self) -> str:
        """Return something else."""
        return "1"

    def retyped_default(self, count: str = "one") -> str:
        """Take something else."""
        return f"new {count}"

    def retyped(self, count: str) -> str:
        """Take something else."""
        return f"new {count}"

    def loses_rest(self, a: int) -> str:
        """Take less."""
        return f"new {a}"

    def loses_first(self, b: int) -> str:
        """Take less."""
        return f"new {b}"

    def loses(self, a: int) -> str:
        """Take less."""
        return f"new {a}"

    def push(self, url: str, *, priority: int = 0) -> str:
        """Take more."""
        return f"new {url} {priority}"

    def same(self, number: int) -> int:
        """Stay where it is not."""
        return number


@manager
class Towns:
    """All towns, and more."""

    found = factory(Town)
    built = factory(Town)
    opened = singleton(RLock)
    parcels = singleton(Dict[str, Parcel])
    numbers = singleton(Dict[str, str])
    town = singleton(Town)
