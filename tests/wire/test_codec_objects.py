"""The codec of classes with fields: attrs classes and dataclasses."""

from __future__ import annotations

import abc
import dataclasses
import functools
import sys
import textwrap
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import attrs
import msgspec
import pytest

from kinfolk.wire.codec import NESTING_LIMIT, NO_REFERENCES, CannotTravel, Codecs, Mismatch

if TYPE_CHECKING:
    from fractions import Fraction

T = TypeVar("T")
U = TypeVar("U")


def travel(declared: object, value: object, *values: type) -> Any:
    """Return what arrives for a value of a declared type."""
    codec = Codecs(values).codec(declared)
    return codec.decode(codec.encode(value, NO_REFERENCES), NO_REFERENCES)


def assert_same(declared: object, value: object, *values: type) -> None:
    """Assert that a value arrives equal and of its class."""
    arrived = travel(declared, value, *values)
    assert arrived == value
    assert type(arrived) is type(value)


def refusal(declared: object, value: object, *values: type) -> str:
    """Return with which words a value is refused before it is sent."""
    with pytest.raises(Mismatch) as caught:
        Codecs(values).codec(declared).encode(value, NO_REFERENCES)
    return str(caught.value)


def arrive(declared: object, content: object) -> Any:
    """Decode a message put together by hand."""
    return Codecs().codec(declared).decode(msgspec.msgpack.encode(content), NO_REFERENCES)


def refusal_of_message(declared: object, content: object) -> str:
    """Return with which words a message is refused that holds something else."""
    with pytest.raises(Mismatch) as caught:
        arrive(declared, content)
    return str(caught.value)


def fields(cls: type, **values: object) -> dict[str, object]:
    """Return what stands in a message for an instance."""
    return {"$": f"{cls.__module__}.{cls.__qualname__}", **values}


@attrs.frozen
class Page:
    """A value as specs have them."""

    url: str
    status: int = 0


@attrs.define
class Archive(Page):
    """A class derived from it."""

    days: list[int] = attrs.field(factory=list[int])


def lowercase(text: str) -> str:
    """Convert a text to small letters."""
    return text.lower()


@attrs.define
class Account:
    """A class with everything that attrs offers."""

    name: str = attrs.field(validator=attrs.validators.min_len(2), converter=lowercase)
    _secret: bytes = b""
    age: int = attrs.field(default=0, alias="years", kw_only=True)
    friends: list[Account] = attrs.field(factory=list["Account"], kw_only=True)
    logins: int = attrs.field(default=0, init=False, validator=attrs.validators.ge(0))

    @functools.cached_property
    def greeting(self) -> str:
        """A value that is computed, and no field."""
        return f"Hello {self.name}"


@dataclasses.dataclass(kw_only=True)
class Late:
    """A class whose required field does not come first."""

    more: list[complex] = dataclasses.field(default_factory=list)
    size: int


@attrs.define
class Window:
    """A class with a constructor of its own."""

    title: str
    _width: int = 1
    open: bool = False

    if not TYPE_CHECKING:  # mypy looks only at the fields

        def __init__(self, width: int, title: str = "", *, extra: str = "") -> None:
            self.__attrs_init__(title + extra, width)


@attrs.define
class Box(Generic[T]):
    """A generic class."""

    inside: T


@attrs.define
class Pair(Box[T], Generic[T, U]):
    """A generic class derived from a generic one."""

    other: U


@attrs.define
class Ints(Box[int]):
    """A class derived from a generic one with its argument given."""


@attrs.define
class Link:
    """A recursive class, and one that names itself in every way."""

    value: int
    next: Link | None = None
    kids: dict[str, list[Link]] = attrs.field(factory=dict[str, "list[Link]"])
    same: Self | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """A dataclass."""

    x: float
    y: float = 0
    norm: float = dataclasses.field(init=False, default=1)
    name: str = dataclasses.field(default="", kw_only=True)


@attrs.define
class Shape(abc.ABC):
    """An abstract class."""

    name: str

    @abc.abstractmethod
    def area(self) -> float:
        """Return the area."""


