"""Random types with random values of them, and an oracle that says which value is of which type.

The oracle knows nothing of the codec: it reads declared types as a type checker would.
"""

from __future__ import annotations

import dataclasses
import datetime
import types
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum, auto
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Generic, Literal, NamedTuple, TypeVar, Union, get_args, get_origin
from uuid import UUID

import attrs
from hypothesis import strategies as st
from typing_extensions import NotRequired, TypedDict, is_typeddict

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
_offsets = st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23))
_timezones = st.builds(datetime.timezone, _offsets) | st.builds(
    datetime.timezone, _offsets, st.text(max_size=3)
)
_zoned = st.none() | _zones | _timezones | st.just(datetime.UTC)
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
    Typed(datetime.datetime, _datetimes),
    Typed(datetime.date, st.dates()),
    Typed(datetime.time, _times),
    Typed(datetime.timedelta, st.timedeltas()),
    Typed(datetime.timezone, _timezones),
    Typed(zoneinfo.ZoneInfo, _zones),
    Typed(UUID, st.uuids()),
    Typed(Color, st.sampled_from(Color)),
    Typed(Size, st.sampled_from(Size)),
    Typed(Word, st.sampled_from(Word)),
    Typed(Access, st.sampled_from(range(8)).map(Access)),
    Typed(Literal["a", 5, None], st.sampled_from(["a", 5, None])),
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


def _list(item: Typed) -> Typed:
    return Typed(list[item.declared], st.lists(item.values, max_size=3), key=False)


def _tuple(items: list[Typed]) -> Typed:
    return Typed(
        tuple.__class_getitem__(tuple(item.declared for item in items)),
        st.tuples(*(item.values for item in items)),
        key=all(item.key for item in items),
    )


def _var_tuple(item: Typed) -> Typed:
    return Typed(
        tuple[item.declared, ...], st.lists(item.values, max_size=3).map(tuple), key=item.key
    )


def _deque(item: Typed) -> Typed:
    values = st.builds(deque, st.lists(item.values, max_size=3), st.none() | st.integers(3, 5))
    return Typed(deque[item.declared], values, key=False)


def _box(item: Typed) -> Typed:
    values = st.builds(_opened, st.builds(Box, item.values, st.text(max_size=2)), _ints)
    return Typed(Box[item.declared], values, key=False)


def _sequence(item: Typed) -> Typed:
    values = _list(item).values | _var_tuple(item).values
    return Typed(Sequence[item.declared], values, key=False)


def _iterable(item: Typed) -> Typed:
    values = _list(item).values | _var_tuple(item).values | _deque(item).values
    return Typed(Iterable[item.declared], values, key=False)


def _set(item: Typed) -> Typed:
    return Typed(set[item.declared], st.lists(item.values, max_size=3).map(set), key=False)


def _frozenset(item: Typed) -> Typed:
    return Typed(frozenset[item.declared], st.lists(item.values, max_size=3).map(frozenset))


def _abstract_set(item: Typed) -> Typed:
    values = _set(item).values | _frozenset(item).values
    return Typed(AbstractSet[item.declared], values, key=False)


def _collection(item: Typed) -> Typed:
    values = _abstract_set(item).values | _sequence(item).values
    return Typed(Collection[item.declared], values, key=False)


def _counter(item: Typed) -> Typed:
    values = st.dictionaries(item.values, _ints, max_size=3).map(Counter)
    return Typed(Counter[item.declared], values, key=False)


def _dict(key: Typed, value: Typed) -> Typed:
    values = st.dictionaries(key.values, value.values, max_size=3)
    return Typed(dict[key.declared, value.declared], values, key=False)


def _mapping(key: Typed, value: Typed) -> Typed:
    return Typed(Mapping[key.declared, value.declared], _dict(key, value).values, key=False)


def _ordered(key: Typed, value: Typed) -> Typed:
    values = _dict(key, value).values.map(OrderedDict)
    return Typed(OrderedDict[key.declared, value.declared], values, key=False)


def _default(key: Typed, value: Typed) -> Typed:
    factories = st.sampled_from([None, int, list, str])
    values = st.builds(defaultdict, factories, _dict(key, value).values)
    return Typed(defaultdict[key.declared, value.declared], values, key=False)


def _union(members: list[Typed]) -> Typed:
    return Typed(
        Union[tuple(member.declared for member in members)],
        st.one_of([member.values for member in members]),
        key=all(member.key for member in members),
    )


def _any(members: list[Typed]) -> Typed:
    union = _union(members)
    return Typed(Any, union.values, key=union.key)


def _extended(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    keys = inner.filter(lambda each: each.key)
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        *(inner.map(make) for make in (_list, _var_tuple, _deque, _box, _sequence, _iterable)),
        *(keys.map(make) for make in (_set, _frozenset, _abstract_set, _collection, _counter)),
        *(st.builds(make, keys, inner) for make in (_dict, _mapping, _ordered, _default)),
        *(some.map(make) for make in (_tuple, _union, _any)),
    )


def typed(leaves: int = 4) -> st.SearchStrategy[Typed]:
    """Return random types, each with its values.

    Args:
        leaves: How large they may become.
    """
    return st.recursive(st.sampled_from(_LEAVES), _extended, max_leaves=leaves)


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


def conforms(value: Any, declared: Any) -> bool:
    """Return whether a value is of a declared type."""
    if declared is Any:
        return True
    if declared is None or declared is type(None):
        return value is None
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in {Union, types.UnionType}:
        return any(conforms(value, member) for member in arguments)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in arguments)
    if is_typeddict(declared):
        return _conforms_to_options(value)
    if origin is None:
        return _is_of(value, declared)
    if origin is Box:
        inner = conforms(value._inside, arguments[0]) if isinstance(value, Box) else False
        return inner and isinstance(value.label, str) and isinstance(value.opened, int)
    if not isinstance(value, origin):
        return False
    if origin in {Sequence, Collection, Iterable}:
        # Not a text or a dict, though a checker would take those.
        if isinstance(value, range):
            return arguments[0] in {int, float, complex, Any}
        if not isinstance(value, list | tuple | deque | set | frozenset):
            return False
    if origin is tuple and arguments[1:] != (...,):
        return len(value) == len(arguments) and all(map(conforms, value, arguments))
    if isinstance(value, Mapping):
        entry = (*arguments, int)[:2] if issubclass(origin, Counter | Mapping) else arguments
        return all(
            conforms(key, entry[0]) and (len(entry) == 1 or conforms(each, entry[1]))
            for key, each in value.items()
        )
    return all(conforms(each, arguments[0]) for each in value)


def _is_of(value: Any, declared: type) -> bool:
    if not isinstance(value, _WIDENED.get(declared, (declared,))):
        return False
    fields: dict[str, Any] = {
        Page: {"url": str, "status": int},
        Archive: {"url": str, "status": int, "days": float},
        Point: {"x": float, "y": float, "name": str},
        Pair: {"left": int, "right": str | None},
    }.get(declared, {})
    return all(conforms(getattr(value, name), each) for name, each in fields.items())


def _conforms_to_options(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) - {"name"} == {"depth"}
        and conforms(value["depth"], int)
        and conforms(value.get("name", ""), str)
    )
