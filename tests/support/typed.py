"""Random types with random values of them, and an oracle that says which value is of which type.

The oracle knows nothing of the codec: it reads declared types as a type checker would.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import types
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum, auto
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import (
    Any,
    Generic,
    Literal,
    NamedTuple,
    NotRequired,
    TypedDict,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

import attrs
from hypothesis import strategies as st
from typing_extensions import is_typeddict

__all__ = ["VALUES", "Typed", "conforms", "portrait", "typed"]

T = TypeVar("T")

# --- Classes that values are of


class Color(Enum):
    """An enumeration whose values could be nothing else on the wire."""

    RED = (255, 0, 0)
    GREEN = "green"
    BLUE = None


class Size(IntEnum):
    """An enumeration of integers."""

    SMALL = 1
    LARGE = 2


class Word(StrEnum):
    """An enumeration of texts."""

    YES = auto()
    NO = auto()


class Access(Flag):
    """A set of bits."""

    READ = auto()
    WRITE = auto()
    RUN = auto()


@attrs.frozen
class Page:
    """An attrs class as specs have them."""

    url: str
    status: int = 0


@attrs.define
class Archive(Page):
    """A class derived from it."""

    days: float = attrs.field(default=0.0, kw_only=True)


@attrs.define
class Box(Generic[T]):
    """A generic attrs class with a private field and one that its constructor does not take."""

    _inside: T
    label: str = attrs.field(default="", alias="title")
    opened: int = attrs.field(default=0, init=False)


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: float
    y: float = 0
    name: str = dataclasses.field(default="", kw_only=True)


class Pair(NamedTuple):
    """A named tuple."""

    left: int
    right: str | None = None


class Options(TypedDict):
    """A dict of which one key may be left out."""

    depth: int
    name: NotRequired[str]


VALUES: tuple[type, ...] = (Page, Archive, Box, Point, Pair, Color, Size, Word, Access)

# --- Types and their values


@attrs.frozen
class Typed:
    """A declared type and its values; `key` says that those can be in a set."""

    declared: Any
    values: st.SearchStrategy[Any] = attrs.field(repr=False)
    key: bool = True


def _opened(box: Box[Any], times: int) -> Box[Any]:
    box.opened = times
    return box


_zones = st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "UTC"]).map(zoneinfo.ZoneInfo)
_offsets = st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23))
_timezones = st.builds(dt.timezone, _offsets) | st.builds(
    dt.timezone, _offsets, st.text(max_size=3)
)
_zoned = st.none() | _zones | _timezones | st.just(dt.UTC)
_datetimes = st.builds(
    lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold),
    st.datetimes(),
    _zoned,
    st.sampled_from([0, 1]),
)
_times = st.builds(
    lambda time, zone, fold: time.replace(tzinfo=zone, fold=fold),
    st.times(),
    st.none() | _timezones | _zones,
    st.sampled_from([0, 1]),
)
_ints = st.integers() | st.integers(-(2**70), 2**70)
_floats = st.floats()
_names = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=5)
_ranges = st.builds(range, _ints, _ints, _ints.filter(bool))
_paths = st.lists(_names, max_size=3).map(lambda parts: Path(*parts))

# Enumerations that are also texts or numbers would do as values of those, and change.
_LEAVES: list[Typed] = [
    Typed(None, st.none()),
    Typed(bool, st.booleans()),
    Typed(int, _ints),
    Typed(float, _floats),
    Typed(str, st.text(max_size=5)),
    Typed(bytes, st.binary(max_size=5)),
    Typed(bytearray, st.binary(max_size=5).map(bytearray), key=False),
    Typed(memoryview, st.binary(max_size=5).map(memoryview)),
    Typed(complex, st.complex_numbers()),
    Typed(Decimal, st.decimals(allow_nan=None).filter(lambda d: not d.is_snan())),
    Typed(Fraction, st.fractions()),
    Typed(range, _ranges),
    Typed(slice, st.builds(slice, _ints, st.none() | _ints), key=False),
    Typed(Path, _paths),
    Typed(PurePosixPath, st.lists(_names, max_size=2).map(lambda parts: PurePosixPath(*parts))),
    Typed(PureWindowsPath, _names.map(PureWindowsPath)),
    Typed(dt.datetime, _datetimes),
    Typed(dt.date, st.dates()),
    Typed(dt.time, _times),
    Typed(dt.timedelta, st.timedeltas()),
    Typed(dt.timezone, _timezones),
    Typed(zoneinfo.ZoneInfo, _zones),
    Typed(UUID, st.uuids()),
    Typed(Color, st.sampled_from(Color)),
    Typed(Size, st.sampled_from(Size)),
    Typed(Word, st.sampled_from(Word)),
    Typed(Access, st.sampled_from(range(8)).map(Access)),
    Typed(Literal["a", 5], st.sampled_from(["a", 5])),
    Typed(Literal[Color.RED, True, b"x"], st.sampled_from([Color.RED, True, b"x"])),
    Typed(Page, st.builds(Page, st.text(max_size=3), _ints)),
    Typed(Archive, st.builds(Archive, st.text(max_size=3), _ints, days=_floats), key=False),
    Typed(Point, st.builds(Point, _floats, _floats, name=st.text(max_size=3)), key=False),
    Typed(Pair, st.builds(Pair, _ints, st.none() | st.text(max_size=3))),
    Typed(
        Options,
        st.fixed_dictionaries({"depth": _ints}, optional={"name": st.text(max_size=3)}),
        key=False,
    ),
]


def _of(cls: Any, *arguments: Any) -> Any:
    """Subscribe a class with types that are known only now."""
    return types.GenericAlias(cls, arguments)


def _list(item: Typed) -> Typed:
    return Typed(_of(list, item.declared), st.lists(item.values, max_size=3), key=False)


def _var_tuple(item: Typed) -> Typed:
    values = st.lists(item.values, max_size=3).map(tuple)
    return Typed(_of(tuple, item.declared, ...), values, key=item.key)


def _deque(item: Typed) -> Typed:
    values: st.SearchStrategy[Any] = st.builds(
        deque,
        st.lists(item.values, max_size=3),
        st.none() | st.integers(3, 5),
    )
    return Typed(_of(deque, item.declared), values, key=False)


def _box(item: Typed) -> Typed:
    values = st.builds(_opened, st.builds(Box, item.values, st.text(max_size=2)), _ints)
    return Typed(_of(Box, item.declared), values, key=False)


def _sequence(item: Typed) -> Typed:
    values = _list(item).values | _var_tuple(item).values
    return Typed(_of(Sequence, item.declared), values, key=False)


def _iterable(item: Typed) -> Typed:
    values = _list(item).values | _var_tuple(item).values | _deque(item).values
    return Typed(_of(Iterable, item.declared), values, key=False)


def _set(item: Typed) -> Typed:
    return Typed(_of(set, item.declared), st.lists(item.values, max_size=3).map(set), key=False)


def _frozenset(item: Typed) -> Typed:
    return Typed(_of(frozenset, item.declared), st.lists(item.values, max_size=3).map(frozenset))


def _abstract_set(item: Typed) -> Typed:
    values = _set(item).values | _frozenset(item).values
    return Typed(_of(AbstractSet, item.declared), values, key=False)


def _collection(item: Typed) -> Typed:
    values = _abstract_set(item).values | _sequence(item).values
    return Typed(_of(Collection, item.declared), values, key=False)


def _counter(item: Typed) -> Typed:
    values = st.dictionaries(item.values, _ints, max_size=3).map(Counter)
    return Typed(_of(Counter, item.declared), values, key=False)


def _dict(key: Typed, value: Typed) -> Typed:
    values = st.dictionaries(key.values, value.values, max_size=3)
    return Typed(_of(dict, key.declared, value.declared), values, key=False)


def _mapping(key: Typed, value: Typed) -> Typed:
    return Typed(_of(Mapping, key.declared, value.declared), _dict(key, value).values, key=False)


def _ordered(key: Typed, value: Typed) -> Typed:
    values = _dict(key, value).values.map(OrderedDict)
    return Typed(_of(OrderedDict, key.declared, value.declared), values, key=False)


def _default(key: Typed, value: Typed) -> Typed:
    values: st.SearchStrategy[Any] = st.builds(
        defaultdict,
        st.sampled_from([None, int, list, str]),
        _dict(key, value).values,
    )
    return Typed(_of(defaultdict, key.declared, value.declared), values, key=False)


def _tuple(items: list[Typed]) -> Typed:
    return Typed(
        _of(tuple, *(item.declared for item in items)),
        st.tuples(*(item.values for item in items)),
        key=all(item.key for item in items),
    )


def _union(members: list[Typed]) -> Typed:
    return Typed(
        Union[tuple(member.declared for member in members)],  # noqa: UP007 - so many
        st.one_of([member.values for member in members]),
        key=all(member.key for member in members),
    )


def _any(members: list[Typed]) -> Typed:
    union = _union(members)
    return Typed(Any, union.values, key=union.key)


_OF_ONE = [_list, _var_tuple, _deque, _box, _sequence, _iterable]
_OF_KEYS = [_set, _frozenset, _abstract_set, _collection, _counter]
_OF_TWO = [_dict, _mapping, _ordered, _default]
_OF_SOME = [_tuple, _union, _any]
_KEYS = [each for each in _LEAVES if each.key]


@st.composite
def typed(draw: st.DrawFn, depth: int = 2, keys: bool = False) -> Typed:
    """Return a random type with its values.

    Args:
        draw: Given by Hypothesis.
        depth: How deep it may be nested.
        keys: Whether its values must be such as can be in a set.
    """
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(_KEYS if keys else _LEAVES))
    inner = typed(depth - 1, keys)
    some = draw(st.sampled_from(_OF_SOME))(draw(st.lists(inner, min_size=1, max_size=3)))
    if keys:
        return draw(st.sampled_from([some, _var_tuple(draw(inner)), _frozenset(draw(inner))]))
    key = draw(typed(depth - 1, True))
    return draw(
        st.sampled_from(
            [
                some,
                draw(st.sampled_from(_OF_ONE))(draw(inner)),
                draw(st.sampled_from(_OF_KEYS))(key),
                draw(st.sampled_from(_OF_TWO))(key, draw(inner)),
            ]
        )
    )


# --- What values look like


def portrait(value: Any) -> Any:
    """Return what tells a value from any other, its class and those of its parts included."""
    cls = type(value)
    if cls in {list, tuple, deque} or isinstance(value, Pair):
        return cls, getattr(value, "maxlen", None), [portrait(each) for each in value]
    if cls in {set, frozenset}:
        return cls, sorted(map(repr, map(portrait, value)))
    if isinstance(value, dict):
        items = [(portrait(key), portrait(each)) for key, each in value.items()]
        # A TypedDict's keys arrive in the order of their declaration.
        return cls, getattr(value, "default_factory", None), sorted(items, key=repr)
    if attrs.has(cls):
        names = [a.name for a in attrs.fields(cls)]
        return cls, [portrait(getattr(value, name)) for name in names]
    if cls is memoryview:
        return cls, value.tobytes()
    if isinstance(value, BaseException):
        return cls, portrait(value.args), portrait(vars(value))
    return cls, repr(value), getattr(value, "fold", None)


# --- What a type checker would say

_WIDENED: dict[Any, tuple[type, ...]] = {
    int: (int,),
    float: (float, int),
    complex: (complex, float, int),
}


def conforms(value: Any, declared: Any, *, given: bool = False) -> bool:
    """Return whether a value is of a declared type; as one that is `given`, or that arrives.

    Any iterable can be given where one is declared, and its items arrive in a list.
    """
    if declared is Any:
        return True
    if declared is None or declared is type(None):
        return value is None
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in {Union, types.UnionType}:
        return any(conforms(value, member, given=given) for member in arguments)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in arguments)
    if is_typeddict(declared):
        return _conforms_to_options(value)
    if origin is None:
        return _is_of(value, declared)
    return isinstance(value, origin) and _holds(value, origin, arguments, given)


def _holds(value: Any, origin: Any, arguments: tuple[Any, ...], given: bool) -> bool:
    """Return whether what an instance of a generic class holds is of the types declared."""
    fits = partial(conforms, given=given)
    if origin is Box:
        return (
            fits(value._inside, arguments[0])
            and isinstance(value.label, str)
            and isinstance(value.opened, int)
        )
    if origin in {Sequence, Collection, Iterable}:
        if isinstance(value, range):
            return arguments[0] in {int, float, complex, Any}
        # Not a text or a dict, though a checker would take those.
        known = isinstance(value, list | tuple | deque | set | frozenset)
        return (known or (given and origin is Iterable)) and all(
            fits(each, arguments[0]) for each in value
        )
    if isinstance(value, Mapping):
        key, item = (*arguments, int)[:2]
        return all(fits(k, key) and fits(v, item) for k, v in value.items())
    if origin is tuple and arguments[1:] != (...,):
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    return all(fits(each, arguments[0]) for each in value)


_FIELDS: dict[type, dict[str, Any]] = {
    Page: {"url": str, "status": int},
    Archive: {"url": str, "status": int, "days": float},
    Point: {"x": float, "y": float, "name": str},
    Pair: {"left": int, "right": str | None},
}


def _is_of(value: Any, declared: type) -> bool:
    if not isinstance(value, _WIDENED.get(declared, (declared,))):
        return False
    return all(
        conforms(getattr(value, name), each) for name, each in _FIELDS.get(declared, {}).items()
    )


def _conforms_to_options(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) - {"name"} == {"depth"}
        and conforms(value["depth"], int)
        and conforms(value.get("name", ""), str)
    )
