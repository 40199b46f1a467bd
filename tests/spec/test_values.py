"""The values and exceptions that a generated module must know."""

from __future__ import annotations

from support.reading import Folder

from kinfolk.spec.model import Name, Spec
from kinfolk.spec.reader import read


def values(spec: Spec) -> list[str]:
    """Return the values of a spec as text."""
    return [f"{name.module}.{name.qualname}" for name in spec.values]


def test_values_of_the_spec_and_of_its_types(folder: Folder) -> None:
    """Values are those that the spec defines, and those that its types and their fields mention."""
    folder.write(
        "lib",
        """
        from __future__ import annotations
        import dataclasses
        import enum
        from typing import NamedTuple, NewType, TypedDict
        import attrs

        @attrs.frozen
        class Deep:
            x: int

        @dataclasses.dataclass
        class Data:
            deep: list[Deep | None]

        @attrs.frozen
        class InTuple: ...

        @attrs.frozen
        class InDict: ...

        class Row(NamedTuple):
            item: InTuple

        class Mapped(TypedDict):
            item: InDict

        class Color(enum.Enum):
            RED = 1

        @attrs.frozen
        class Unused: ...

        @attrs.frozen
        class Wrapped: ...
        Alias = NewType("Alias", Wrapped)
    """,
    )
    spec = folder.read("""
        from typing import Annotated, Any, Literal
        import attrs
        from lib import Alias, Color, Data, Mapped, Row, Unused
        from kinfolk import shared
        import threading

        @attrs.frozen
        class Own: ...

        @attrs.frozen
        class _Private: ...

        @attrs.frozen
        class Guard:
            lock: threading.Lock

        class Plain: ...

        @shared
        @attrs.define
        class Thing:
            _guard: Guard | None = None
            def a(self, x: Data, y: Row | Mapped) -> dict[str, tuple[Color, ...]]: ...
            def b(self, x: Annotated[Alias, Unused]) -> Literal["Unused"]: ...
    """)
    assert values(spec) == [
        "app_spec.Own",
        "lib.Color",
        "lib.Data",
        "lib.Deep",
        "lib.InDict",
        "lib.InTuple",
        "lib.Unused",
        "lib.Wrapped",
    ]


def test_subclasses_are_values_too(folder: Folder) -> None:
    """Subclasses that the spec or what it imports defines may come in the place of a base."""
    folder.write("pages.base", "import attrs\n@attrs.define\nclass Page:\n    url: str\n")
    folder.write(
        "pages.html",
        "import attrs\nfrom pages.base import Page\n"
        "@attrs.define\nclass Html(Page):\n    title: str\n",
    )
    folder.write(
        "stranger",
        "import attrs\nfrom pages.base import Page\n"
        "@attrs.define\nclass Strange(Page):\n    other: int\n",
    )
    folder.write(
        "other_spec",
        """
        import stranger
        from kinfolk import shared
        from pages.base import Page

        @shared
        class Other:
            def page(self) -> Page: ...
    """,
    )
    text = """
        import threading
        import attrs
        from pages import html
        from pages.base import Page
        from kinfolk import shared

        @attrs.define
        class Stuck(Page):
            lock: threading.Lock

        def local() -> None:
            @attrs.define
            class Local(Page): ...
            kept.append(Local)

        kept = []
        local()

        @shared
        class Thing:
            def page(self) -> Page: ...
    """
    assert values(read("other_spec")) == ["pages.base.Page", "stranger.Strange"]
    assert values(folder.read(text)) == ["pages.base.Page", "pages.html.Html"]


def test_abstract_values(folder: Folder) -> None:
    """An abstract value stands for its subclasses."""
    spec = folder.read("""
        from abc import ABC, abstractmethod
        import attrs
        from kinfolk import shared

        @attrs.frozen
        class Shape(ABC):
            @abstractmethod
            def area(self) -> float: ...

        @attrs.frozen
        class Square(Shape):
            side: float
            def area(self) -> float: ...

        @shared
        class Thing:
            def shape(self) -> Shape: ...
    """)
    assert values(spec) == ["app_spec.Shape", "app_spec.Square"]


def test_exceptions(folder: Folder) -> None:
    """Exceptions are those that the spec defines, imports or names in `@raises`."""
    folder.write(
        "lib",
        """
        import attrs
        class Seen(Exception): ...
        class Unseen(Exception): ...
        class Raised(Exception):
            class Inner(Exception): ...
        class OfClass(Exception): ...
        class OfProperty(Exception): ...
        class OfBase(Exception): ...
        @attrs.define
        class WithFields(Exception):
            code: int
    """,
    )
    spec = folder.read("""
        import queue
        import socket
        from queue import Empty as Nothing
        from kinfolk import KinfolkError, Deadlock, raises, shared
        import lib
        from lib import Seen, WithFields
        from socket import timeout

        class Own(KinfolkError): ...
        class _Private(ValueError): ...
        Again = Own

        class Base:
            @raises(lib.OfBase)
            def base(self) -> None: ...

        @raises(lib.OfClass)
        @shared
        class Thing(Base):
            @raises(lib.Raised.Inner, ValueError)
            def run(self) -> None: ...
            @property
            @raises(lib.OfProperty)
            def size(self) -> int: ...
    """)
    assert spec.errors == (
        Name("app_spec", "Again"),
        Name("app_spec", "_Private"),
        Name("lib", "OfBase"),
        Name("lib", "OfClass"),
        Name("lib", "OfProperty"),
        Name("lib", "Raised.Inner"),
        Name("lib", "Seen"),
        Name("lib", "WithFields"),
        Name("queue", "Empty"),
    )


def test_exceptions_of_other_modules_classes(folder: Folder) -> None:
    """Where a class of another module is generated here, its module's exceptions are known too."""
    folder.write(
        "lib",
        """
        from kinfolk import shared

        class Full(Exception): ...

        @shared
        class Thing:
            def run(self) -> None: ...
    """,
    )
    spec = folder.read("""
        from kinfolk import manager, singleton
        from lib import Thing

        @manager
        class Things:
            thing = singleton(Thing)
    """)
    assert spec.errors == (Name("lib", "Full"),)


def test_a_spec_without_managers(folder: Folder) -> None:
    """A spec may hold shared classes only, for others to offer."""
    spec = folder.read("""
        '''Things to share.'''
        from kinfolk import shared

        @shared(concurrent=True)
        class Thing:
            '''A thing.'''
            def run(self) -> None: ...
    """)
    assert (spec.doc, spec.managers, spec.homes) == ("Things to share.", (), ())
    assert (spec.classes[0].doc, spec.classes[0].concurrent) == ("A thing.", True)
    assert spec.classes[0].location.line == 5


def test_the_layouts_of_values(folder: Folder) -> None:
    """The fields of the values that are declared are part of what a spec says."""
    spec = folder.read("""
        import attrs
        from kinfolk import shared

        @attrs.frozen
        class Page:
            url: str
            status: int = 0

        @shared
        class Thing:
            def page(self) -> Page: ...
    """)
    assert spec.layouts == ("app_spec.Page(status: builtins.int?, url: builtins.str)",)
