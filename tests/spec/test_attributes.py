"""Properties and fields: their types, and what may be assigned to them."""

from __future__ import annotations

from support.reading import Folder, attribute, shown, signature


def test_properties(folder: Folder) -> None:
    """A property is read with its type and docstring, and is settable if it has a setter."""
    cls = folder.shared("""
        from functools import cached_property
        from kinfolk import hidden, shared

        @shared
        class Thing:
            @property
            def size(self) -> int:
                '''How large it is.'''
                return 1

            @property
            def limit(self) -> int: ...
            @limit.setter
            def limit(self, value: int | str) -> None: ...

            @property
            @hidden
            def secret(self) -> object: ...

            @cached_property
            def total(self) -> float:
                '''Computed once.'''
                return 1.0

            @cached_property
            @hidden
            def unseen(self) -> object: ...
    """)
    assert shown(cls) == {"size": "int", "limit": "int = int | str", "total": "float"}
    assert attribute(cls, "size").doc == "How large it is."
    assert attribute(cls, "total").doc == "Computed once."


def test_public_fields(folder: Folder) -> None:
    """Public attrs fields are attributes; private ones and class variables are not."""
    cls = folder.shared("""
        from typing import ClassVar
        import attrs
        from kinfolk import shared

        @shared
        @attrs.define
        class Thing:
            limit: int = 1000
            '''How many
                pages.'''
            name: "str | None" = None
            _hidden: object = None
            COUNT: ClassVar[int] = 0
            plain = 5
    """)
    assert shown(cls) == {"limit": "int = int", "name": "str | None = str | None"}
    assert attribute(cls, "limit").doc == "How many\npages."


def test_fields_with_types_as_arguments(folder: Folder) -> None:
    """The older spelling of attrs, with `type=` or without annotations, is read too."""
    cls = folder.shared("""
        import attr
        from kinfolk import shared

        @shared
        @attr.s
        class Thing:
            a = attr.ib(type=int, default=1)
            b: str = attr.ib("x")
    """)
    assert shown(cls) == {"a": "int = int", "b": "str = str"}
    assert signature(cls.constructor) == "(a: int = 1, b: str = <...>) -> @Thing"


def test_fields_that_cannot_be_assigned(folder: Folder) -> None:
    """Frozen classes and fields are read-only, however they are frozen."""
    spec = folder.read("""
        import dataclasses
        from typing import Final
        import attrs
        from kinfolk import shared

        @shared
        @attrs.frozen
        class Frozen:
            a: int

        @shared
        @attrs.define(on_setattr=attrs.setters.frozen)
        class Closed:
            a: int

        @shared
        @attrs.define
        class Partly:
            a: int = attrs.field(on_setattr=attrs.setters.frozen)
            b: int
            c: Final[int]

        @shared
        @dataclasses.dataclass(frozen=True)
        class Data:
            a: int

        @shared
        @attrs.define
        class Derived(Frozen):
            b: int
    """)
    found = {cls.name: shown(cls) for cls in spec.classes}
    assert found["Frozen"] == {"a": "int"}
    assert found["Closed"] == {"a": "int"}
    assert found["Partly"] == {"a": "int", "b": "int = int", "c": "int"}
    assert found["Data"] == {"a": "int"}


def test_fields_of_dataclasses(folder: Folder) -> None:
    """Dataclass fields are attributes as those of attrs are; what is only a parameter is not."""
    cls = folder.shared("""
        from dataclasses import KW_ONLY, InitVar, dataclass, field
        from kinfolk import shared

        @shared
        @dataclass
        class Thing:
            a: int
            start: InitVar[int]
            b: list[str] = field(default_factory=list)
            _: KW_ONLY
            c: float = 1.0
            d: int = field(default=3, init=False)
    """)
    assert shown(cls) == {
        "a": "int = int",
        "b": "list[str] = list[str]",
        "c": "float = float",
        "d": "int = int",
    }
    assert signature(cls.constructor) == (
        "(a: int, start: int, b: list[str] = <...>, *, c: float = 1.0) -> @Thing"
    )
    assert cls.doc is None


