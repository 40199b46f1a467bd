"""Which calls fit between two versions, by descriptions made by hand."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from kinfolk.errors import SpecMismatch
from kinfolk.wire.arguments import Arguments, Parameter
from kinfolk.wire.codec import Codecs
from kinfolk.wire.descriptions import Argument, Description, Field, Function, Parts
from kinfolk.wire.layouts import Kind
from kinfolk.wire.members import Member
from kinfolk.wire.versions import Difference, Differences, compare

INT, STR = "builtins.int", "builtins.str"
REMEDY = ": run `kinfolk generate shop.spec` for both, and restart them"
CODECS = Codecs()


def argument(name: str, declared: str = INT, *, required: bool = True, kind: int = 1) -> Argument:
    """Return an argument that is given by position or by name."""
    return Argument(name, kind, declared, required)


def function(*arguments: Argument, result: str = "None", streams: bool = False) -> Function:
    """Return a function."""
    return Function(arguments, result, streams)


def described(
    call: Function | None, values: Mapping[str, Parts] = {}, *, owner: str = "shop.spec.Shop"
) -> Description:
    """Return a shop with one member, and values of the same module."""
    members = {} if call is None else {"call": call}
    parts = {f"shop.spec.{name}": each for name, each in values.items()}
    return Description({owner: members}, {}, {}, parts)


def differences(own: Description, server: Description) -> Differences:
    """Return what a client finds."""
    return compare(own, server, spec="shop.spec", manager="Shops")


def difference(own: Function, server: Function | None) -> Difference | None:
    """Return what differs of one function."""
    found = differences(described(own), described(server)).functions
    assert set(found) <= {("shop.spec.Shop", "call")}
    return found.get(("shop.spec.Shop", "call"))


def told(own: Description, server: Description) -> str:
    """Return why no call of the one function fits, without the remedy."""
    (found,) = differences(own, server).functions.values()
    assert found.always is not None
    assert found.always.endswith(REMEDY)
    return found.always.removesuffix(REMEDY)


# --- Functions


@pytest.mark.parametrize(
    "server",
    [
        function(argument("a"), argument("b", required=False)),
        function(argument("b", required=False), argument("a")),
        function(argument("a", kind=inspect.Parameter.KEYWORD_ONLY)),
        function(argument("a", required=False)),
    ],
)
def test_calls_fit_that_the_server_can_take(server: Function) -> None:
    """Arguments go by name, so that their order and how they are written does not matter."""
    assert difference(function(argument("a")), server) is None


@pytest.mark.parametrize(
    ("own", "server"),
    [
        (function(), None),
        (function(), function(argument("a"))),
        (function(argument("a")), function()),
        (function(argument("a")), function(argument("a", STR))),
        (function(argument("a", required=False)), function(argument("a", STR))),
        (function(result=INT), function(result=STR)),
        (function(result=INT), function(result=INT, streams=True)),
        (function(result=f"{INT} | {STR}"), function(result=f"{STR} | {INT}")),
    ],
)
def test_no_call_fits(own: Function, server: Function | None) -> None:
    """Whatever arguments it has."""
    found = difference(own, server)
    assert found is not None
    assert found.always is not None
    assert found.always.startswith("Shop.call differs at the server: this end calls call(")


@pytest.mark.parametrize(
    "server", [function(), function(argument("a", STR, required=False))], ids=["lacks", "retyped"]
)
def test_calls_fit_without_a_certain_argument(server: Function) -> None:
    """One that the server does not have, or takes for something else."""
    found = difference(function(argument("a", required=False)), server)
    assert found is not None
    assert found.always is None
    assert list(found.given) == ["a"]
    assert found.given["a"].startswith("Shop.call: argument 'a' does not fit the server: ")


def test_calls_fit_with_a_certain_argument() -> None:
    """One that the server has no default for."""
    found = difference(function(argument("a", required=False)), function(argument("a")))
    assert found is not None
    assert found.always is None
    assert not found.given
    assert found.left_out["a"].startswith("Shop.call: the server needs argument 'a': ")


def test_any_number_of_arguments_fit_what_has_their_type() -> None:
    """`*a` of one end may be an ordinary `a` of the other: both are one value on the wire."""
    var = argument("a", required=False, kind=inspect.Parameter.VAR_POSITIONAL)
    plain = argument("a", f"builtins.tuple[{INT}, ...]", required=False)
    assert difference(function(var), function(plain)) is None
    found = difference(function(var), function(argument("a", required=False)))
    assert found is not None
    assert list(found.given) == ["a"]


def test_what_the_server_adds_is_no_difference() -> None:
    """A client does not miss what it does not know."""
    server = Description(
        {"shop.spec.Shop": {"call": function(), "more": function()}, "shop.spec.New": {}},
        {"new": function()},
        {"other": STR},
        {},
    )
    assert not differences(described(function()), server)


def test_classes_that_only_one_end_has() -> None:
    """All members of a class that the server does not have differ."""
    server = Description({}, {}, {}, {})
    assert told(described(function()), server).endswith(
        "this end calls call() -> None, the server has none"
    )


def test_classes_of_ours_are_not_generated_anew() -> None:
    """Their remedy is another one."""
    own = described(function(), owner="kinfolk.types.containers_spec.Dict")
    server = described(function(argument("a")), owner="kinfolk.types.containers_spec.Dict")
    (found,) = differences(own, server).functions.values()
    assert found.always is not None
    assert found.always.endswith(": install the same release of kinfolk at both ends")


# --- Entries


def test_entries_of_the_manager() -> None:
    """Factories are compared as members are, and singletons by their types."""
    own = Description({}, {"made": function(result="s.A")}, {"one": "s.A", "two": "s.A"}, {})
    server = Description({}, {"made": function(result="s.B")}, {"one": "s.B"}, {})
    found = differences(own, server)
    assert found.functions["", "made"].always == (
        "Shops.made differs at the server: this end calls made() -> A,"
        f" the server has made() -> B{REMEDY}"
    )
    assert found.singletons == {
        "one": "Shops.one differs at the server: this end takes it for A, the server has B"
        + REMEDY,
        "two": "Shops.two differs at the server: this end takes it for A, the server has none"
        + REMEDY,
    }


# --- Values


def parts(kind: Kind, *fields: str) -> Parts:
    """Return what a value is made of: `name: type`, with a question mark where it has a default."""
    split = [field.partition(": ") for field in fields]
    return Parts(
        kind,
        tuple(Field(name, text.rstrip("?"), not text.endswith("?")) for name, _, text in split),
    )


@pytest.mark.parametrize(
    ("sent", "received", "fits"),
    [
        # An object sends all its fields.
        (parts("object", "a: int"), parts("object", "a: int", "b: int?"), True),
        (parts("object", "a: int"), parts("object", "a: int", "b: int"), False),
        (parts("object", "a: int", "b: int?"), parts("object", "a: int"), False),
        (parts("object", "a: int", "b: int"), parts("object", "b: int", "a: int"), True),
        (parts("object", "a: int?"), parts("object", "a: int"), True),
        (parts("object", "a: int"), parts("object", "a: str"), False),
        # A dict sends what it has.
        (parts("dict", "a: int?"), parts("dict", "a: int?", "b: int?"), True),
        (parts("dict", "a: int?"), parts("dict", "a: int"), False),
        (parts("dict", "a: int"), parts("dict", "a: int?"), True),
        (parts("dict", "a: int"), parts("dict", "a: int", "b: int"), False),
        (parts("dict", "a: int", "b: int?"), parts("dict", "a: int"), False),
        # A named tuple sends its items in their order.
        (parts("tuple", "a: int", "b: int"), parts("tuple", "a: int", "b: int"), True),
        (parts("tuple", "a: int", "b: int"), parts("tuple", "b: int", "a: int"), False),
        (parts("tuple", "a: int"), parts("tuple", "a: int", "b: int?"), False),
        # Members of an enumeration travel by name, those of a flag by value.
        (parts("enum", "A: 1"), parts("enum", "B: 2", "A: 3"), True),
        (parts("enum", "A: 1", "B: 2"), parts("enum", "A: 1"), False),
        (parts("flags", "A: 1"), parts("flags", "A: 1", "B: 2"), True),
        (parts("flags", "A: 1"), parts("flags", "A: 2"), False),
        # Others.
        (parts("alias", ": int"), parts("alias", ": int"), True),
        (parts("alias", ": int"), parts("alias", ": str"), False),
        (parts("object", "a: int"), parts("dict", "a: int"), False),
    ],
)
def test_what_is_sent_has_to_be_readable(sent: Parts, received: Parts, fits: bool) -> None:
    """Arguments at the server, and results and items at the client."""
    takes, gives = function(argument("a", "shop.spec.V")), function(result="shop.spec.V")
    streams = function(result="shop.spec.V", streams=True)
    assert (
        not differences(described(takes, {"V": sent}), described(takes, {"V": received}))
    ) is fits
    assert (
        not differences(described(gives, {"V": received}), described(gives, {"V": sent}))
    ) is fits
    assert (
        not differences(described(streams, {"V": received}), described(streams, {"V": sent}))
    ) is fits


@pytest.mark.parametrize(
    "declared",
    ["builtins.list[shop.spec.Old | None]", "shop.spec.Outer", "shop.spec.Ring", "shop.spec.Alias"],
)
def test_classes_within_others_have_to_fit(declared: str) -> None:
    """Through containers, unions, fields, aliases and recursion, the class at fault is named."""
    rest = {
        "Outer": parts("object", "inner: builtins.tuple[shop.spec.Old, ...]"),
        "Ring": parts("object", "next: shop.spec.Gnir"),
        "Gnir": parts("object", "next: shop.spec.Ring", "old: shop.spec.Old"),
        "Alias": parts("alias", ": builtins.dict[builtins.str, shop.spec.Old]"),
    }
    takes = function(argument("a", declared))
    own = described(takes, {"Old": parts("object", "a: builtins.int"), **rest})
    server = described(takes, {"Old": parts("object"), **rest})
    assert told(own, server).endswith(" with Old()")
    assert " -> None with Old(a: int), the server has " in told(own, server)
    # The other way nothing is missing.
    gives = function(result=declared)
    assert not differences(
        described(gives, {"Old": parts("object", "a: builtins.int?"), **rest}),
        described(gives, {"Old": parts("object"), **rest}),
    )


def test_a_class_that_fits_is_not_blamed_for_its_neighbour() -> None:
    """Only calls that send the class differ."""
    own = described(
        function(argument("a", "shop.spec.V")), {"V": parts("object"), "W": parts("dict")}
    )
    server = described(
        function(argument("a", "shop.spec.V")), {"V": parts("object"), "W": parts("enum")}
    )
    assert not differences(own, server)


def test_values_go_both_ways_through_a_shared_object() -> None:
    """What `Shop[V]` holds may be put and got."""
    less, more = parts("object"), parts("object", "a: int?")
    for call in (
        function(argument("a", "shop.spec.Shop[shop.spec.V]")),
        function(result="shop.spec.Shop[shop.spec.V]"),
    ):
        assert differences(described(call, {"V": less}), described(call, {"V": more}))
        assert differences(described(call, {"V": more}), described(call, {"V": less}))


def test_a_class_with_fields_at_one_end_only() -> None:
    """It is something else at the other."""
    takes = function(argument("a", "shop.spec.V"))
    found = told(described(takes, {"V": parts("object", "a: int")}), described(takes))
    assert found.endswith("with V without fields")
    assert told(described(takes), described(takes, {"V": parts("enum", "A: 1")})).endswith(
        "Enum V(A)"
    )


# --- What is said


def test_modules_are_named_only_where_they_are_the_difference() -> None:
    """A class that moved would look the same without."""
    own, server = function(result="old.spec.Page"), function(result="new.spec.Page")
    assert told(described(own), described(server)).endswith(
        "this end calls call() -> old.spec.Page, the server has call() -> new.spec.Page"
    )


def test_the_text_of_a_literal_is_no_name() -> None:
    """Dots in it are its own, and a class of that name is not meant."""
    literal = "typing.Literal['shop.spec.V', \"it's a.b\"]"
    own = described(function(result=literal), {"V": parts("dict")})
    assert not differences(own, described(function(result=literal), {"V": parts("enum")}))
    found = told(own, described(function(result=INT)))
    assert "-> Literal['shop.spec.V', \"it's a.b\"], the server has call() -> int" in found


@pytest.mark.parametrize(
    "server",
    [
        function(argument("a", kind=9)),
        function(argument("not a name")),
        function(argument("a", required=False), argument("b")),
    ],
)
def test_a_function_that_nobody_can_have_written_is_refused(server: Function) -> None:
    """The server's words are checked before they are shown."""
    with pytest.raises(ValueError, match=r"."):
        differences(described(function(result=INT)), described(server))


