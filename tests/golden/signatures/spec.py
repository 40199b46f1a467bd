"""Every kind of parameter, default, annotation and overload."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias, TypedDict, overload

import attrs

from kinfolk import blocking, factory, hidden, manager, raises, shared, singleton, stream

if TYPE_CHECKING:
    from decimal import Decimal as Money
    from fractions import Fraction

LIMIT = 10
_PRIVATE = 5
Pairs: TypeAlias = "Sequence[tuple[str, int]]"


class Color(enum.Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    """A point."""

    x: float
    y: float = 0.0


class Options(TypedDict, total=False):
    """How it is done."""

    speed: int
    note: str


class Refused(Exception):
    """It was refused, with a code."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(code, why)
        self.code = code


class Unheard(Exception):
    """It is raised where no spec says so."""


@shared
class Parameters:
    """Parameters of every kind."""

    def none(self) -> None:
        """Do nothing."""

    def positional_only(self, a: int, b: str = "b", /) -> str:
        return b * a

    def both(self, a: int, /, b: int, *, c: int) -> tuple[int, int, int]:
        return a, b, c

    def keyword_only(self, *, key: str, other: str | None = None) -> list[str]:
        return [key] if other is None else [key, other]

    def everything(
        self, first: int, /, second: float = 2.5, *rest: bytes, third: bool = True, **more: int
    ) -> dict[str, Any]:
        return {
            "first": first,
            "second": second,
            "rest": list(rest),
            "third": third,
            "more": more,
        }

    def old_style(self, __x: int, __y: int = 1) -> int:
        return __x - __y

    def awkward(self, name: str, arguments: int, cls: int, type: str, value: int) -> str:
        return f"{name} {arguments} {cls} {type} {value}"

    def typed_like_its_name(self, int: int, Color: Color = Color.RED) -> str:
        return f"{int} {Color.name}"

    def sorts(self, *int: int, **str: str) -> int:
        return sum(int) + len(str)


@shared
class Defaults:
    """Defaults that are constants, and those that only the server can evaluate."""

    def constants(
        self,
        text: str = "a\"b'\n\\",
        data: bytes = b"\x00\xff",
        number: int = -1,
        real: float = 1e-3,
        flag: bool = False,
        pair: tuple[int, str] = (1, "one"),
        empty: tuple[int, ...] = (),
        nothing: None = None,
        color: Literal["red", "blue"] = "red",
    ) -> str:
        return repr((text, data, number, real, flag, pair, empty, nothing, color))

    def names(
        self,
        limit: int = LIMIT,
        double: int = LIMIT * 2,
        color: Color = Color.BLUE,
        point: Point = Point(1.0),
        today: dt.date = dt.date(2020, 1, 1),
        infinity: float = math.inf,
    ) -> str:
        return f"{limit} {double} {color.name} {point.x} {today} {infinity}"

    def displays(
        self,
        items: list[int] = [1, LIMIT],
        table: dict[str, int] = {"limit": LIMIT},
        names: set[str] = {"a"},
    ) -> str:
        return f"{items} {table} {names}"

    def private(self, value: int = _PRIVATE) -> int:
        return value


@shared
class Annotations:
    """Annotations as their author wrote them."""

    def checked(self, money: Money, part: Fraction | None = None) -> Money:
        return money if part is None else money * part.numerator / part.denominator

    def quoted(self, page: "dict[str, 'Color']") -> "list[Color]":
        return list(page.values())

    def annotated(self, size: Annotated[int, "in bytes"]) -> Annotated[list[str], "names", 3]:
        return ["x"] * size

    def literal(self, mode: Literal["a, b", "]", 'it\'s "so"', 3, None, True]) -> str:
        return repr(mode)

    def pairs(self, pairs: Pairs) -> Mapping[str, int]:
        return dict(pairs)

    def moment(self, at: dt.datetime, delta: dt.timedelta = dt.timedelta(hours=1)) -> dt.datetime:
        return at + delta

    def anything(self, value: Any, other: object = None) -> Any:
        return value

    def options(self, options: Options) -> Options:
        return {**options, "note": "done"}

    def a_very_long_name_of_a_method_that_wraps(
        self,
        a_long_name_of_a_parameter: dict[str, list[tuple[int, int]]],
        another_long_name_of_a_parameter: dict[str, list[tuple[int, int]]],
        flag: bool = False,
    ) -> dict[str, dict[str, list[tuple[int, int]]]]:
        return {"a": a_long_name_of_a_parameter, "b": another_long_name_of_a_parameter}


@shared
class Overloads:
    """What callers see differs from what travels."""

    @overload
    def parse(self, text: str) -> int: ...
    @overload
    def parse(self, text: str, *, strict: Literal[True]) -> int: ...
    @overload
    def parse(self, text: str, *, strict: Literal[False]) -> int | None: ...
    def parse(self, text: str, *, strict: bool = True) -> int | None:
        """Parse a number; a lax one gives None for what is none."""
        try:
            return int(text)
        except ValueError:
            if strict:
                raise
            return None

    @overload
    def __getitem__(self, key: int, /) -> str: ...
    @overload
    def __getitem__(self, key: str, /) -> int: ...
    def __getitem__(self, key: int | str, /) -> str | int:
        return str(key) if isinstance(key, int) else int(key)


@shared(concurrent=True)
class Marked:
    """Methods under decorators."""

    @blocking
    def wait(self, seconds: float = 0.0) -> bool:
        """Wait, or not."""
        return seconds == 0.0

    @hidden
    def unseen(self) -> int:
        return 1

    @stream(ahead=3)
    def squares(self, count: int) -> Iterator[int]:
        """Yield square numbers."""
        for number in range(count):
            yield number * number

    def words(self, text: str) -> Generator[str, None, None]:
        yield from text.split()

    @raises(Unheard)
    def fail(self, code: int) -> int:
        """Raise in one of three ways."""
        if code == 0:
            raise Unheard
        if code < 0:
            raise Refused(code, "negative")
        raise ValueError(code)


@shared
@attrs.define
class Fields:
    """Fields and properties, which can be read, and some can be set."""

    plain: int
    _private: int = 7
    renamed: str = attrs.field(default="r", alias="called")
    converted: float = attrs.field(default=1.5, converter=float)
    made: list[str] = attrs.field(factory=list[str], kw_only=True)
    fixed: str = attrs.field(default="fixed", on_setattr=attrs.setters.frozen)
    late: int = attrs.field(init=False, default=0)

    @property
    def double(self) -> int:
        """Twice the plain one."""
        return self.plain * 2

    @property
    def private(self) -> int:
        """What starts with an underscore is seen by nobody, unless there is a property."""
        return self._private

    @private.setter
    def private(self, value: int) -> None:
        self._private = value

    @property
    def either(self) -> str:
        return str(self.plain)

    @either.setter
    def either(self, value: int | str) -> None:
        self.plain = int(value)


@shared
@attrs.frozen
class Frozen:
    """No field can be set."""

    number: int = 1
    words: tuple[str, ...] = ()


@manager
class Signatures:
    """One of each."""

    parameters = singleton(Parameters)
    defaults = singleton(Defaults)
    annotations = singleton(Annotations)
    overloads = singleton(Overloads)
    marked = singleton(Marked)
    fields = factory(Fields)
    frozen = factory(Frozen)
