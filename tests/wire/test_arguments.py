"""Arguments on the wire: what a caller gives, and how the member is called with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinfolk.proxy import UNSET as PROXY_UNSET
from kinfolk.wire.arguments import UNSET, Arguments, Parameter
from kinfolk.wire.codec import NESTING_LIMIT, NO_REFERENCES, CannotTravel, Codecs, Mismatch


@attrs.frozen
class Page:
    """A value."""

    url: str
    status: int = attrs.field(default=0, validator=attrs.validators.ge(0))


def arguments_of(function: Callable[..., Any]) -> Arguments:
    """Compile the parameters of a function, whose annotations must be types."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return Arguments(
        [
            Parameter(p.name, p.kind, p.annotation, required=p.default is p.empty)
            for p in parameters
        ],
        Codecs(),
    )


def called_with(function: Callable[..., Any], **given: object) -> Any:
    """Return what a function returns when it is called with arguments that have travelled."""
    arguments = arguments_of(function)
    message = arguments.encode(given, NO_REFERENCES)
    positional, keywords = arguments.decode(message, NO_REFERENCES)
    return function(*positional, **keywords)


def test_the_items_of_iterators_are_asked_for_once() -> None:
    """Whatever has to be encoded again: an integer of more than 64 bits takes two attempts."""

    def extend(first: Iterable[int], *others: Iterable[int], **named: Iterable[int]) -> object:
        return first, others, named

    arguments = arguments_of(extend)
    given = {"first": iter([1, 2**70]), "others": ([2], iter([3])), "named": {"x": [4]}}
    gathered = arguments.gathered(given)
    for _ in range(2):
        message = arguments.encode(gathered, NO_REFERENCES)
        decoded: Any = arguments.decode(message, NO_REFERENCES)
        assert extend(*decoded[0], **decoded[1]) == ([1, 2**70], ([2], [3]), {"x": [4]})
    assert "others" not in arguments.gathered({"first": [1]})


def refusal(function: Callable[..., Any], given: Mapping[str, object]) -> str:
    """Return with which words arguments are refused before they are sent."""
    with pytest.raises(Mismatch) as caught:
        arguments_of(function).encode(given, NO_REFERENCES)
    return str(caught.value)


def refusal_of_message(function: Callable[..., Any], content: object) -> str:
    """Return with which words a message of arguments is refused."""
    with pytest.raises(Mismatch) as caught:
        arguments_of(function).decode(msgspec.msgpack.encode(content), NO_REFERENCES)
    return str(caught.value)


def push(url: str, page: Page | None = None, *, priority: int = 0) -> Any:
    """Return the arguments."""
    return url, page, priority


def every(a: int, /, b: int, c: int = 3, *args: str, d: int, e: int = 5, **kwargs: bool) -> Any:
    """Return the arguments of every kind."""
    return a, b, c, args, d, e, kwargs


def optional(a: int = 1, b: int = 2, /, c: int = 3, *args: str, d: int = 4) -> Any:
    """Return the arguments, none of which must be given."""
    return a, b, c, args, d


def nothing() -> Any:
    """Take no arguments."""
    return "called"


def test_arguments_arrive() -> None:
    """Arguments reach the parameters that they were given for."""
    assert called_with(push, url="x", page=None, priority=2) == ("x", None, 2)
    assert called_with(push, url="x", page=Page("y"), priority=2**70) == ("x", Page("y"), 2**70)
    assert called_with(nothing) == "called"


def test_every_kind_of_parameter() -> None:
    """Positional-only, keyword-only, `*args` and `**kwargs` are called as they must be."""
    given = {"a": 1, "b": 2, "c": 4, "args": ("x", "y"), "d": 5, "e": 6, "kwargs": {"k": True}}
    assert called_with(every, **given) == (1, 2, 4, ("x", "y"), 5, 6, {"k": True})


def test_what_is_left_out_has_its_default() -> None:
    """Arguments that are UNSET do not travel, and the member's own defaults apply."""
    assert called_with(push, url="x", page=UNSET, priority=UNSET) == ("x", None, 0)
    assert called_with(push, url="x", page=UNSET, priority=2) == ("x", None, 2)
    assert called_with(every, a=1, b=2, c=UNSET, d=4) == (1, 2, 3, (), 4, 5, {})
    assert called_with(optional, a=UNSET, b=UNSET, c=7, args=(), d=8) == (1, 2, 7, (), 8)
    message = arguments_of(push).encode({"url": "x", "priority": UNSET}, NO_REFERENCES)
    assert msgspec.msgpack.decode(message) == {"url": "x"}
    assert PROXY_UNSET is UNSET
    assert repr(UNSET) == "..."


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {"a": st.integers(), "b": st.integers(), "d": st.integers()},
        optional={
            "c": st.integers(),
            "args": st.lists(st.text(max_size=3)).map(tuple),
            "e": st.integers(),
            "kwargs": st.dictionaries(st.sampled_from(["k", "l", "a"]), st.booleans()),
        },
    )
)
def test_any_choice_of_arguments(given: dict[str, Any]) -> None:
    """Whatever is given reaches its parameter; only `*args` after a gap cannot be given."""
    expected = (
        given["a"],
        given["b"],
        given.get("c", 3),
        given.get("args", ()),
        given["d"],
        given.get("e", 5),
        given.get("kwargs", {}),
    )
    if given.get("args") and "c" not in given:
        with pytest.raises(Mismatch, match=r"^argument 'args' cannot be given without 'c'"):
            called_with(every, **given)
    else:
        assert called_with(every, **given) == expected