def test_the_servers_words_do_not_write_into_a_terminal() -> None:
    """What cannot be printed is left out of them."""
    found = told(described(function(result=INT)), described(function(result="a\n\x1b[31mb")))
    assert found.endswith("the server has call() -> a  [31mb")


# --- What a channel asks


def member(*parameters: Parameter, shared: str = "shop.spec.Shop") -> Member:
    """Return a member as it is compiled at the client."""
    arguments = Arguments(parameters, CODECS)
    return Member("Shop", "call", arguments, CODECS.codec(None), shared=shared)


def optional(name: str, default: object, declared: Any = Any, kind: int = 1) -> Parameter:
    """Return a parameter with a default."""
    found = inspect.Parameter(name, inspect._ParameterKind(kind), default=default)
    return Parameter.of(found, declared)


def test_a_default_that_this_end_filled_in_is_not_sent() -> None:
    """Where the server does not know the argument, its own behaviour is what was asked for."""
    call = member(
        optional("a", 0, int),
        optional("b", float("nan"), float),
        Parameter("rest", inspect.Parameter.VAR_POSITIONAL, int, required=False),
        Parameter("more", inspect.Parameter.VAR_KEYWORD, int, required=False),
    )
    nan = call.arguments.parameters[1].default
    known = Differences(
        {
            ("shop.spec.Shop", "call"): Difference(
                given={"a": "no a", "b": "no b", "rest": "no rest", "more": "no more"}
            )
        },
        {},
    )
    left_out = {"a": 0, "b": nan, "rest": (), "more": {}, "c": 1}
    assert known.fitted(5, call, left_out) == {"c": 1}
    assert known.fitted(5, call, {}) == {}
    for name, value in {"a": False, "b": 0.0, "rest": (0,), "more": {"x": 0}}.items():
        with pytest.raises(SpecMismatch, match=rf"^no {name}$"):
            known.fitted(5, call, {**left_out, name: value})


