"""Which members are exposed: operators, streams, and the marks on methods."""

from __future__ import annotations

from support.reading import Folder, find, method, shown, typed

from kinfolk.spec.model import Method


def test_operators_in_the_source_are_exposed(folder: Folder) -> None:
    """Operators that the class writes are remote; those for the object itself stay local."""
    cls = folder.shared("""
        import functools
        from collections.abc import Iterator
        from types import TracebackType
        from typing import Self
        import attrs
        from kinfolk import shared

        @shared
        @functools.total_ordering
        @attrs.define(order=False)
        class Thing:
            _a: int = 0
            def __len__(self) -> int: ...
            def __getitem__(self, key: str) -> int: ...
            def __setitem__(self, key: str, value: int) -> None: ...
            def __delitem__(self, key: str) -> None: ...
            def __contains__(self, key: object) -> bool: ...
            def __iter__(self) -> Iterator[str]: ...
            def __reversed__(self) -> Iterator[str]: ...
            def __lt__(self, other: int) -> bool: ...
            def __call__(self, x: int) -> int: ...
            def __enter__(self) -> Self: ...
            def __exit__(self, a: type[BaseException] | None, b: BaseException | None,
                         c: TracebackType | None) -> None: ...
            def __add__(self, other: int) -> "Thing": ...
            def __radd__(self, other: int) -> "Thing": ...
            def __iadd__(self, other: int) -> Self: ...
            def __repr__(self): ...
            def __init_subclass__(cls, x): ...
            def __class_getitem__(cls, item): ...
            def __reduce__(self): ...
            __hash__ = None
            __slots__ = ()
    """)
    assert list(shown(cls)) == [
        f"__{name}__"
        for name in (
            *("len", "getitem", "setitem", "delitem", "contains", "iter", "reversed", "lt"),
            *("call", "enter", "exit", "add", "radd", "iadd"),
        )
    ]


def test_operators_that_cannot_be_remote(folder: Folder) -> None:
    """An operator that would make the proxy itself behave otherwise is refused."""
    assert folder.problems("""
        from kinfolk import shared

        @shared
        class Thing:
            def run(self) -> None: ...
            def __getattr__(self, name: str) -> object: ...
            async def __aenter__(self) -> None: ...
            def __round__(self, digits: int = 0) -> int: ...
    """) == [
        f"{line}: `Thing.__{name}__` cannot be remote; mark it `@hidden`, and offer a method with a"
        " name of its own if clients need what it does"
        for line, name in ((6, "getattr"), (7, "aenter"), (8, "round"))
    ]


def test_streams(folder: Folder) -> None:
    """Iterators stream: operators read ahead, methods do not unless they are marked."""
    cls = folder.shared("""
        from collections.abc import Generator, Iterator
        import typing
        from kinfolk import shared, stream

        @shared
        class Thing:
            def one(self) -> Iterator[int]: ...
            def two(self) -> "typing.Generator[Thing, None, None]": ...
            @stream(ahead=7)
            def three(self) -> Generator[bytes]: ...
            def __iter__(self) -> Iterator[str]: ...
            @stream(ahead=3)
            def __reversed__(self) -> Iterator[str]: ...
            def none(self) -> list[int]: ...
    """)
    ahead = {m.name: m.ahead for m in cls.members if isinstance(m, Method)}
    assert ahead == {
        "one": 1,
        "two": 1,
        "three": 7,
        "__iter__": 100,
        "__reversed__": 3,
        "none": None,
    }
    assert typed(method(cls, "two").signature.result) == "typing:Generator[@Thing, None, None]"


def test_objects_that_are_iterators(folder: Folder) -> None:
    """An `__iter__` that returns a shared object does not stream: the proxy is asked for each."""
    cls = folder.shared("""
        from typing import Self
        from kinfolk import shared

        @shared
        class Thing:
            def __iter__(self) -> Self: ...
            def __next__(self) -> int: ...
            def __reversed__(self) -> "Thing": ...
    """)
    assert [m.ahead for m in cls.members if isinstance(m, Method)] == [None, None, None]