def test_converters(folder: Folder) -> None:
    """A field takes what its converter takes, where a converter says so."""
    cls = folder.shared("""
        import attrs
        from kinfolk import shared

        def parse(text: str | int) -> int:
            return int(text)

        def untyped(value):
            return value

        @shared
        @attrs.define
        class Thing:
            a: int = attrs.field(converter=parse)
            b: int | None = attrs.field(converter=attrs.converters.optional(parse), default=None)
            c: int = attrs.field(converter=int, default="3")
            d: int = attrs.field(converter=[parse, abs], default=0)
            e: int = attrs.field(converter=untyped, default=0)
            f: int = attrs.field(converter=lambda x: x, default=0)
            g: int = attrs.field(converter=attrs.converters.default_if_none(7), default=None)
            _h: int = attrs.field(converter=attrs.converters.pipe(parse, abs), default="1")
    """)
    assert shown(cls) == {
        "a": "int = str | int",
        "b": "int | None = str | int | None",
        "c": "int = int",
        "d": "int = str | int",
        "e": "int = int",
        "f": "int = int",
        "g": "int = int | None",
    }
    assert signature(cls.constructor) == (
        '(a: str | int, b: str | int | None = None, c: int = <"3">, d: str | int = 0,'
        ' e: int = 0, f: int = 0, g: int | None = None, h: str | int = "1") -> @Thing'
    )


def test_a_cached_property_of_a_class_with_slots(folder: Folder) -> None:
    """A cached property is found also where attrs replaced it by a slot."""
    cls = folder.shared("""
        from functools import cached_property
        import attrs
        from kinfolk import shared

        @shared
        @attrs.define
        class Thing:
            a: int

            @cached_property
            def b(self) -> str:
                return ""
    """)
    assert shown(cls) == {"a": "int = int", "b": "str"}


def test_attributes_that_cannot_be_remote(folder: Folder) -> None:
    """What is wrong with an attribute is said where it stands, with what to do about it."""
    assert folder.problems("""
        import threading
        from collections.abc import Iterator
        from typing import TypeVar
        import attrs
        from kinfolk import shared

        T = TypeVar("T")

        @shared
        @attrs.define
        class Thing:
            lock: threading.Lock
            item: T

            @property
            def size(self): ...
            @property
            def items(self) -> Iterator[int]: ...
            @property
            async def later_on(self) -> int: ...
            limit = property(None, lambda self, value: None)
            @property
            def level(self) -> int: ...
            @level.setter
            def level(self, value): ...

        @shared
        @attrs.define
        class Bare:
            bare = attrs.field(default=1)
    """) == [
        (
            "12: field `Thing.lock`: `lock` cannot travel: it belongs to its process; share a"
            " kinfolk.types.RLock; a field that is to stay at the server starts with an underscore"
        ),
        (
            "13: field `Thing.item`: `T` is no type parameter of the class; add `Generic[T]` to its"
            " bases, or write another type"
        ),
        "16: property `Thing.size` has no type; annotate it",
        "18: property `Thing.items` is an iterator; make it a method, so that it streams",
        "20: property `Thing.later_on` is async; write it with `def`",
        "21: property `Thing.limit` cannot be read, only set; make it a method",
        "25: the value of setter `Thing.level` has no type; annotate it",
        "30: field `Bare.bare` has no type; write `bare: <type> = …`",
    ]


def test_fields_that_are_declared_nowhere(folder: Folder) -> None:
    """A field that does not stand in the body of its class has no type to read."""
    assert folder.problems("""
        import attrs
        from kinfolk import factory, manager, shared

        class Plain:
            def run(self) -> None: ...

        @shared
        class Thing(Plain):
            pass

        Thing = attrs.define(Thing, these={"a": attrs.field(), "_b": attrs.field()}, slots=False)

        @manager
        class Things:
            thing = factory(Thing)
    """) == [
        "8: field `Thing.a` is declared nowhere in the source; declare it in the body of the class",
        (
            "8: field `_b` of `Thing` is declared nowhere in the source; declare it in the body of"
            " the class"
        ),
        (
            "8: field `a` of `Thing` is declared nowhere in the source; declare it in the body of"
            " the class"
        ),
    ]