@attrs.define
class Square(Shape):
    """The one class derived from it."""

    side: float

    def area(self) -> float:
        """Return the area."""
        return self.side**2


def test_attrs_classes_arrive_as_they_were() -> None:
    """Private fields, aliases, keyword-only and computed ones, and converters all arrive."""
    account = Account("ann", b"x", years=2**70, friends=[Account("bob")])
    account.logins = 7
    assert_same(Account, account)
    assert travel(Account, account).greeting == "Hello ann"
    assert_same(Account | None, account)
    assert_same(Any, account, Account)


def test_constructors_are_run_on_arrival() -> None:
    """Converters apply to what arrives, and a validator that objects refuses it in its words."""
    content = fields(Account, name="ANN", _secret=b"", age=1, friends=[], logins=0)
    assert arrive(Account, content).name == "ann"
    assert refusal_of_message(Account, {**content, "name": "a"}) == (
        "is not a valid Account: Length of 'name' must be >= 2: 1"
    )
    assert refusal_of_message(Account, {**content, "logins": -1}) == (
        "is not a valid Account: 'logins' must be >= 0: -1"
    )
    inner = {**content, "friends": [{**content, "name": "a"}]}
    assert refusal_of_message(list[Account], [inner]).startswith(
        "at [0].friends[0] is not a valid Account: "
    )


def test_a_validator_that_raises_anything() -> None:
    """Whatever a constructor raises becomes a Mismatch, caused by it."""

    @attrs.define
    class Moody:
        mood: str = attrs.field()

        @mood.validator
        def _check(self, attribute: object, value: str) -> None:
            _ = attribute
            raise KeyError(value)

    with pytest.raises(Mismatch) as caught:
        arrive(Moody, fields(Moody, mood="bad"))
    assert str(caught.value) == "is not a valid Moody: KeyError: 'bad'"
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_validator_that_attrs_gives_too_many_arguments() -> None:
    """Of the arguments of attrs' own errors only the text is shown."""

    @attrs.define
    class Typed:
        size: Any = attrs.field(validator=attrs.validators.instance_of(int))

    words = refusal_of_message(Typed, fields(Typed, size="x"))
    assert words.startswith("is not a valid Typed: 'size' must be <class 'int'> (got 'x'")
    assert "Attribute(" not in words


def test_a_class_with_its_own_constructor() -> None:
    """It is called with the fields that it names; the others are set afterwards."""
    window = Window(width=5, title="x")
    window.open = True
    assert_same(Window, window)


def test_a_constructor_that_needs_what_is_no_field() -> None:
    """Such a class cannot travel, and the text says what to do."""

    @attrs.define
    class Odd:
        x: int

        def __init__(self, twice: int) -> None:
            self.x = twice // 2

    with pytest.raises(CannotTravel) as caught:
        Codecs().codec(Odd)
    assert str(caught.value) == (
        "Odd cannot be made from its fields, since its constructor needs 'twice';"
        " name the parameter after a field, or give it a default"
    )


def test_fields_are_checked_one_by_one() -> None:
    """A field of a wrong type is named, at both ends; so are unknown, missing and unset ones."""
    assert refusal(Page, Page("x", "y")) == "at .status must be int, not str"  # type: ignore[arg-type]
    assert refusal(list[Page], [5]) == "at [0] must be Page, not int"
    for content in (
        fields(Page, url="x", status="y"),
        {"url": "x", "status": "y"},
    ):
        assert refusal_of_message(Page, content) == "at .status must be int, not str"
    assert refusal_of_message(Page, fields(Page, status=1)) == "must be Page, not dict"
    assert (
        refusal_of_message(Page, fields(Page, url="x", status=1, z=1)) == "must be Page, not dict"
    )
    assert refusal_of_message(Page, fields(Account, url="x", status=1)) == (
        f"must be Page, not {Account.__module__}.Account"
    )
    unset = Account("ann")
    del unset.logins
    assert refusal(Account, unset) == "lacks a value for its field 'logins'"


