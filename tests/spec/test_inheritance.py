"""Inheritance: members of bases that are not shared, and proxies of those that are."""

from __future__ import annotations

from support.reading import Folder, find, method, shown, typed

BASES = """
    from dataclasses import dataclass
    from decimal import Decimal as Page

    class Named:
        def name(self) -> str: ...
        def page(self, x: Page) -> "list[Page]": ...
        def _private(self) -> object: ...
"""


def test_members_of_plain_bases(folder: Folder) -> None:
    """Members of a base that is not shared are the class's own, with their names as there."""
    folder.write("bases", BASES)
    cls = folder.shared("""
        import attrs
        from bases import Named
        from kinfolk import shared

        @attrs.frozen
        class Page:
            url: str

        @shared
        class Thing(Named):
            def own(self) -> Page: ...
            def name(self) -> str: ...
    """)
    assert shown(cls) == {
        "own": "() -> app_spec:Page",
        "name": "() -> str",
        "page": "(x: decimal:Decimal) -> list[decimal:Decimal]",
    }
    assert cls.bases == ()


def test_type_parameters_of_bases_are_filled_in(folder: Folder) -> None:
    """What a class fills in for the parameters of its bases stands in the members it inherits."""
    folder.write(
        "bases",
        """
        from typing import Generic, TypeVar
        K = TypeVar("K")
        V = TypeVar("V")

        class Reads(Generic[K, V]):
            def get(self, key: K) -> V | None: ...

        class Writes(Reads[str, list[V]], Generic[V]):
            def put(self, key: str, value: V) -> None: ...
    """,
    )
    spec = folder.read("""
        from typing import Generic, TypeVar
        from bases import Reads, Writes
        from kinfolk import shared

        T = TypeVar("T")

        @shared
        class Numbers(Writes["int"]):
            pass

        @shared
        class Open(Writes[T], Generic[T]):
            pass

        @shared
        class Bare(Reads):
            pass
    """)
    assert shown(find(spec, "Numbers")) == {
        "put": "(key: str, value: int) -> None",
        "get": "(key: str) -> list[int] | None",
    }
    assert shown(find(spec, "Open")) == {
        "put": "(key: str, value: ?T) -> None",
        "get": "(key: str) -> list[?T] | None",
    }
    assert shown(find(spec, "Bare")) == {"get": "(key: typing:Any) -> typing:Any | None"}


def test_shared_bases(folder: Folder) -> None:
    """Proxies inherit what shared bases expose, so only the class's own members are read."""
    spec = folder.read("""
        from kinfolk import shared

        @shared
        class Thing(object):
            def run(self) -> None: ...
            def stop(self) -> None: ...

        class Mixed:
            def mix(self) -> None: ...

        @shared
        class Better(Mixed, Thing):
            def stop(self) -> None: ...

        @shared
        class Best(Better, Thing):
            def win(self) -> None: ...
    """)
    found = {cls.name: (list(shown(cls)), [typed(b) for b in cls.bases]) for cls in spec.classes}
    assert found == {
        "Thing": (["run", "stop"], []),
        "Better": (["stop", "mix"], ["@Thing"]),
        "Best": (["win"], ["@Better"]),
    }


def test_shared_bases_come_first(folder: Folder) -> None:
    """Classes stand in the order of the source, but for bases, wherever they are defined."""
    folder.write(
        "library",
        """
        from kinfolk import shared

        @shared
        class Base:
            def run(self) -> None: ...
    """,
    )
    spec = folder.read("""
        from kinfolk import shared
        import library

        @shared
        class First:
            def second(self) -> "Second": ...

        @shared
        class Second(library.Base):
            def go(self) -> None: ...
    """)
    assert [cls.name for cls in spec.classes] == ["First", "Base", "Second"]


def test_generic_shared_bases(folder: Folder) -> None:
    """A shared base keeps its type arguments, through bases that are not shared as well."""
    spec = folder.read("""
        from typing import Generic, TypeVar
        from kinfolk import shared

        T = TypeVar("T")

        @shared
        class Box(Generic[T]):
            def get(self) -> T: ...

        class Middle(Box[list[T]]):
            def last(self) -> T: ...

        @shared
        class Words(Middle["str"]):
            pass
    """)
    words = find(spec, "Words")
    assert [typed(base) for base in words.bases] == ["@Box[list[str]]"]
    assert shown(words) == {"last": "() -> str"}


