"""Types whose values cannot travel, and what is said of them."""

from __future__ import annotations

import io
import numbers
import socket
import threading
import types
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Hashable,
    Iterator,
    KeysView,
)
from typing import Any, SupportsInt, TextIO

import attrs
import pytest

from kinfolk.wire.codec import CannotTravel, Codecs


class Engine:
    """A class that says nothing of what its instances hold."""

    def __init__(self) -> None:
        self.running = False


@attrs.define
class Button:
    """A value with a field that cannot travel."""

    pressed: Callable[[], None]


CODE = "code stays where it is; pass an object of a @shared class that has it as a method"
STREAM = "only a method's own result streams; write `list[...]`"
LATER = "there is nothing to wait for at the other end; write the type of its result"
FILE = "an open file belongs to its process; pass its path or its contents"
LOCK = "it belongs to its process; share a kinfolk.types.RLock"
CLASS = "classes other than of exceptions stay where they are; pass a name, or an Enum"
VIEW = "it is a view of what stays behind; write `list[...]` or `set[...]`"
MODULE = "modules stay where they are; pass its name as `str`"
FIELDS = (
    "it has no fields; make it an attrs class (a value, sent by copy)"
    " or decorate it with @shared (it stays, and others hold proxies)"
)
OPEN = "its length is open; write `tuple[X, ...]`"
RECURSIVE = (
    "is a recursive type that cannot be followed; define it as `type Unknown = ...`,"
    " or with typing_extensions.TypeAliasType"
)
VAGUE = "it does not say which classes there are; write them, as in `int | float`"


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (Callable[[int], str], f"`Callable[[int], str]` cannot travel: {CODE}"),
        (Callable, f"`Callable` cannot travel: {CODE}"),
        (types.FunctionType, f"`function` cannot travel: {CODE}"),
        (Iterator[int], f"`Iterator[int]` cannot travel: {STREAM}"),
        (Generator[int, None, None], f"`Generator[int, None, None]` cannot travel: {STREAM}"),
        (Awaitable[int], f"`Awaitable[int]` cannot travel: {LATER}"),
        (Coroutine[Any, Any, int], f"`Coroutine[Any, Any, int]` cannot travel: {LATER}"),
        (AsyncIterator[int], f"`AsyncIterator[int]` cannot travel: {LATER}"),
        (TextIO, f"`TextIO` cannot travel: {FILE}"),
        (io.BytesIO, f"`BytesIO` cannot travel: {FILE}"),
        (socket.socket, f"`socket` cannot travel: {FILE}"),
        (threading.Event, f"`Event` cannot travel: {LOCK}"),
        (type(threading.RLock()), f"`RLock` cannot travel: {LOCK}"),
        (type[int], f"`type[int]` cannot travel: {CLASS}"),
        (type, f"`type` cannot travel: {CLASS}"),
        (numbers.Number, f"`Number` cannot travel: {VAGUE}"),
        (SupportsInt, f"`SupportsInt` cannot travel: {VAGUE}"),
        (Hashable, f"`Hashable` cannot travel: {VAGUE}"),
        (KeysView[str], f"`KeysView[str]` cannot travel: {VIEW}"),
        (types.ModuleType, f"`module` cannot travel: {MODULE}"),
        (Engine, f"`Engine` cannot travel: {FIELDS}"),
        (tuple[int, *tuple[str, ...]], f"`tuple[int, tuple[str, ...]]` cannot travel: {OPEN}"),
        ("Unknown", f"`Unknown` {RECURSIVE}"),
    ],
)
def test_what_cannot_travel(declared: object, text: str) -> None:
    """The text says which type it is, why it cannot travel, and what to write instead."""
    for each in (
        declared,
        list.__class_getitem__(declared),
        dict.__class_getitem__((str, declared)),
    ):
        with pytest.raises(CannotTravel) as caught:
            Codecs().codec(each)
        assert str(caught.value) == text


def test_the_field_is_named() -> None:
    """A field that cannot travel is named with its class."""
    with pytest.raises(CannotTravel) as caught:
        Codecs().codec(Button | None)
    assert str(caught.value) == f"Button.pressed: `Callable[[], None]` cannot travel: {CODE}"


def test_a_failure_leaves_nothing_behind() -> None:
    """A type that failed fails again, and others that it mentions still work."""
    codecs = Codecs()
    for _ in range(2):
        with pytest.raises(CannotTravel):
            codecs.codec(tuple[Button, int])
    assert codecs.codec(tuple[int, int]).text == "tuple[int, int]"
