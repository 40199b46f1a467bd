"""The fields of values as canonical text."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Literal, NamedTuple, NewType, TypedDict

import attrs
import msgspec
import pytest

from kinfolk.spec.layouts import layouts
from kinfolk.spec.model import Name


class Color(enum.Enum):
    """An enumeration."""

    RED = 1
    ODD = (1, 2)


@attrs.frozen
class Leaf:
    """Reached by others."""

    color: Color


@attrs.frozen
class Page:
    """An attrs class."""

    url: str
    _leaves: list[Leaf | None] = attrs.field(factory=list[Leaf | None])
    parent: Page | None = None


@dataclasses.dataclass
class Data:
    """A dataclass."""

    size: Annotated[int, object()]
    more: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)


class Pair(NamedTuple):
    """A named tuple."""

    x: int
    y: Literal["a", 1] = "a"


class Options(TypedDict, total=False):
    """A typed dictionary."""

    leaf: Leaf


class Struct(msgspec.Struct):
    """A struct."""

    a: int
    b: str = ""


@attrs.frozen
class Unknown:
    """Has a field whose type only a checker knows."""

    thing: Nowhere  # type: ignore[name-defined]  # noqa: F821


Url = NewType("Url", str)
Leaves = list[Leaf]


def found(name: str) -> list[str]:
    """Return the lines for a name of this module, modules left out of them."""
    return [
        line.replace(f"{__name__}.", "").replace("builtins.", "")
        for line in layouts([Name(__name__, name)])
    ]


LEAF = ["Color(ODD: typing.Any, RED: Literal[1])", "Leaf(color: Color)"]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Leaf", LEAF),
        (
            "Page",
            [*LEAF, "Page(_leaves: list[Leaf | None]?, parent: Page | None?, url: str)"],
        ),
        (
            "Data",
            ["Data(more: dict[str, tuple[int, ...]]?, size: int)"],
        ),
        ("Pair", ["Pair(x: int, y: Literal['a', 1]?)"]),
        ("Options", [*LEAF, "Options(leaf: Leaf?)"]),
        ("Struct", ["Struct(a: int, b: str?)"]),
        ("Unknown", ["Unknown(thing: Nowhere)"]),
        ("Leaves", [*LEAF, "Leaves = list[Leaf]"]),
    ],
)
def test_the_fields_of_all_that_is_reached_are_listed(name: str, lines: list[str]) -> None:
    """Each kind of value says its fields, their types, and which of them can be left out."""
    assert found(name) == sorted(lines)


def test_what_cannot_be_imported_is_passed_over() -> None:
    """The layout of an unknown name is no one's concern here: the reader reports it."""
    assert layouts([Name("nowhere", "Page"), Name(__name__, "Missing")]) == ()


def test_types_without_fields_say_nothing() -> None:
    """Builtins are known at both ends."""
    names = [Name("builtins", "int"), Name("typing", "Optional"), Name("datetime", "date")]
    assert layouts(names) == ()
