"""Types as their author wrote them: names, quotes, aliases, and where everything comes from."""

from __future__ import annotations

import pytest
from support.reading import Folder, method, shown

from kinfolk.spec.model import Name


def test_names_are_bound_to_where_they_are_imported_from(folder: Folder) -> None:
    """A name stands for the module that its author imports it from, under its name there."""
    folder.write("lib.impl", "class Page: ...\nclass Other: ...")
    folder.write("lib.api", "from lib.impl import Page as Sheet")
    cls = folder.shared("""
        import collections.abc
        import os.path
        import typing as t
        import lib.impl as impl
        from datetime import date as Day
        from lib import api
        from kinfolk import shared

        @shared
        class Thing:
            def a(self, x: collections.abc.Sequence[int]) -> t.Optional[Day]: ...
            def b(self, x: t.Union[int, None]) -> t.List[t.Any]: ...
            def c(self, x: "list[Day]", *y: 'Day') -> dict[str, "Day | None"]: ...
    """)
    assert shown(cls) == {
        "a": "(x: collections.abc:Sequence[int]) -> typing:Optional[datetime:date]",
        "b": "(x: typing:Union[int, None]) -> typing:List[typing:Any]",
        "c": "(x: list[datetime:date], *y: datetime:date) -> dict[str, datetime:date | None]",
    }


def test_values_of_other_modules(folder: Folder) -> None:
    """Values are named in the module that the spec imports them from, nested ones with dots."""
    folder.write(
        "lib.impl",
        """
        import attrs

        @attrs.frozen
        class Page:
            url: str

            @attrs.frozen
            class Part:
                text: str
        """,
    )
    folder.write("lib.api", "from lib.impl import Page as Sheet")
    folder.write(
        "lib.things",
        """
        from typing import TYPE_CHECKING
        from kinfolk import shared
        from . import api
        from .impl import Page

        if TYPE_CHECKING:
            from lib import impl

        @shared
        class Thing:
            def a(self, x: api.Sheet, y: "impl.Page.Part") -> Page.Part: ...
        """,
    )
    cls = folder.shared(
        "from lib.things import Thing\nfrom kinfolk import manager, singleton\n"
        "@manager\nclass M:\n    thing = singleton(Thing)\n"
    )
    assert shown(cls) == {"a": "(x: lib.api:Sheet, y: lib.impl:Page.Part) -> lib.impl:Page.Part"}


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_quotes(folder: Folder, future: str) -> None:
    """Quotes come off types and stay on strings, with or without the future import."""
    cls = folder.shared(
        future
        + """
from typing import Annotated, Literal, Optional
from kinfolk import shared

@shared
class Thing:
    def whole(self, x: "int") -> "Optional[Thing]": ...
    def part(self, x: "dict['str', list['int']]") -> list["Thing"]: ...
    def literal(self, x: Literal["a", 'b'], y: "Literal['c', 1, None]") -> "Literal['d']": ...
    def noted(self, x: Annotated[int, "metres", len("ab")], y: "Annotated['str', 'x']") -> None: ...
    def folded(self, x: "list[int]"
                        "| None") -> None: ...
"""
    )
    assert shown(cls) == {
        "whole": "(x: int) -> typing:Optional[@Thing]",
        "part": "(x: dict[str, list[int]]) -> list[@Thing]",
        "literal": "(x: typing:Literal[\"a\", 'b'], y: typing:Literal['c', 1, None])"
        " -> typing:Literal['d']",
        "noted": '(x: typing:Annotated[int, "metres", len("ab")],'
        " y: typing:Annotated[str, 'x']) -> None",
        "folded": "(x: list[int] | None) -> None",
    }


def test_other_forms(folder: Folder) -> None:
    """Tuples, enumerated literals, `Self` and unions of shared classes keep their form."""
    cls = folder.shared("""
        from enum import Enum
        from typing import Literal, Self
        import typing_extensions as te
        from kinfolk import shared

        class Color(Enum):
            RED = 1

        @shared
        class Other:
            def ping(self) -> None: ...

        @shared
        class Thing:
            def a(self, x: tuple[()], y: tuple[int, ...]) -> Self: ...
            def b(self, x: Literal[Color.RED]) -> te.Self | None: ...
            def c(self, x: 'Other | Thing') -> dict[str, list[Other]] | None: ...
    """)
    assert shown(cls) == {
        "a": "(x: tuple[()], y: tuple[int, ...]) -> typing:Self",
        "b": "(x: typing:Literal[app_spec:Color.RED]) -> typing_extensions:Self | None",
        "c": "(x: @Other | @Thing) -> dict[str, list[@Other]] | None",
    }


