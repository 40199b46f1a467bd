"""The codec of values that are no objects: what each family of types does, by example."""

from __future__ import annotations

import datetime as dt
import enum
import types
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    AnyStr,
    Literal,
    LiteralString,
    NamedTuple,
    Never,
    NewType,
    NoReturn,
    NotRequired,
    Required,
    TypedDict,
    TypeVar,
)
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pytest
from support.channels import kinfolks_own
from typing_extensions import Buffer, ReadOnly, TypeAliasType

from kinfolk.declare import shared
from kinfolk.wire.codec import NESTING_LIMIT, NO_REFERENCES, Codecs, Mismatch
from kinfolk.wire.references import Reference
from kinfolk.wire.shared import SharedType

BIG = 2**70


def encode(declared: object, value: object, *values: type) -> bytes:
    """Encode a value of a declared type."""
    return Codecs(values).codec(declared).encode(value, NO_REFERENCES)


def decode(declared: object, message: bytes, *values: type) -> Any:
    """Decode a value of a declared type."""
    return Codecs(values).codec(declared).decode(message, NO_REFERENCES)


def travel(declared: object, value: object, *values: type) -> Any:
    """Return what arrives for a value of a declared type."""
    return decode(declared, encode(declared, value, *values), *values)


def assert_same(declared: object, value: object, *values: type) -> None:
    """Assert that a value arrives equal and of its class."""
    arrived = travel(declared, value, *values)
    assert arrived == value
    assert type(arrived) is type(value)


def refusal(declared: object, value: object, *values: type) -> str:
    """Return with which words a value is refused before it is sent."""
    with pytest.raises(Mismatch) as caught:
        encode(declared, value, *values)
    return str(caught.value)


def refusal_of_message(declared: object, content: object, *values: type) -> str:
    """Return with which words a message is refused that holds something else."""
    with pytest.raises(Mismatch) as caught:
        decode(declared, msgspec.msgpack.encode(content), *values)
    return str(caught.value)


class Color(enum.Enum):
    """Values that nothing on the wire could be."""

    RED = (255, 0, 0)
    GREEN = object()


class Word(enum.StrEnum):
    """Members that are texts."""

    YES = "yes"


class Access(enum.Flag):
    """Bits."""

    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    """A named tuple."""

    left: int
    right: str = ""


Options = TypedDict("Options", {"depth": int, "with-name": NotRequired[str]})


class Partial(TypedDict, total=False):
    """A dict of which most keys may be left out."""

    depth: int
    name: Required[str]
    kind: ReadOnly[str]


UserId = NewType("UserId", int)
Bound = TypeVar("Bound", bound=int)
Free = TypeVar("Free")
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | float | bool | None")
Item = TypeVar("Item")
Tree = TypeAliasType("Tree", "Item | list[Tree[Item]]", type_params=(Item,))

# --- What arrives


class Startled(set[object]):
    """A set in whose `add` a signal handler raises, once it is done."""

    def add(self, element: object, /) -> None:
        """Add it, and raise."""
        super().add(element)
        raise InterruptedError


def test_an_interrupted_compilation_can_be_made_again() -> None:
    """A type whose first use was cut short works at its second."""
    codecs = Codecs()
    codecs._compiler._under_way = Startled()
    with pytest.raises(InterruptedError):
        codecs.codec(list[str])
    codecs._compiler._under_way = set(codecs._compiler._under_way)
    codec = codecs.codec(list[str])
    assert codec.decode(codec.encode(["a"], NO_REFERENCES), NO_REFERENCES) == ["a"]


@pytest.mark.parametrize("value", [0, -1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, BIG, -BIG, True])
def test_integers_have_any_size(value: int) -> None:
    """Integers beyond 64 bits travel as other integers do, in every place; so do truth values."""
    for declared, each in (
        (int, value),
        (float, value),
        (complex, value),
        (int | None, value),
        (list[int], [1, value]),
        (set[int], {value}),
        (dict[int, int], {value: value}),
        (tuple[int, ...], (value,)),
        (Any, [value, {value: (value,)}]),
    ):
        assert_same(declared, each)
    arrived = travel(list[int], [value])
    assert type(arrived[0]) is type(value)


def test_a_subclass_of_a_builtin_arrives_as_the_builtin() -> None:
    """Where a builtin is declared, an instance of a class derived from it arrives as its base."""
    assert type(travel(str, Word.YES)) is str
    assert travel(tuple[int, str], Pair(1, "x")) == (1, "x")
    assert type(travel(tuple[int, str], Pair(1, "x"))) is tuple
    assert type(travel(dict[str, int], Counter("a"))) is dict
    assert type(travel(list[int], type("Own", (list,), {})([1]))) is list