def test_mistakes_about_streams(folder: Folder) -> None:
    """What streams says so in its result, and only that is marked."""
    assert folder.problems("""
        import threading
        from collections.abc import Iterable, Iterator
        from kinfolk import shared, stream

        @shared
        class Thing:
            @stream(ahead=5)
            def marked(self) -> list[int]: ...
            def yields(self) -> Iterable[int]:
                yield 1
            def __iter__(self) -> list[int]: ...
            def bare(self) -> Iterator: ...
            def locks(self) -> Iterator[threading.Lock]: ...
            def takes(self, x: Iterator[int]) -> None: ...
            def maybe(self) -> Iterator[int] | None: ...
            @property
            @stream(ahead=2)
            def items(self) -> int: ...
    """) == [
        (
            "8: `Thing.marked` is marked `@stream` and returns no iterator; declare its result as"
            " `Iterator[...]`"
        ),
        (
            "9: `Thing.yields` is a generator, and streams only if its result says so; declare its"
            " result as `Iterator[...]`"
        ),
        "11: `Thing.__iter__` must return an iterator; declare its result as `Iterator[...]`",
        "12: the result of `Thing.bare`: its items have no type; write `Iterator[...]`",
        (
            "13: the result of `Thing.locks`: `lock` cannot travel: it belongs to its process;"
            " share a kinfolk.types.RLock"
        ),
        (
            "14: parameter 'x' of `Thing.takes`: `Iterator[int]` cannot travel: only a method's own"
            " result streams; write `list[...]`"
        ),
        (
            "15: the result of `Thing.maybe`: `Iterator[int]` cannot travel: only a method's own"
            " result streams; write `list[...]`"
        ),
        "18: property `Thing.items` cannot be `@stream`; make it a method",
    ]


def test_blocking_methods(folder: Folder) -> None:
    """`@blocking` needs a class that guards itself, also where the method is inherited."""
    text = """
        from kinfolk import blocking, shared

        @shared(concurrent=True)
        class Lock:
            @blocking
            def acquire(self) -> bool: ...
            def release(self) -> None: ...

        class Waits:
            @blocking
            def wait(self) -> None: ...
    """
    spec = folder.read(text, "good_spec")
    assert find(spec, "Lock").concurrent
    assert [m.blocking for m in find(spec, "Lock").members if isinstance(m, Method)] == [
        True,
        False,
    ]
    assert folder.problems(
        text
        + """
        @shared
        class Mine(Lock):
            def more(self) -> None: ...

        @shared
        class Other(Waits):
            pass
    """
    ) == [
        (
            "11: `Waits.wait` is `@blocking`, and while it waited in its turn no other call could"
            " end its wait; write `@shared(concurrent=True)` above `Other`, and let it guard itself"
        ),
        (
            "14: `Mine` inherits `acquire` from `Lock`, which is `@blocking`; write"
            " `@shared(concurrent=True)`, and let it guard itself"
        ),
    ]