def test_imports_for_type_checkers(folder: Folder) -> None:
    """Names imported under `TYPE_CHECKING` are followed as if they were imported for real."""
    folder.write(
        "other_things",
        "from kinfolk import shared\nimport app_spec\n\n"
        "@shared\nclass Job:\n    def run(self) -> None: ...\n",
    )
    spec = folder.read("""
        from __future__ import annotations
        import typing
        from typing import TYPE_CHECKING
        from kinfolk import shared

        if TYPE_CHECKING:
            import decimal as d
            from fractions import Fraction as F

        if typing.TYPE_CHECKING:
            from other_things import Job

        @shared
        class Thing:
            def work(self, x: d.Decimal, job: Job) -> F | None: ...
    """)
    thing = next(cls for cls in spec.classes if cls.name == "Thing")
    assert shown(thing) == {"work": "(x: decimal:Decimal, job: @Job) -> fractions:Fraction | None"}
    assert [cls.name for cls in spec.classes] == ["Thing", "Job"]


def test_aliases(folder: Folder) -> None:
    """Aliases stay names, but for those that mention shared classes or cannot be imported."""
    folder.write(
        "aliases",
        """
        from typing import TypeVar, Union
        T = TypeVar("T")
        Number = Union[int, float]
        Rows = dict[str, list[T]]
    """,
    )
    cls = folder.shared("""
        from __future__ import annotations
        from typing import TYPE_CHECKING, TypeAlias, TypeVar
        from aliases import Number, Rows
        from kinfolk import shared

        T = TypeVar("T")
        Url = str
        Pages: TypeAlias = "dict[Url, bytes]"
        Things = list["Thing"]
        ThingsBy = dict[T, Things]
        Maybe: TypeAlias = "Thing | None"

        if TYPE_CHECKING:
            Hidden = tuple[int, str]

        @shared
        class Thing:
            Key = tuple[int, int]

            def a(self, x: Url, y: Number, z: Pages) -> Rows[int]: ...
            def b(self, x: Things, y: Maybe) -> ThingsBy[str]: ...
            def c(self, x: Hidden, y: Key) -> None: ...
            def d(self, x: ThingsBy, y: Rows) -> None: ...
    """)
    assert shown(cls) == {
        "a": "(x: app_spec:Url, y: aliases:Number, z: dict[app_spec:Url, bytes])"
        " -> aliases:Rows[int]",
        "b": "(x: list[@Thing], y: @Thing | None) -> dict[str, list[@Thing]]",
        "c": "(x: tuple[int, str], y: tuple[int, int]) -> None",
        "d": "(x: dict[typing:Any, list[@Thing]], y: aliases:Rows) -> None",
    }


def test_an_alias_of_an_iterator_streams(folder: Folder) -> None:
    """A result that is an iterator by an alias is expanded, so that it is seen to stream."""
    cls = folder.shared("""
        from collections.abc import Iterator
        from kinfolk import shared

        Numbers = Iterator[int]

        @shared
        class Thing:
            def count(self) -> Numbers: ...
    """)
    assert shown(cls) == {"count": "() -> collections.abc:Iterator[int]"}
    assert method(cls, "count").ahead == 1


def test_star_imports(folder: Folder) -> None:
    """A name that comes by a star import belongs to the module that is imported."""
    folder.write(
        "stars",
        "from decimal import Decimal\nfrom dataclasses import *\n"
        "class Page: ...\n__all__ = ['Decimal', 'Page']\n",
    )
    cls = folder.shared("""
        from kinfolk import shared
        from stars import *
        from stars import Decimal as D
        import attrs

        @attrs.frozen
        class Box:
            page: int

        @shared
        class Thing:
            def a(self, x: Decimal, y: D) -> list[Box]: ...
    """)
    assert shown(cls) == {"a": "(x: stars:Decimal, y: stars:Decimal) -> list[app_spec:Box]"}


def test_names_bound_in_branches(folder: Folder) -> None:
    """Of several imports of one name, the one that took effect counts."""
    cls = folder.shared("""
        import sys
        from kinfolk import shared

        if sys.version_info >= (3, 99):
            from future_lib import Number
        else:
            from decimal import Decimal as Number

        try:
            from fractions import Fraction as Part
        except ImportError:
            from decimal import Decimal as Part

        try:
            from no_such_lib import Day
        except ImportError:
            from datetime import date as Day

        @shared
        class Thing:
            def a(self, x: Number, y: Part) -> Day: ...
    """)
    assert shown(cls) == {"a": "(x: decimal:Decimal, y: fractions:Fraction) -> datetime:date"}