def test_enumerations_travel_by_name() -> None:
    """Members arrive as the very members, whatever their values; combined flags as combined."""
    assert travel(Color, Color.GREEN) is Color.GREEN
    assert travel(Word | str, Word.YES) is Word.YES
    assert travel(Word | str, "yes") == "yes"
    assert travel(Access, Access.READ | Access.WRITE) is Access.READ | Access.WRITE
    assert refusal(Color, "RED") == "must be Color, not str"
    assert refusal_of_message(Color, "BLUE") == "must be Color, not 'BLUE'"
    assert refusal_of_message(Access, 8) == "must be Access, not 8"


def test_literals_hold_their_very_values() -> None:
    """A Literal accepts its values and none that merely equal them."""
    declared = Literal[1, "a", Color.RED, b"x", False]
    for value in (1, "a", Color.RED, b"x", False):
        assert_same(declared, value)
    assert refusal(declared, True) == "must be Literal[1, 'a', Color.RED, b'x', False], not True"
    assert refusal(Literal[1, "a"], True) == "must be Literal[1, 'a'], not True"
    assert refusal(Literal[1], 10**5000) == "must be Literal[1], not <int>"
    assert refusal_of_message(Literal["a"], "b") == "must be Literal['a'], not 'b'"
    assert refusal_of_message(Literal["a"], 5.5) == "must be Literal['a'], not float"


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1), "CET")),
        dt.datetime(2020, 1, 1, fold=1),  # noqa: DTZ001 - naive ones travel too
        dt.datetime.max,  # noqa: DTZ901
    ],
)
def test_datetimes_keep_zone_and_fold(value: dt.datetime) -> None:
    """A datetime arrives with its zone, the zone's name and its fold, also where a date stands."""
    for declared in (dt.datetime, dt.date, Any, dt.datetime | str):
        arrived = travel(declared, value)
        assert repr(arrived) == repr(value)
        assert arrived.fold == value.fold


def test_a_zone_that_has_no_name_cannot_be_sent() -> None:
    """A zone of a class of its own is refused, since the other end could not make it."""
    zone = type("Zone", (dt.tzinfo,), {})
    assert refusal(dt.datetime, dt.datetime(2020, 1, 1, tzinfo=zone())) == (
        "must have a ZoneInfo or a datetime.timezone as its zone, not Zone"
    )
    with pytest.raises(Mismatch, match=r"^is not a valid ZoneInfo$"):
        decode(ZoneInfo, msgspec.msgpack.encode(msgspec.msgpack.Ext(15, b"../../etc/passwd")))