def test_a_field_with_a_default_may_be_missing_on_arrival() -> None:
    """A peer that does not know the field yet is understood, whichever way the field is made."""
    assert arrive(Page, fields(Page, url="x")) == Page("x")
    assert arrive(list[Page | None], [fields(Page, url="x"), None]) == [Page("x"), None]
    partly = arrive(Account, fields(Account, name="Ann", friends=[fields(Account, name="Bob")]))
    assert partly == Account("ann", friends=[Account("bob")])
    made = arrive(Window, fields(Window, title="x", _width=2))
    assert (made.title, made._width, made.open) == ("x", 2, False)
    assert arrive(Late, fields(Late, size=1)) == Late(size=1)
    assert refusal_of_message(Late, fields(Late, more=[])) == "must be Late, not dict"


def test_what_is_wrong_beside_a_missing_field_is_named() -> None:
    """The fields that are there are checked as ever."""
    short = fields(Account, name="x")
    assert "'name'" in refusal_of_message(Account, short)
    nested = fields(Account, name="Ann", friends=[fields(Account, name="Bob", _secret=1)])
    assert refusal_of_message(Account, nested) == "at .friends[0]._secret must be bytes, not int"


def test_unions_of_classes() -> None:
    """Each member of a union of classes arrives as itself, beside members of other kinds too."""
    for value in (Page("x"), Account("ann"), Point(1), None):
        assert_same(Page | Account | Point | None, value)
    assert_same(Page | dict[str, int], Page("x"))
    assert_same(Box[int] | Box[str], Box("x"))
    assert refusal(Page | None, Account("ann")) == "must be Page | None, not Account"
    assert refusal(Page | Account, Page(5)) == "at .url must be str, not int"  # type: ignore[arg-type]


def test_derived_classes_stand_for_their_bases() -> None:
    """A known derived class arrives as itself where its base is declared; others are refused."""
    archive = Archive("x", days=[1])
    assert_same(Page, archive, Archive)
    assert_same(list[Page | None], [archive, Page("y"), None], Archive)
    assert refusal(Page, archive) == "must be Page, not Archive"
    assert_same(Shape, Square("x", 2.0), Square)
    with pytest.raises(CannotTravel, match="it is abstract, and no class derived from it"):
        Codecs().codec(Shape)


def test_known_classes_that_cannot_travel() -> None:
    """A known class that cannot travel does not keep its base from it, and is refused by name."""

    @attrs.define
    class Active(Page):
        act: Callable[[], None] | None = None

    assert_same(Page, Page("x"), Active)
    assert refusal(Page, Active("x"), Active) == "must be Page, not Active"
    assert refusal(Any, [Active("x")], Active).startswith(
        "at [0] must be of a class whose instances can travel; Active.act: `Callable[[], None]`"
    )


def test_classes_that_known_ones_mention_are_known() -> None:
    """The types of a known class's fields count as known too."""

    @attrs.define
    class Shelf:
        archives: list[Archive] | None = None

    assert_same(Any, [Archive("x"), Shelf([Archive("y")])], Shelf)
    assert_same(Page, Archive("x"), Shelf)


def test_generic_classes() -> None:
    """Type arguments are checked, also along bases; without any, they are Any."""
    assert_same(Box[int], Box(5))
    assert_same(Box, Box((1, 2)))
    assert_same(Pair[str, Page], Pair("x", Page("y")))
    assert_same(Box[int], Ints(2**70), Ints)
    assert_same(Box[str], Pair("x", (1,)), Pair)
    assert_same(list[Box[Box[int]]], [Box(Box(1))])
    assert refusal(Box[int], Box("x")) == "at .inside must be int, not str"
    assert refusal(Pair[str, int], Pair(1, 1)) == "at .inside must be str, not int"
    assert refusal(Ints, Ints("x")) == "at .inside must be int, not str"  # type: ignore[arg-type]