def test_the_order_of_resolution_decides(folder: Folder) -> None:
    """A member that a shared base overrides for a plain one is not exposed a second time."""
    spec = folder.read("""
        from kinfolk import shared

        class Plain:
            def run(self) -> int: ...
            def rest(self) -> int: ...

        @shared
        class Base:
            def run(self) -> str: ...

        @shared
        class Thing(Base, Plain):  # type: ignore
            pass
    """)
    assert shown(find(spec, "Thing")) == {"rest": "() -> int"}


def test_hidden_members(folder: Folder) -> None:
    """`@hidden` keeps a member off the wire, also where a base that is not shared has it."""
    cls = folder.shared("""
        from kinfolk import hidden, shared

        class Plain:
            def run(self) -> int: ...
            def rest(self) -> int: ...

        @shared
        class Thing(Plain):
            @hidden
            def run(self) -> int: ...
            @hidden
            def anything(self, *args) -> object: ...
            @hidden
            def __getattr__(self, name: str) -> object: ...
            @staticmethod
            @hidden
            def helper(x): ...
    """)
    assert shown(cls) == {"rest": "() -> int"}


def test_abstract_bases_of_the_standard_library(folder: Folder) -> None:
    """Abstract bases without public methods, and generic ones, are fine."""
    cls = folder.shared("""
        from abc import ABC, abstractmethod
        from collections.abc import Container, Iterable, Iterator, Sized
        from contextlib import AbstractContextManager
        from typing import Protocol
        from kinfolk import shared

        class Runs(Protocol):
            def run(self) -> int:
                '''Run it.'''

        class Base(ABC):
            @abstractmethod
            def stop(self) -> None: ...

        @shared
        class Thing(Base, Runs, Sized, Iterable[int], Container[int]):
            def stop(self) -> None: ...
            def run(self) -> int: ...
            def __len__(self) -> int: ...
            def __iter__(self) -> Iterator[int]: ...
            def __contains__(self, item: object) -> bool: ...
    """)
    assert list(shown(cls)) == ["stop", "run", "__len__", "__iter__", "__contains__"]
    assert method(cls, "run").doc == "Run it."


def test_bases_that_cannot_be_read(folder: Folder) -> None:
    """Public methods of a class in C or in the standard library are refused."""
    assert folder.problems("""
        from collections.abc import Iterator, Mapping
        from kinfolk import hidden, shared

        @shared
        class Store(Mapping[str, int]):
            def __getitem__(self, key: str) -> int: ...
            def __len__(self) -> int: ...
            def __iter__(self) -> Iterator[str]: ...
            def get(self, key: str) -> int | None: ...

        @shared
        class Base:
            def run(self) -> None: ...
            def stop(self) -> None: ...

        @shared
        class Derived(Base):
            @hidden
            def run(self) -> None: ...
            @hidden
            def __eq__(self, other: object) -> bool: ...
    """) == [
        (
            "5: `Store` inherits `keys`, `items`, `values` from `Mapping`, whose types cannot be"
            " read; keep a `Mapping` in a private field, and define in `Store` what is to be shared"
        ),
        (
            "19: `Derived.run` is `@hidden`, and proxies inherit it from that of `Base` all the"
            " same; hide it there too, or derive from a class that is not shared"
        ),
    ]


def test_proxies_inherit_from_mixins_too(folder: Folder) -> None:
    """Members of a mixin may have what cannot travel, and are none of the proxy's own."""
    folder.write(
        "bases",
        """
        from kinfolk.declare import mixin

        @mixin
        class Mapped:
            def map(self, function): ...
    """,
    )
    spec = folder.read("""
        from bases import Mapped
        from kinfolk import shared

        @shared
        class Thing(Mapped):
            def own(self) -> int: ...

        @shared
        class Other(Thing):
            def more(self) -> int: ...
    """)
    thing, other = find(spec, "Thing"), find(spec, "Other")
    assert [(name.module, name.qualname) for name in thing.mixins] == [("bases", "Mapped")]
    assert shown(thing) == {"own": "() -> int"}
    assert other.mixins == ()