def test_unions_of_any_members() -> None:
    """Unions work for members that MessagePack cannot tell apart, and nested ones for any."""
    assert_same(bytes | str, b"x")
    assert_same(bytes | str, "x")
    assert_same(dt.date | dt.datetime | str, dt.date(2020, 1, 1))
    assert_same(dt.date | dt.datetime | str, dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    assert_same(list[int] | list[str] | set[int], ["x"])
    assert_same(list[int] | list[str] | set[int], {1})
    assert_same(Decimal | int | None, Decimal("1.50"))
    assert_same(dict[str, int] | Counter[str] | Options, Counter("a"))
    assert_same(Json | bytes, b"x")
    assert travel(list[str | None] | None, [None, "x"]) == [None, "x"]


def test_abstract_collections_keep_the_class() -> None:
    """Sequence, Collection and their like take lists, tuples, deques and sets, and keep which."""
    for declared in (Sequence[int], Collection[int], Iterable[int]):
        for value in ([1, BIG], (1, 2), deque([1]), range(3)):
            assert_same(declared, value)
    assert_same(Collection[str], frozenset({"a"}))
    assert_same(AbstractSet[str], {"a"})
    assert_same(Mapping[str, int], {"a": 1})
    assert refusal(Sequence[str], "abc") == "must be Sequence[str], not str"
    assert refusal(Iterable[int], (n for n in (1, 2))) == "must be Iterable[int], not generator"


def test_the_items_of_any_iterable_travel_as_a_list() -> None:
    """Where it is declared as that, as for a type checker; but an abstract collection is kept."""
    for value in ("ab", {"a": 1, "b": 2}, {"a": 1, "b": 2}.keys()):
        assert travel(Iterable[str], value) == ["a", "b"]
        assert travel(Mapping[str, int] | None | Iterable[str], value) in (value, ["a", "b"])
    assert travel(str | Iterable[str], "ab") == "ab"
    assert travel(Mapping[str, int] | Iterable[tuple[str, int]], {"a": 1}) == {"a": 1}
    assert travel(Mapping[str, int] | Iterable[tuple[str, int]], {"a": 1}.items()) == [("a", 1)]
    assert refusal(Iterable[int], "ab") == "at [0] must be int, not str"
    assert refusal(Iterable[int], 7) == "must be Iterable[int], not int"


def test_dicts_have_keys_of_any_type() -> None:
    """Keys may be tuples, enumerations, huge integers or frozen sets."""
    assert_same(dict[tuple[int, str], int], {(1, "a"): 1, (BIG, "b"): 2})
    assert_same(dict[frozenset[int], int], {frozenset({1}): 1})
    assert_same(dict[Color | int, int], {Color.RED: 1, 5: 2})
    assert_same(dict[Any, int], {(1, (2,)): 1, None: 2, b"x": 3})


def test_special_dicts_and_deques_stay_what_they_are() -> None:
    """OrderedDict keeps its order, defaultdict its factory, deque its length; Counter counts."""
    ordered = OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    assert list(travel(OrderedDict[str, int], ordered)) == ["b", "a"]
    assert_same(Counter[str], Counter("abca"))
    assert travel(deque[int], deque([1], maxlen=3)).maxlen == 3
    arrived = travel(defaultdict[str, list[int]], defaultdict(list, a=[1]))
    assert arrived["b"] == []
    assert refusal(defaultdict[str, int], defaultdict(lambda: 5)) == (
        "must have a builtin class as its default_factory, or None"
    )


def test_named_tuples_and_typed_dicts() -> None:
    """NamedTuple and TypedDict are checked field by field, with keys that may be left out."""
    assert_same(Pair, Pair(1, "x"))
    untyped = namedtuple("untyped", "a b")  # noqa: PYI024 - it is meant to have no types
    assert_same(untyped, untyped(1, (2,)))
    assert refusal(Pair, (1, "x")) == "must be Pair, not tuple"
    assert refusal(Pair, Pair(1, b"x")) == "at .right must be str, not bytes"  # type: ignore[arg-type]
    assert_same(Options, {"depth": 1})
    assert_same(Options, {"depth": 1, "with-name": "x"})
    assert_same(Partial, {"name": "x", "kind": "y"})
    assert (
        refusal(Options, {"with-name": "x"})
        == "must be Options, not a dict without the key 'depth'"
    )
    assert refusal(Options, {"depth": 1, "x": 1}) == "must be Options, not a dict with the key 'x'"
    assert refusal(Partial, {"name": 5}) == "at ['name'] must be str, not int"
    assert refusal_of_message(Options, {"depth": 1, "x": 1}) == "must be Options, not dict"
    assert refusal_of_message(Options, {"depth": "x"}) == "at ['depth'] must be int, not str"


def test_names_for_types() -> None:
    """NewType, type variables, LiteralString and aliases stand for what they name."""
    assert_same(UserId, 5)
    assert_same(Bound, 5)
    assert_same(Free, (1, 2))
    assert_same(AnyStr, b"x")
    assert_same(LiteralString, "x")
    assert_same(Tree[int], [1, [2, [BIG]]])
    assert refusal(list[UserId], ["x"]) == "at [0] must be UserId, not str"
    assert refusal(Bound, "x") == "must be Bound, not str"
    assert refusal(Tree[int], [1, ["x"]]) == "at [1][0] must be Tree[int], not str"


def test_constraints_of_annotated_are_checked() -> None:
    """`msgspec.Meta` in Annotated is checked at both ends; other metadata says nothing."""
    small = Annotated[int, msgspec.Meta(ge=0, lt=10)]
    word = Annotated[str, msgspec.Meta(min_length=2, pattern="^a")]
    assert_same(small | None, 5)
    assert_same(list[word], ["abc"])
    assert_same(Annotated[int, "anything"], 5)
    assert_same(list[Annotated[int, ["no hash"]]], [5])
    assert refusal(small, 10) == "must be int < 10, not 10"
    assert refusal(list[word], ["a"]) == "at [0] must be str of length >= 2, not 'a'"
    assert refusal_of_message(small, -1) == "must be int >= 0, not -1"


def test_results_that_are_nothing() -> None:
    """None travels; NoReturn and Never have no values; a traceback always arrives as None."""
    assert travel(None, None) is None
    assert refusal(None, 5) == "must be None, not int"
    assert refusal(NoReturn, None) == "must be NoReturn, not None"
    assert refusal_of_message(Never, None) == "must be Never, not None"
    with pytest.raises(Mismatch) as caught:
        travel(int, "x")
    assert travel(types.TracebackType | None, caught.tb) is None


def test_memory() -> None:
    """bytes, bytearray and memoryview stay apart; a view of anything but bytes is refused."""
    for value in (b"x", bytearray(b"x"), memoryview(b"x")):
        assert_same(Buffer, value)
        assert_same(Any, value)
    view = memoryview(bytearray(8)).cast("i")
    assert refusal(memoryview, view) == "must be memoryview of bytes, not one of format 'i'"


def test_anything() -> None:
    """In a value of type Any, everything comes back as what it was."""
    value = {
        "tuple": (1, (2.5, None)),
        "sets": [{1}, frozenset({(1,)})],
        "big": BIG,
        ("a", 1): deque([Counter("x")], 2),
        "when": [dt.date(2020, 1, 1), dt.time(1), dt.timedelta(1), dt.datetime.now(dt.UTC)],
        "what": [Decimal(1), 1j, range(3), slice(1, None, (2,)), Path("/x"), Color.RED],
    }
    assert_same(Any, value, Color)
    assert_same(object, value, Color)
    assert_same(dict[str, Any], {"a": value}, Color)
    assert travel(Any, Color.RED, Color) is Color.RED
    assert travel(Any, ValueError) is ValueError


def test_anything_of_an_unknown_class_is_refused() -> None:
    """A value of type Any is refused if its class is not known, at both ends and in both words."""
    assert refusal(Any, [Color.RED]) == "at [0] must be of a class that the spec knows, not Color"
    message = encode(Any, {"a": Color.RED}, Color)
    with pytest.raises(Mismatch) as caught:
        decode(Any, message)
    name = f"{Color.__module__}.Color"
    assert str(caught.value) == f"at ['a'] must be of a class that the spec knows, not {name}"


# --- What is refused


def test_the_innermost_wrong_place_is_named() -> None:
    """A refusal leads to the innermost place that is wrong, and names its type as written."""
    declared = dict[str, list[tuple[int, str | None]]]
    wrong = {"a": [(1, "x"), (1, 5)]}
    assert refusal(declared, wrong) == "at ['a'][1][1] must be str | None, not int"
    assert refusal_of_message(declared, wrong) == "at ['a'][1][1] must be str | None, not int"
    assert refusal(declared, {"a": [(1,)]}) == (
        "at ['a'][0] must be tuple[int, str | None], not one of 1 item"
    )
    assert refusal(dict[int, str], {"a": "b"}) == "at key 'a' must be int, not str"
    assert refusal_of_message(dict[int, str], {"a": "b"}) == "at key 'a' must be int, not str"
    assert refusal(set[int], {"a"}) == "at {...} must be int, not str"
    assert refusal(list[int] | None, [None]) == "at [0] must be int, not None"
    assert refusal_of_message(list[int] | None, [None]) == "at [0] must be int, not None"


def test_a_refusal_holds_its_parts() -> None:
    """A Mismatch has path, expected and got as attributes."""
    with pytest.raises(Mismatch) as caught:
        encode(list[int], ["x"])
    assert (caught.value.path, caught.value.expected, caught.value.got) == ("[0]", "int", "str")


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (str, dt.date(2020, 1, 1)),
        (str, Decimal(1)),
        (str, b"x"),
        (list[int], (1,)),
        (list[int], {1}),
        (tuple[int, ...], [1]),
        (dict[str, int], [("a", 1)]),
        (int, 1.0),
        (int, Decimal(1)),
        (bool, 1),
        (dict[str, int], Pair(1)),
        (list[int], range(3)),
    ],
)
def test_nothing_is_converted(declared: object, value: object) -> None:
    """What MessagePack would make alike is refused all the same."""
    assert "must be" in refusal(declared, value)