def test_a_default_that_only_the_server_knew_is_missed() -> None:
    """Where it has none any more, the argument has to be given."""
    call = member(optional("a", inspect.Parameter.empty), optional("b", 1))
    known = Differences({("shop.spec.Shop", "call"): Difference(left_out={"a": "a!"})}, {})
    assert known.fitted(5, call, {"a": 1, "b": 1}) == {"a": 1, "b": 1}
    with pytest.raises(SpecMismatch, match=r"^a!$"):
        known.fitted(5, call, {"b": 1})


def test_only_the_member_that_differs_is_refused() -> None:
    """Members of the same name in other classes, and of the manager, are others."""
    known = Differences({("shop.spec.Shop", "call"): Difference("never")}, {"shop": "not it"})
    with pytest.raises(SpecMismatch, match=r"^never$"):
        known.fitted(5, member(), {})
    other = member(shared="other.spec.Shop")
    assert known.fitted(5, other, {"a": 1}) == {"a": 1}
    assert known.fitted("", member(shared=""), {}) == {}
    with pytest.raises(SpecMismatch, match=r"^not it$"):
        known.fitted("shop", other, {})
    with pytest.raises(SpecMismatch, match=r"^not it$"):
        known.check_singleton("shop")
    known.check_singleton("other")


def test_differences_are_a_frozen_value() -> None:
    """Threads share them."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Differences({}, {}).functions = {}  # type: ignore[misc]