def test_members_do_not_hide_types(folder: Folder) -> None:
    """In a class with a method or a field called like a type, annotations mean the type."""
    cls = folder.shared("""
        from __future__ import annotations
        from datetime import date
        import attrs
        from kinfolk import shared

        @shared
        @attrs.define
        class Thing:
            date: date
            def set(self, x: set[int]) -> None: ...
            def list(self) -> list[str]: ...
    """)
    assert shown(cls) == {
        "date": "datetime:date = datetime:date",
        "set": "(x: set[int]) -> None",
        "list": "() -> list[str]",
    }


def test_nested_and_private_classes(folder: Folder) -> None:
    """Classes in classes and private ones may stand in signatures."""
    cls = folder.shared("""
        import attrs
        from kinfolk import shared

        @attrs.frozen
        class _Row:
            a: int

        @shared
        class Thing:
            @attrs.frozen
            class Item:
                b: int

            def a(self, x: _Row, y: "Thing.Item") -> Item: ...
    """)
    assert shown(cls) == {"a": "(x: app_spec:_Row, y: app_spec:Thing.Item) -> app_spec:Thing.Item"}


def test_a_package_as_spec(folder: Folder) -> None:
    """Relative imports are followed from a package as from a module."""
    folder.write("pack.parts.values", "import attrs\n@attrs.frozen\nclass Page:\n    url: str\n")
    folder.write(
        "pack.parts.spec",
        """
        from kinfolk import shared
        from .. import parts
        from .values import Page
        from . import values as v

        @shared
        class Thing:
            def a(self, x: Page) -> v.Page: ...
            def b(self) -> 'parts.values.Page': ...
    """,
    )
    from kinfolk.spec.reader import read

    spec = read("pack.parts.spec")
    assert shown(spec.classes[0]) == {
        "a": "(x: pack.parts.values:Page) -> pack.parts.values:Page",
        "b": "() -> pack.parts.values:Page",
    }
    assert spec.values == (Name("pack.parts.values", "Page"),)
    assert spec.file == "pack/parts/spec.py"


def test_mistakes_in_types(folder: Folder) -> None:
    """What is no type, or none that can be checked, is refused with what to write instead."""
    assert folder.problems("""
        import decimal
        from collections.abc import Callable
        from typing import ParamSpec, TypeAlias, TypeVarTuple
        import attrs
        from kinfolk import shared

        P = ParamSpec("P")
        Ts = TypeVarTuple("Ts")
        Json: TypeAlias = "dict[str, Json] | str"

        @attrs.frozen
        class Page:
            text: "Nowhere"

        @shared
        class Thing:
            def a(self, x: decimal) -> None: ...
            def b(self, x: "decimal.Nothing") -> None: ...
            def c(self, x: "decimal.Decimal.Nothing") -> None: ...
            def d(self, *args: P.args, **kwargs: P.kwargs) -> None: ...
            def e(self, *args: "*Ts") -> None: ...
            def f(self, x: "tuple[*Ts]") -> None: ...
            def g(self, x: "f()") -> None: ...
            def h(self, x: "(int)[0].y") -> None: ...
            def i(self, x: Callable[[int], str]) -> None: ...
            def j(self, x: Json) -> None: ...
            def k(self) -> Page: ...
    """) == [
        "17: parameter 'x' of `Thing.a`: `decimal` is a module, not a type",
        "18: parameter 'x' of `Thing.b`: the module `decimal` has no `Nothing` at run time",
        "19: parameter 'x' of `Thing.c`: `decimal.Decimal` has no `Nothing` at run time",
        (
            "20: parameter '**kwargs' of `Thing.d`: `P.kwargs` stands for parameters that are not"
            " known; write them out"
        ),
        (
            "20: parameter '*args' of `Thing.d`: `P.args` stands for parameters that are not known;"
            " write them out"
        ),
        "21: parameter '*args' of `Thing.e`: the quoted type '*Ts' is not a type",
        (
            "22: parameter 'x' of `Thing.f`: `*Ts` stands for any number of types; write them"
            " out, or `tuple[X, ...]`"
        ),
        "23: parameter 'x' of `Thing.g`: `f()` is not a type",
        "24: parameter 'x' of `Thing.h`: `int[0].y` is not a type",
        (
            "25: parameter 'x' of `Thing.i`: `Callable[[int], str]` cannot travel: code stays"
            " where it is; pass an object of a @shared class that has it as a method"
        ),
        (
            "26: parameter 'x' of `Thing.j`: `dict[str, Json] | str` is a recursive type that"
            " cannot be followed; define it as `type dict[str, Json] | str = ...`, or with"
            " typing_extensions.TypeAliasType"
        ),
        (
            "27: the result of `Thing.k`: Page.text names 'Nowhere', which is not there at run"
            " time; import it outside of `if TYPE_CHECKING`"
        ),
    ]