def test_gaps_that_a_call_cannot_have() -> None:
    """Nothing can be given by position after something that is left out."""
    words = "cannot be given without 'a', which is left out"
    assert refusal_of_message(optional, {"b": 5}) == f"argument 'b' {words}"
    assert refusal_of_message(optional, {"args": ["x"]}) == f"argument 'args' {words}"


def test_keywords_that_are_parameters() -> None:
    """`**kwargs` cannot smuggle in a parameter, but for the names of positional-only ones."""
    content = {"a": 1, "b": 2, "d": 3, "kwargs": {"d": True}}
    assert refusal_of_message(every, content) == (
        "argument 'kwargs' cannot hold 'd', which is a parameter of its own"
    )
    assert called_with(every, a=1, b=2, d=3, kwargs={"a": True})[-1] == {"a": True}


def test_wrong_arguments_are_named() -> None:
    """An argument of a wrong type is refused with its name, at both ends in the same words."""
    for wrong, words in (
        ({"url": "x", "priority": "high"}, "argument 'priority' must be int, not str"),
        ({"url": 5}, "argument 'url' must be str, not int"),
        ({"url": "x", "page": "y"}, "argument 'page' must be Page | None, not str"),
        ({"url": "x", "pages": 5}, "there is no argument 'pages'"),
    ):
        assert refusal(push, wrong) == words
        assert refusal_of_message(push, wrong) == words
    assert refusal(every, {"args": ("x", 5)}) == "argument 'args' at [1] must be str, not int"
    assert (
        refusal(every, {"kwargs": {"k": 5}}) == "argument 'kwargs' at ['k'] must be bool, not int"
    )
    assert refusal(push, {"url": "x", "page": Page(5)}) == (  # type: ignore[arg-type]
        "argument 'page' at .url must be str, not int"
    )


def test_values_that_a_class_refuses_are_named() -> None:
    """What a validator says is shown with the argument's name."""
    page = {"url": "x", "status": -1}
    assert refusal_of_message(push, {"url": "x", "page": page}) == (
        "argument 'page' is not a valid Page: 'status' must be >= 0: -1"
    )


def test_missing_arguments_are_named() -> None:
    """A required argument that is not there is named."""
    assert refusal_of_message(push, {}) == "argument 'url' is missing"
    assert refusal_of_message(every, {"a": 1, "b": 2}) == "argument 'd' is missing"


def test_what_are_no_arguments() -> None:
    """A message that is no map of names is refused."""
    assert refusal_of_message(push, ["x"]) == "the arguments must be a map of their names"
    assert refusal_of_message(push, {1: "x", "url": "x"}) == "there is no argument 1"
    with pytest.raises(Mismatch, match=r"^the arguments are not valid MessagePack$"):
        arguments_of(push).decode(b"\x81\xa3url", NO_REFERENCES)


def test_arguments_nested_too_deep() -> None:
    """An argument that is nested too deep is refused at both ends, by name where it can be."""

    def put(value: Any) -> Any:
        return value

    endless: list[Any] = []
    endless.append(endless)
    words = f"is nested too deep ({NESTING_LIMIT + 1} levels or more, limit {NESTING_LIMIT})"
    assert refusal(put, {"value": endless}) == f"argument 'value' {words}"
    for depth, name in ((200, "argument 'value'"), (100_000, "an argument")):
        with pytest.raises(Mismatch) as caught:
            arguments_of(put).decode(b"\x81\xa5value" + b"\x91" * depth + b"\xc0", NO_REFERENCES)
        assert str(caught.value) == f"{name} {words}"


def test_parameters_that_cannot_travel() -> None:
    """A parameter whose type cannot travel is named when the member is compiled."""

    def read(lines: Iterator[str]) -> None: ...

    with pytest.raises(CannotTravel, match=r"^parameter 'lines': `Iterator\[str\]` cannot travel"):
        arguments_of(read)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_garbage_is_refused(message: bytes) -> None:
    """Random bytes are no arguments."""
    with pytest.raises(Mismatch):
        arguments_of(push).decode(message, NO_REFERENCES)