def test_text_that_has_no_utf8_is_refused() -> None:
    """A lone surrogate is refused by place; in a path it is a byte of a file's name."""
    words = "must be text that UTF-8 can hold, without lone surrogates"
    assert refusal(list[str], ["a", "\ud800"]) == f"at [1] {words}"
    assert refusal(dict[str, Any], {"\ud800": 1}) == f"at key '\\ud800' {words}"
    assert_same(Path, Path("/a/\udcff"))


# --- Nesting


def nested(depth: int) -> list[Any]:
    """Return a list in a list in a list."""
    value: list[Any] = [None]
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize("declared", [Any, Json, list[Any]])
def test_deep_nesting_is_refused(declared: object) -> None:
    """Values are refused beyond the limit, at both ends, however deep they are."""
    words = f"is nested too deep ({NESTING_LIMIT + 1} levels or more, limit {NESTING_LIMIT})"
    assert travel(declared, nested(NESTING_LIMIT - 1)) == nested(NESTING_LIMIT - 1)
    for depth in (NESTING_LIMIT + 2, 2_000, 100_000):
        assert refusal(declared, nested(depth)) == words
        with pytest.raises(Mismatch) as caught:
            decode(declared, b"\x91" * depth + b"\xc0")
        assert str(caught.value) == words