def test_methods_that_cannot_be_called(folder: Folder) -> None:
    """Async methods, context managers and objects without a definition are refused."""
    assert folder.problems(
        """
        import contextlib
        import functools
        from collections.abc import AsyncIterator, Iterator
        from kinfolk import shared

        @shared
        class Thing:
            async def wait(self) -> None: ...
            async def stream(self) -> AsyncIterator[int]:
                yield 1
            @contextlib.contextmanager
            def opened(self) -> Iterator[int]:
                yield 1
            half = functools.partialmethod(wait, 1)
            double = lambda self, x: x
            def lost() -> None: ...
            def named(self, a: int, *, __b: int) -> None: ...
            @staticmethod
            def fine(x: int) -> int: ...
            def typed(self, x: 1) -> None: ...
            def quoted(self, x: "not a type") -> None: ...
            def unknown(self, x: Nowhere) -> None: ...
            def wrong(self, x: list[int, str][0]) -> None: ...
    """.replace("x: Nowhere", "x: 'Nowhere'").replace("list[int, str][0]", "'int[str]'")
    ) == [
        (
            "8: `Thing.wait` is async, which cannot be remote; write it with `def` (clients can"
            " await any call)"
        ),
        (
            "9: `Thing.stream` is async, which cannot be remote; write it with `def` (clients can"
            " await any call)"
        ),
        (
            "12: `Thing.opened` is a context manager made by `contextlib`, which cannot be remote;"
            " return an object of a shared class that has `__enter__` and `__exit__`"
        ),
        "14: `Thing.half` has no definition to read its types from; write it with `def`",
        "15: `Thing.double` has no definition to read its types from; write it with `def`",
        "16: `Thing.lost` has no parameter for its object; add `self`, or `@staticmethod`",
        "17: parameter '__b' of `Thing.named` needs another name; each class changes this one",
        "20: parameter 'x' of `Thing.typed`: `1` is not a type",
        "21: parameter 'x' of `Thing.quoted`: the quoted type 'not a type' is not a type",
        (
            "22: parameter 'x' of `Thing.unknown`: there is no name `Nowhere` in `app_spec`;"
            " import it there"
        ),
        (
            "23: parameter 'x' of `Thing.wrong`: it cannot be evaluated: TypeError: type 'int' is"
            " not subscriptable"
        ),
    ]


def test_names_that_proxies_need(folder: Folder) -> None:
    """A member may not be called `later`, nor as the async view calls a setter."""
    assert folder.problems("""
        import attrs
        from kinfolk import shared

        @shared
        @attrs.define
        class Thing:
            limit: int = 0
            def later(self) -> None: ...
            def set_limit(self, value: int) -> None: ...
            def set_other(self, value: int) -> None: ...
    """) == [
        "8: `Thing.later` has a name that proxies need for themselves; rename it",
        (
            "9: `Thing.set_limit` clashes with the attribute `limit`, which the async and later"
            " views set by that name; rename one, or make `_limit` of the attribute"
        ),
    ]


def test_a_class_with_nothing_public(folder: Folder) -> None:
    """A shared class needs a public member, but for one that inherits some from a shared base."""
    assert folder.problems("""
        from kinfolk import shared

        @shared
        class Thing:
            def _run(self) -> None: ...
            limit = 3

        @shared
        class Base:
            def run(self) -> None: ...

        @shared
        class Derived(Base):
            pass
    """) == [
        "4: `Thing` is shared and has nothing public; add a method, or take `@shared` away",
    ]


def test_shared_classes_elsewhere_than_at_the_top(folder: Folder) -> None:
    """A shared class inside of another or of a function cannot be named by a client."""
    assert folder.problems("""
        from kinfolk import shared

        class Outer:
            @shared
            class Inner:
                def run(self) -> None: ...

        def make():
            @shared
            class Local:
                def run(self) -> None: ...
            return Local

        Made = make()

        @shared
        def function() -> None: ...
    """) == [
        (
            "5: the shared class `Outer.Inner` is not what `app_spec` has under that name at its"
            " top level; define it there by a `class` statement, with a name of its own"
        ),
        (
            "10: the shared class `make.<locals>.Local` is not what `app_spec` has under that"
            " name at its top level; define it there by a `class` statement, with a name of its own"
        ),
        (
            "17: `function` is a function, and only classes are shared; make it a method of a"
            " class, or take `@shared` away"
        ),
    ]


def test_shared_classes_with_one_name(folder: Folder) -> None:
    """A shared class whose name was given to another cannot be a base, nor be made by a call."""
    assert folder.problems("""
        import attrs
        from kinfolk import shared

        @shared
        class Thing:
            def run(self) -> None: ...

        @shared
        class Thing(Thing):
            def stop(self) -> None: ...

        Made = shared(attrs.make_class("Made", ["a"]))
    """) == [
        (
            "1: the shared class `Made` is not what `app_spec` has under that name at its top"
            " level; define it there by a `class` statement, with a name of its own"
        ),
        (
            "9: the shared class `Thing` is not what `app_spec` has under that name at its top"
            " level; define it there by a `class` statement, with a name of its own"
        ),
    ]


