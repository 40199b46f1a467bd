"""Constructors: what a factory takes."""

from __future__ import annotations

from support.reading import Folder, signature, typed


def test_attrs_fields_as_parameters(folder: Folder) -> None:
    """A constructor made by attrs takes its fields, under their aliases."""
    cls = folder.shared("""
        import attrs
        from kinfolk import shared

        LIMIT = 5

        @shared
        @attrs.define
        class Thing:
            name: str
            _url: str
            short: int = attrs.field(alias="s")
            limit: int = LIMIT
            count: int = attrs.field(default=0x10)
            tags: list[str] = attrs.field(factory=list)
            made: int = attrs.field(init=False, default=1)
            flag: bool = attrs.field(default=False, kw_only=True)
            must: bool = attrs.field(kw_only=True)
            size: int = attrs.field()

            @size.default
            def _size(self) -> int:
                return 1
    """)
    assert signature(cls.constructor) == (
        "(name: str, url: str, s: int, limit: int = <app_spec:LIMIT>, count: int = 0x10,"
        " tags: list[str] = <...>, size: int = <...>, *, flag: bool = False, must: bool) -> @Thing"
    )


def test_inherited_fields(folder: Folder) -> None:
    """Fields of bases come first, with their names bound where they are declared."""
    folder.write(
        "bases",
        """
        from decimal import Decimal as D
        import attrs

        @attrs.define
        class Base:
            price: D
            _note: str = ""
    """,
    )
    cls = folder.shared("""
        import attrs
        from bases import Base
        from kinfolk import shared

        @shared
        @attrs.define
        class Thing(Base):
            D: int = 1
    """)
    assert signature(cls.constructor) == (
        '(price: decimal:Decimal, note: str = "", D: int = 1) -> @Thing'
    )


def test_a_class_that_inherits_its_constructor(folder: Folder) -> None:
    """A constructor is read in the class that defines it."""
    cls = folder.shared("""
        import attrs
        from kinfolk import shared

        @attrs.define
        class Base:
            a: int

        @shared
        class Thing(Base):
            def run(self) -> None: ...
    """)
    assert signature(cls.constructor) == "(a: int) -> @Thing"


def test_constructors_written_by_hand(folder: Folder) -> None:
    """An `__init__` or a `__new__` in the source says what a factory takes."""
    spec = folder.read("""
        import attrs
        from typing import Protocol, Self
        from kinfolk import shared

        class Runs(Protocol):
            def run(self) -> None: ...

        @shared
        class Init:
            def __init__(self, a: int, *rest: str, b: bool = True): ...
            def run(self) -> None: ...

        @shared
        class New:
            def __new__(cls, a: int) -> Self: ...
            def run(self) -> None: ...

        @shared
        class Neither(Runs):
            def run(self) -> None: ...

        @shared
        @attrs.define(init=False)
        class Own:
            a: int
            def __init__(self, text: str) -> None: ...
    """)
    assert {cls.name: signature(cls.constructor) for cls in spec.classes} == {
        "Init": "(a: int, *rest: str, b: bool = True) -> @Init",
        "New": "(a: int) -> @New",
        "Neither": "() -> @Neither",
        "Own": "(text: str) -> @Own",
    }


def test_generic_factories(folder: Folder) -> None:
    """A factory of a generic class takes what its type arguments say, `Any` if there are none."""
    spec = folder.read(
        """
        from typing import Generic, TypeVar
        import attrs
        from kinfolk import factory, manager, shared, singleton

        K = TypeVar("K")
        V = TypeVar("V")

        @shared
        @attrs.define
        class Pair(Generic[K, V]):
            key: K
            value: list[V]

        @manager
        class Pairs:
            typed = factory(Pair[str, "Pair[int, int]"])
            open = factory(Pair)
    """.replace("open =", "loose =")
    )
    assert [signature(e.constructor) for e in spec.managers[0].entries if e.constructor] == [
        "(key: str, value: list[@Pair[int, int]]) -> @Pair[str, @Pair[int, int]]",
        "(key: typing:Any, value: list[typing:Any]) -> @Pair[typing:Any, typing:Any]",
    ]
    assert signature(spec.classes[0].constructor) == "(key: ?K, value: list[?V]) -> @Pair[?K, ?V]"
    assert [typed(e.shared) for e in spec.managers[0].entries] == [
        "@Pair[str, @Pair[int, int]]",
        "@Pair[typing:Any, typing:Any]",
    ]


def test_only_factories_need_a_remote_constructor(folder: Folder) -> None:
    """What is wrong with a constructor matters where a factory offers the class, and only there."""
    text = """
        import threading
        from kinfolk import factory, manager, shared, singleton

        @shared
        class Thing:
            def __init__(self, lock: threading.Lock, size=3, *, name: str = None) -> None: ...
            def run(self) -> None: ...

        @manager
        class Things:
            one = {}
    """
    assert folder.problems(text.format("singleton(Thing, threading.Lock())"), "one_spec") == []
    assert folder.problems(text.format("factory(Thing)"), "two_spec") == [
        (
            "6: parameter 'lock' of `Thing.__init__`: `lock` cannot travel: it belongs to its"
            " process; share a kinfolk.types.RLock"
        ),
        "6: parameter 'size' of `Thing.__init__` has no type; annotate it",
        (
            "6: the default of parameter 'name' of `Thing.__init__` must be str, not None; write"
            " `str | None`, or change the default"
        ),
    ]


def test_constructors_that_cannot_be_read(folder: Folder) -> None:
    """A constructor in C, or a field without a type, is refused where a factory needs it."""
    assert folder.problems("""
        import attrs
        from kinfolk import factory, manager, shared

        @shared
        class Failure(Exception):
            def run(self) -> None: ...

        @shared
        @attrs.define
        class Thing:
            _a = attrs.field(default=1)
            def run(self) -> None: ...

        @manager
        class Things:
            failure = factory(Failure)
            thing = factory(Thing)
    """) == [
        (
            "5: `Failure` inherits `with_traceback`, `add_note` from `BaseException`, whose types"
            " cannot be read; keep a `BaseException` in a private field, and define in `Failure`"
            " what is to be shared"
        ),
        "5: the constructor of `Failure` has no source to read its types from; write an `__init__`",
        "11: field `Thing._a` has no type; write `_a: <type> = …`",
    ]
