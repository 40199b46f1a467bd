"""Names that clash, names under aliases, and names that are not English."""

from __future__ import annotations

import typing as t
from enum import Enum

import attrs

import golden.names.right as other
from golden.names.left import Page, Table
from golden.names.left import Proxy as Relay
from golden.names.left import list as strange
from golden.names.right import Page as RightPage
from golden.names.right import TimeoutError as Late
from kinfolk import factory, manager, shared, singleton

T = t.TypeVar("T")
_Url: t.TypeAlias = str


@attrs.frozen
class Generic:
    """A value with the name of a typing construct."""

    number: int


@attrs.frozen
class Größe:
    """Eine Größe."""

    wert: float


class _State(Enum):
    ON = 1
    OFF = 2


@shared
class Manager:
    """A shared class with the name of a base."""

    def pages(self, left: Page, right: RightPage) -> tuple[Page, RightPage]:
        """Return the values as they came."""
        return left, right

    def qualified(self, page: other.Page) -> other.Outer.Inner:
        return other.Outer.Inner(len(page.right))

    def relay(self, relay: Relay, table: Table) -> Relay:
        return Relay(relay.host * table.rows)

    def generic(self, value: Generic, many: list[Generic]) -> t.Sequence[int]:
        return [value.number, *(item.number for item in many)]

    def url(self, url: _Url, state: _State = _State.ON) -> t.Optional[_Url]:
        return url if state is _State.ON else None

    def strange(self, mode: strange = strange.SHORT) -> strange:
        """Take something that is called like a builtin where it is defined."""
        return mode

    def late(self) -> None:
        """Raise an error with the name of a builtin one."""
        raise Late("late")


@shared
class Größenwächter:
    """Bewacht Größen."""

    def miß(self, größe: Größe, *, maß: float = 1.0) -> Größe:
        """Return the Größe, multiplied."""
        return Größe(größe.wert * maß)


@shared
class Proxy(t.Generic[T]):
    """A generic one with the name of the library's own base."""

    def __init__(self) -> None:
        self._held: T | None = None

    def swap(self, thing: T) -> T | None:
        before, self._held = self._held, thing
        return before


@manager
class Names:
    """Names of all sorts."""

    manager = singleton(Manager)
    proxy = singleton(Proxy[Page])
    wächter = factory(Größenwächter)


@manager
class Second:
    """Another manager in the same spec."""

    manager = singleton(Manager)