def test_recursive_classes() -> None:
    """A class that mentions itself travels, down to the limit of nesting and no further."""
    value = Link(1, Link(2), {"a": [Link(3)]})
    value.same = Link(4)
    assert_same(Link, value)
    assert_same(Link | None, value)
    assert_same(Any, value, Link)
    long: Link | None = None
    for number in range(NESTING_LIMIT - 1):
        long = Link(number, long)
    assert_same(Link, long)
    for number in range(5):
        long = Link(number, long)
    assert (
        refusal(Link, long)
        == f"is nested too deep ({NESTING_LIMIT + 1} levels or more, limit {NESTING_LIMIT})"
    )
    assert refusal(Link, Link(1, Link(2, Link("x")))) == "at .next.next.value must be int, not str"  # type: ignore[arg-type]


def test_dataclasses() -> None:
    """Dataclasses travel as attrs classes do."""
    point = Point(1.5, 2, name="a")
    object.__setattr__(point, "norm", 2.5)
    assert_same(Point, point)
    assert_same(dict[Point, Point], {point: point})
    assert_same(Any, {point: [point]}, Point)
    assert refusal(Point, Point("x")) == "at .x must be float, not str"  # type: ignore[arg-type]


def test_classes_made_in_other_ways() -> None:
    """Classes without annotations in their body work; a field without a type does not."""
    made = attrs.make_class("made", {"x": attrs.field(type=int)})
    assert_same(made, made(1))
    untyped = attrs.make_class("untyped", ["x"])
    with pytest.raises(CannotTravel, match=r"^untyped\.x has no type; annotate it$"):
        Codecs().codec(untyped)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is that of Python 3.12")
def test_type_parameters_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes and aliases written in the syntax of Python 3.12 work, also recursive ones."""
    module: Any = types.ModuleType("bracketed")
    monkeypatch.setitem(sys.modules, "bracketed", module)
    source = """
    from __future__ import annotations
    import attrs
    type Json = dict[str, Json] | list[Json] | str | int | None
    type Tree[T] = T | list[Tree[T]]
    @attrs.define
    class Crate[T]:
        inside: T
        more: list[Crate[T]] = attrs.field(factory=list)
    @attrs.define
    class Labelled[T](Crate[T]):
        label: str = ""
    """
    exec(textwrap.dedent(source), vars(module))
    assert_same(module.Json, {"a": [1, None, {"b": "c"}]})
    assert_same(module.Tree[int], [1, [2]])
    assert_same(module.Crate[int], module.Crate(1, [module.Crate(2)]))
    assert_same(module.Crate[int], module.Labelled(2**70), module.Labelled)
    assert refusal(module.Crate[int], module.Crate(1, [module.Crate("x")])) == (
        "at .more[0].inside must be int, not str"
    )


def test_a_field_may_have_the_name_of_a_type() -> None:
    """A field's name does not hide the builtin that other fields' types mean."""

    @attrs.define
    class Shadowing:
        list: list[int]
        int: int
        dict: dict[str, str]

    assert_same(Shadowing, Shadowing([1], 2, {"a": "b"}))


def test_types_that_are_there_only_for_checkers() -> None:
    """A type imported under TYPE_CHECKING is reported with the field and the remedy."""

    @attrs.define
    class Thin:
        share: Fraction

    with pytest.raises(CannotTravel) as caught:
        Codecs().codec(list[Thin])
    assert str(caught.value) == (
        "Thin.share names 'Fraction', which is not there at run time;"
        " import it outside of `if TYPE_CHECKING`"
    )


def test_instances_as_keys() -> None:
    """Frozen instances may be keys and elements; those that cannot be hashed are refused."""
    assert_same(dict[Page, int], {Page("x"): 1})
    assert_same(frozenset[Page], frozenset({Page("x")}))
    account = fields(Box, inside=1)
    assert refusal_of_message(dict[Box[int], int], [[account, 1]]) == (
        "must have keys that can be in a dict"
    )
    assert refusal_of_message(set[Box[int]], [account]) == (
        "must have elements that can be in a set"
    )
