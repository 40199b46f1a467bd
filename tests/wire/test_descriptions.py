"""What a manager says of what it offers."""

from __future__ import annotations

import inspect
from typing import Any, NewType

import attrs
import msgspec
import pytest
from golden.crawler.manager import CrawlManager
from golden.generics.manager import GenericsManager
from golden.signatures.manager import SignaturesManager

from kinfolk.proxy import Proxy
from kinfolk.wire.descriptions import (
    Argument,
    Description,
    Field,
    Function,
    Parts,
    decode_description,
    describe_offer,
)
from kinfolk.wire.shared import SharedType
from kinfolk.wire.table import ManagerType, Table, type_of

PAGE = "golden.crawler.spec.Page"
Name = NewType("Name", str)


@attrs.frozen
class Tree:
    """A value that leads to itself, and to another."""

    name: Name
    leaves: list[Leaf]
    trees: dict[str, Tree] = attrs.field(factory=dict[str, "Tree"])


@attrs.frozen
class Leaf:
    """A value within a value."""

    size: int = 0


class GardenProxy(Proxy):
    """What would be generated for a garden."""

    _shared = SharedType("garden.spec.Garden")

    def plant(self, tree: Tree | None = None) -> GardenProxy:
        """Take a value and return a shared object."""
        return self._call("plant", {"tree": tree})  # type: ignore[no-any-return]


GARDEN = ManagerType(
    "garden.spec",
    "Garden",
    "garden.spec.Garden",
    Table("garden.spec", "", (GardenProxy,)),
    lambda: {"garden": GardenProxy},
    dict,
)


def crawler() -> Description:
    """Return what the crawler of the goldens says of itself."""
    return describe_offer(type_of(CrawlManager))


def test_members_say_their_parameters_and_results() -> None:
    """Name, kind, type and whether it has to be given; and what comes back."""
    frontier = crawler().classes["golden.crawler.spec.Frontier"]
    keyword = int(inspect.Parameter.KEYWORD_ONLY)
    either = int(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    url = Argument("url", either, "builtins.str", True)
    priority = Argument("priority", keyword, "builtins.int", False)
    assert frontier["push"] == Function((url, priority), "builtins.bool", False)
    assert frontier["pop"] == Function((), f"{PAGE} | None", False)
    assert frontier["limit"] == Function((), "builtins.int", False)
    value = Argument("value", either, "builtins.int", True)
    assert frontier["limit="] == Function((value,), "None", False)


def test_a_stream_says_what_its_items_are() -> None:
    """However the iterator is called at each end."""
    frontier = crawler().classes["golden.crawler.spec.Frontier"]
    assert frontier["__iter__"] == Function((), PAGE, True)


def test_any_number_of_arguments_travel_as_one() -> None:
    """`*args` and `**kwargs` have a type of their own on the wire, and need not be given."""
    (pages,) = crawler().classes["golden.crawler.spec.Job"]["add"].arguments
    assert (pages.type, pages.wire_type) == (PAGE, f"builtins.tuple[{PAGE}, ...]")
    assert not pages.required
    more = Argument("more", int(inspect.Parameter.VAR_KEYWORD), PAGE, False)
    assert more.wire_type == f"builtins.dict[builtins.str, {PAGE}]"


def test_entries_name_shared_classes_as_the_spec_does() -> None:
    """No generated module is named, which each end may have elsewhere."""
    found = crawler()
    assert (
        found.singletons["cookies"]
        == "kinfolk.types.containers_spec.Dict[builtins.str, builtins.str]"
    )
    assert found.singletons["frontier"] == "golden.crawler.spec.Frontier"
    assert found.factories["job"].result == "golden.crawler.spec.Job"
    assert [argument.name for argument in found.factories["job"].arguments] == ["name", "retries"]


def test_type_variables_of_a_class_go_by_name() -> None:
    """In a class derived from a parametrised one they are what they stand for there."""
    classes = describe_offer(type_of(GenericsManager)).classes
    box = classes["golden.generics.spec.Box"]
    assert box["put"].arguments[0].type == "_T"
    assert box["merged"].result == "golden.generics.spec.Box[_T]"
    assert classes["golden.generics.spec.NamedBox"]["put"].arguments[0].type == "builtins.str"


def test_a_type_variable_of_a_method_is_anything() -> None:
    """The codec takes any value for it."""
    box = describe_offer(type_of(GenericsManager)).classes["golden.generics.spec.Box"]
    assert box["beside"].arguments[0].type == "typing.Any"


def test_values_say_what_they_are_made_of() -> None:
    """All that a type leads to is described once, recursive classes and new types included."""
    here = __name__
    parts = describe_offer(GARDEN).parts
    assert parts == {
        f"{here}.Name": Parts("alias", (Field("", "builtins.str", True),)),
        f"{here}.Leaf": Parts("object", (Field("size", "builtins.int", False),)),
        f"{here}.Tree": Parts(
            "object",
            (
                Field("name", f"{here}.Name", True),
                Field("leaves", f"builtins.list[{here}.Leaf]", True),
                Field("trees", f"builtins.dict[builtins.str, {here}.Tree]", False),
            ),
        ),
    }


@pytest.mark.parametrize("manager", [CrawlManager, GenericsManager, SignaturesManager])
def test_a_description_travels(manager: Any) -> None:
    """What arrives is what was sent, and the same is made each time."""
    offer = type_of(manager)
    data = msgspec.msgpack.encode(describe_offer(offer))
    assert decode_description(msgspec.Raw(data)) == describe_offer(offer)


@pytest.mark.parametrize("content", [None, [], [{}, {}, {}, {"x": ["shape", []]}]])
def test_what_is_no_description_is_refused(content: object) -> None:
    """It comes from a peer."""
    with pytest.raises(msgspec.MsgspecError):
        decode_description(msgspec.Raw(msgspec.msgpack.encode(content)))
