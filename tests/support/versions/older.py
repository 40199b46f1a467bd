"""A town, in the older of two versions: see `newer`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TypedDict

import attrs

from kinfolk import factory, manager, shared, singleton
from kinfolk.types import Dict


class Color(enum.Enum):
    """Gains a member."""

    RED = 1
    BLUE = 2


@attrs.frozen
class Page:
    """Gains a field with a default."""

    url: str


@attrs.frozen
class Parcel:
    """Gains a field without a default."""

    name: str


@attrs.frozen
class Stack:
    """Has a class within that differs."""

    parcels: list[Parcel] = attrs.field(factory=list[Parcel])


class Options(TypedDict, total=False):
    """Gains a key that may be left out."""

    size: int


@shared
@attrs.define
class Town:
    """Answers with what it was given."""

    mayor: str = "Ann"
    motto: str = "old"

    def same(self, number: int) -> int:
        """Stay as it is, but for its documentation and its place."""
        return number

    def push(self, url: str) -> str:
        """Gain a parameter with a default."""
        return f"old {url}"

    def loses(self, a: int, b: int = 0) -> str:
        """Lose a parameter with a default."""
        return f"old {a} {b}"

    def loses_first(self, a: int, b: int) -> str:
        """Lose a parameter that had to be given."""
        return f"old {a} {b}"

    def loses_rest(self, a: int, *rest: int, **more: int) -> str:
        """Lose what takes any number of arguments."""
        return f"old {a} {rest} {more}"

    def retyped(self, count: int) -> str:
        """Change the type of its parameter."""
        return f"old {count}"

    def retyped_default(self, count: int = 1) -> str:
        """Change the type of a parameter with a default."""
        return f"old {count}"

    def returns(self) -> int:
        """Change the type of its result."""
        return 1

    def needs(self, words: list[str] = ["by", "default"]) -> str:  # noqa: B006
        """Have a default for what has to be given later."""
        return f"old {words}"

    def page(self) -> Page:
        """Return a page."""
        return Page("old")

    def take_page(self, page: Page) -> str:
        """Take a page."""
        return f"old {page.url}"

    def pages(self) -> Iterator[Page]:
        """Yield pages."""
        yield from [Page("old 1"), Page("old 2")]

    def parcel(self) -> Parcel:
        """Return a parcel."""
        return Parcel("old")

    def take_parcels(self, stack: Stack | None) -> str:
        """Take parcels."""
        return f"old {stack}"

    def color(self) -> Color:
        """Return a color."""
        return Color.RED

    def take_color(self, color: Color) -> str:
        """Take a color."""
        return f"old {color.name}"

    def pick(self, it: Options) -> str:
        """Take options."""
        return f"old {it}"

    def streams(self) -> Iterator[int]:
        """Return a list later."""
        yield 1

    def friend(self, other: Town) -> Town:
        """Take and return a shared object whose class differs in other members."""
        return other

    def removed(self) -> str:
        """Be removed."""
        return "old"


@manager
class Towns:
    """All towns."""

    town = singleton(Town)
    numbers = singleton(Dict[str, int])
    closed = singleton(Dict[str, int])
    parcels = singleton(Dict[str, Parcel])
    found = factory(Town)