def test_a_value_that_holds_itself_is_refused() -> None:
    """A cycle is too deep."""
    endless: list[Any] = []
    endless.append(endless)
    assert (
        refusal(Any, endless)
        == f"is nested too deep ({NESTING_LIMIT + 1} levels or more, limit {NESTING_LIMIT})"
    )


def test_a_length_is_not_believed() -> None:
    """A message that promises four thousand million items is refused at once."""
    for head in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
        for declared in (Any, list[int], dict[str, int], bytes, set[int], Json):
            with pytest.raises(Mismatch):
                decode(declared, head)


@pytest.mark.parametrize("message", [b"", b"\xc1", b"\x01\x02", b"\xa1\xff", b"\x81\x80\x01"])
def test_what_is_not_messagepack(message: bytes) -> None:
    """Truncated and malformed messages are refused as such."""
    with pytest.raises(Mismatch, match=r"^is not valid MessagePack$"):
        decode(Any, message)


# --- Shared objects


class ShelfProxy:
    """Looks like a generated proxy class."""

    _shared = SharedType("library.spec.Shelf")


class Shelves:
    """References to the numbered shelves of one library."""

    def __init__(self) -> None:
        self.shelves = [ShelfProxy(), ShelfProxy()]

    @kinfolks_own
    def lower(self, value: object, proxy_type: object) -> Reference:
        """Return the number of a shelf."""
        assert proxy_type is ShelfProxy
        if value not in self.shelves:
            raise TypeError(f"ShelfProxy, not {type(value).__name__}")
        return Reference("library.spec.Shelf", self.shelves.index(value))

    @kinfolks_own
    def lift(self, reference: Reference, proxy_type: object) -> object:
        """Return the shelf of a number."""
        assert proxy_type is ShelfProxy
        if reference.target not in range(2):
            raise TypeError("a shelf of this library")
        assert isinstance(reference.target, int)
        return self.shelves[reference.target]


def test_shared_objects_travel_as_references() -> None:
    """Wherever a shared class is declared, References lowers and lifts; its refusals are shown."""
    references = Shelves()
    shelf = references.shelves[1]
    codecs = Codecs()
    for declared, value in (
        (ShelfProxy, shelf),
        (ShelfProxy | None, shelf),
        (ShelfProxy | None, None),
        (list[ShelfProxy | str], [shelf, "x"]),
        (dict[str, tuple[ShelfProxy, ...]], {"a": (shelf, shelf)}),
    ):
        codec = codecs.codec(declared)
        assert codec.decode(codec.encode(value, references), references) == value
    with pytest.raises(Mismatch, match=r"^at \[0\] must be ShelfProxy, not int$"):
        codecs.codec(list[ShelfProxy]).encode([5], references)
    message = msgspec.msgpack.encode(Reference("library.spec.Shelf", 7))
    with pytest.raises(Mismatch, match=r"^must be a shelf of this library$"):
        codecs.codec(ShelfProxy).decode(message, references)


def test_a_shared_class_itself_stands_for_its_proxies() -> None:
    """A class marked `@shared` never travels by copy, even if it is an attrs class."""
    marked = shared(attrs.make_class("marked", ["x"]))
    codec = Codecs().codec(list[marked])  # type: ignore[valid-type]
    with pytest.raises(Mismatch, match=r"^at \[0\] must be a value, not marked, which is shared$"):
        codec.encode([marked(1)], NO_REFERENCES)


def test_extensions_within_extensions_count_as_levels() -> None:
    """Tuples in tuples, which are extensions of their own, end at the limit as lists do."""
    message = b"\x90"
    for _ in range(300):
        message = b"\x91" + msgspec.msgpack.encode(msgspec.msgpack.Ext(32, message))
    with pytest.raises(Mismatch, match="nested too deep"):
        decode(Any, message)


def test_messages_may_be_parts_of_others() -> None:
    """A codec decodes what msgspec left undecoded, and views of a buffer."""
    codec = Codecs().codec(list[int])
    message = codec.encode([1, BIG], NO_REFERENCES)
    for data in (msgspec.Raw(message), memoryview(bytearray(message))):
        assert codec.decode(data, NO_REFERENCES) == [1, BIG]
    assert codec.text == "list[int]"