def test_values_that_hold_shared_objects(folder: Folder) -> None:
    """A value travels by copy, so it may not hold a shared object, however deep."""
    assert folder.problems("""
        from typing import NamedTuple, NewType, TypedDict
        import attrs
        from kinfolk import shared

        @shared
        @attrs.define
        class Job:
            count: int

        @attrs.frozen
        class Ticket:
            jobs: dict[str, list[Job]]

        class Row(NamedTuple):
            ticket: Ticket
            job: Job | None

        class Mapped(TypedDict):
            job: Job

        Alias = NewType("Alias", Job)

        @shared
        class Thing:
            def row(self) -> Row: ...
            def mapped(self) -> Mapped: ...
            def alias(self) -> Alias: ...
    """) == [
        (
            "12: `Ticket.jobs` holds an object of the shared class `Job` in a value, which"
            " travels by copy; let a method of a shared class return the object"
        ),
        (
            "16: `Row.job` holds an object of the shared class `Job` in a value, which travels by"
            " copy; let a method of a shared class return the object"
        ),
        (
            "19: `Mapped.job` holds an object of the shared class `Job` in a value, which travels"
            " by copy; let a method of a shared class return the object"
        ),
        (
            "27: the result of `Thing.alias`: it means the shared class `Job` in a way that"
            " cannot be read; write `Job` itself"
        ),
    ]


def test_functions_that_belong_to_fields(folder: Folder) -> None:
    """Validators and defaults of attrs fields are no methods for clients."""
    cls = folder.shared("""
        import attrs
        from kinfolk import shared

        @shared
        @attrs.define
        class Thing:
            limit: int = attrs.field()

            @limit.default
            def first(self):
                return 1

            @limit.validator
            def check(self, attribute, value): ...
    """)
    assert shown(cls) == {"limit": "int = int"}


def test_generated_proxies_in_a_spec(folder: Folder) -> None:
    """Specs are written in shared classes; a generated proxy in one is refused."""
    assert folder.problems("""
        from kinfolk import shared
        from kinfolk.types.locks_manager import RLockProxy

        @shared
        class Thing:
            def lock(self) -> RLockProxy: ...
    """) == [
        (
            "6: the result of `Thing.lock`: `RLockProxy` is generated, and specs are written in"
            " shared classes; write the class that it stands for"
        ),
    ]


def test_defaults_that_do_not_fit(folder: Folder) -> None:
    """A literal default must be a value of its type, since it is sent to the server."""
    assert folder.problems("""
        from typing import Any
        from kinfolk import shared

        @shared
        class Thing:
            def a(self, x: float = None) -> None: ...
            def b(self, x: bytes = "x") -> None: ...
            def c(self, x: "Thing" = None) -> None: ...
            def d(self, x: float = 1, y: Any = None, z: object = (), u: int = -1) -> None: ...
    """) == [
        (
            "6: the default of parameter 'x' of `Thing.a` must be float, not None; write"
            " `float | None`, or change the default"
        ),
        "7: the default of parameter 'x' of `Thing.b` must be bytes, not str; change one of them",
        (
            "8: the default of parameter 'x' of `Thing.c` must be Thing, not None; write"
            " `Thing | None`, or change the default"
        ),
    ]


def test_attributes_of_any_name(folder: Folder) -> None:
    """`@shared(dynamic=True)` exposes the methods that reach attributes by name."""
    cls = folder.shared("""
        from kinfolk import shared

        @shared(dynamic=True)
        class Thing:
            def __getattr__(self, name: str, /) -> object: ...
            def __setattr__(self, name: str, value: object, /) -> None: ...
            def __delattr__(self, name: str, /) -> None: ...
    """)
    assert list(shown(cls)) == ["__getattr__", "__setattr__", "__delattr__"]
