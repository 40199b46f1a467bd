"""Members whose names mean something else elsewhere in the generated file."""

import builtins
import datetime as dt
import typing
from collections.abc import Iterator

import attrs

from kinfolk import factory, manager, shared, singleton


@attrs.frozen
class Page:
    """A page."""

    url: str


@shared
class Builtins:
    """Methods named like builtins."""

    def __init__(self) -> None:
        self._values: builtins.dict[builtins.str, builtins.int] = {}

    def set(self, key: builtins.str, value: builtins.int) -> builtins.set[builtins.str]:
        """Keep a number; return the names of all."""
        self._values[key] = value
        return builtins.set(self._values)

    def list(self) -> builtins.list[builtins.int]:
        return builtins.list(self._values.values())

    def dict(self) -> builtins.dict[builtins.str, builtins.int]:
        return self._values

    def int(self, text: builtins.str) -> builtins.int:
        return builtins.int(text)

    def str(self, number: builtins.int) -> builtins.str:
        return builtins.str(number)

    def type(self, value: builtins.object) -> builtins.str:
        return builtins.type(value).__name__

    def object(self) -> builtins.object:
        return None

    def bool(self) -> builtins.bool:
        return True

    def tuple(self, *items: builtins.int) -> builtins.tuple[builtins.int, ...]:
        return items

    def __contains__(self, key: builtins.object) -> builtins.bool:
        return key in self._values


@shared
class Property:
    """A property called `property`, and modules' names."""

    def __init__(self) -> None:
        self._value = 1

    @property
    def value(self) -> int:
        return self._value

    @value.setter
    def value(self, value: int) -> None:
        self._value = value

    @builtins.property
    def builtins(self) -> str:
        return "builtins"

    @property
    def property(self) -> int:
        return 2

    def typing(self) -> list[int]:
        return [1]

    def collections(self) -> Iterator[int]:
        yield 1

    def golden(self) -> Page:
        return Page("golden")

    def kinfolk(self) -> str:
        return "kinfolk"

    def overload(self) -> str:
        return "overload"

    def TypeVar(self) -> str:
        return "TypeVar"

    def Iterator(self, page: Page) -> Page:
        return page

    def Page(self) -> int:
        return 3


@shared
class Myself:
    """A method with the name of a type that every spec may use."""

    def __init__(self) -> None:
        self.calls = 0

    def Self(self) -> typing.Self:
        """Return the object itself."""
        self.calls += 1
        return self

    def count(self) -> int:
        return self.calls


@shared
@attrs.define
class Fields:
    """Fields named like their types."""

    date: dt.date
    datetime: dt.datetime | None = None
    float: builtins.float = 1.0

    def shifted(self, days: int) -> "Fields":
        """Return another one, some days later."""
        return Fields(self.date + dt.timedelta(days), self.datetime, self.float)


@manager
class Shadows:
    """Entries named like builtins."""

    dict = singleton(Builtins)
    list = singleton(Property)
    str = factory(Fields)
    golden = factory(Builtins)
    set = singleton(Myself)
