"""Signatures: parameters, defaults, overloads, and what decorators make of them."""

from __future__ import annotations

from support.reading import Folder, method, shown, signature, typed


def test_every_kind_of_parameter(folder: Folder) -> None:
    """All five kinds of parameters are read, in their order and without `self`."""
    cls = folder.shared("""
        from kinfolk import shared

        @shared
        class Thing:
            def all(self, a: int, b: str = "b", /, c: float = 1.5, *d: bytes,
                    e: bool, f: int = 0, **g: str) -> None: ...
            def only(self, *, key: int) -> int: ...
            def bare(self) -> None: ...
            def slash(self, /, a: int) -> None: ...
    """)
    assert shown(cls) == {
        "all": '(a: int, b: str = "b", /, c: float = 1.5, *d: bytes, e: bool, f: int = 0,'
        " **g: str) -> None",
        "only": "(*, key: int) -> int",
        "bare": "() -> None",
        "slash": "(a: int) -> None",
    }


def test_old_positional_only_parameters(folder: Folder) -> None:
    """Leading parameters with two underscores are positional-only, as checkers read them."""
    cls = folder.shared("""
        from kinfolk import shared

        @shared
        class Thing:
            def put(self, __key: int, __value: str = "", *, flag: bool = True) -> None: ...
    """)
    assert shown(cls) == {"put": '(key: int, value: str = "", /, *, flag: bool = True) -> None'}


def test_defaults_are_shown_as_written(folder: Folder) -> None:
    """Numbers and strings keep their spelling, also where Python would write them otherwise."""
    cls = folder.shared("""
        from kinfolk import shared

        @shared
        class Thing:
            def numbers(self, a: int = 0xFF, b: int = 1_000, c: float = 1e400,
                        d: float = -.5, e: complex = 2j, f: int = 0o17) -> None: ...
            def texts(self, a: str = 'it"s', b: bytes = b'\\x00', c: str = r"\\d",
                      d: str = "ünï") -> None: ...
            def constants(self, a: bool = True, b: int | None = None) -> None: ...
            def tuples(self, a: tuple[int, ...] = (), b: tuple[int, str] = (1, 'x'),
                       c: tuple[int] = (0x1,)) -> None: ...
            def folded(self, a: str = "one "
                                      "two") -> None: ...
    """)
    assert shown(cls) == {
        "numbers": "(a: int = 0xFF, b: int = 1_000, c: float = 1e400, d: float = -.5,"
        " e: complex = 2j, f: int = 0o17) -> None",
        "texts": '(a: str = \'it"s\', b: bytes = b\'\\x00\', c: str = r"\\d", d: str = "ünï")'
        " -> None",
        "constants": "(a: bool = True, b: int | None = None) -> None",
        "tuples": "(a: tuple[int, ...] = (), b: tuple[int, str] = (1, 'x'), c: tuple[int] = (0x1,))"
        " -> None",
        "folded": "(a: str = 'one two') -> None",
    }


def test_defaults_that_only_the_server_knows(folder: Folder) -> None:
    """Whatever is not a plain constant keeps its text, with its names bound to their origin."""
    folder.write("limits", "LOW = 1")
    cls = folder.shared("""
        import math
        import limits as lim
        from enum import Enum
        from kinfolk import shared

        HIGH = 9

        class Color(Enum):
            RED = 1

        @shared
        class Thing:
            def names(self, a: int = HIGH, b: float = math.inf, c: Color = Color.RED,
                      d: int = lim.LOW + 2) -> None: ...
            def made(self, a: list[int] = [], b: dict[str, int] = {"a": 1},
                     c: int = len("abc"), d: int = ...) -> None: ...
    """)
    assert shown(cls) == {
        "names": "(a: int = <app_spec:HIGH>, b: float = <math:inf>, c: app_spec:Color ="
        " <app_spec:Color.RED>, d: int = <limits:LOW + 2>) -> None",
        "made": '(a: list[int] = <[]>, b: dict[str, int] = <{"a": 1}>,'
        ' c: int = <len("abc")>, d: int = <...>) -> None',
    }


def test_overloads(folder: Folder) -> None:
    """Overloads are read beside the implementation, which decides what travels."""
    cls = folder.shared("""
        from typing import overload as several
        from kinfolk import shared

        @shared
        class Thing:
            @several
            def get(self, key: str) -> int | None: ...
            @several
            def get(self, key: str, default: int) -> int: ...
            def get(self, key: str, default: int | None = None) -> int | None:
                return default
    """)
    get = method(cls, "get")
    assert [signature(s) for s in get.overloads] == [
        "(key: str) -> int | None",
        "(key: str, default: int) -> int",
    ]
    assert signature(get.signature) == "(key: str, default: int | None = None) -> int | None"


def test_static_and_class_methods(folder: Folder) -> None:
    """Static and class methods are called through the object, like any other."""
    cls = folder.shared("""
        from kinfolk import shared

        @shared
        class Thing:
            @staticmethod
            def add(a: int, b: int = 1) -> int: ...
            @classmethod
            def name(cls, prefix: str) -> str: ...
    """)
    assert shown(cls) == {
        "add": "(a: int, b: int = 1) -> int",
        "name": "(prefix: str) -> str",
    }


def test_a_method_under_a_second_name(folder: Folder) -> None:
    """An assigned method is exposed under its public name, also if its own is private."""
    cls = folder.shared("""
        from kinfolk import shared

        @shared
        class Thing:
            def _append(self, item: int) -> None:
                '''Add it.'''
            append = _append
            push = append
    """)
    assert shown(cls) == {"append": "(item: int) -> None", "push": "(item: int) -> None"}
    assert method(cls, "push").doc == "Add it."


def test_a_function_of_another_module_as_method(folder: Folder) -> None:
    """A method defined elsewhere is read there, and its names mean what they mean there."""
    folder.write(
        "mixed",
        """
        from decimal import Decimal as Number

        def double(self, value: Number) -> Number:
            return value * 2
        """,
    )
    cls = folder.shared("""
        import mixed
        from kinfolk import shared

        @shared
        class Thing:
            double = mixed.double
    """)
    assert shown(cls) == {"double": "(value: decimal:Decimal) -> decimal:Decimal"}


def test_a_wrapper_that_passes_everything_on(folder: Folder) -> None:
    """A decorator with `functools.wraps` keeps the signature of what it decorates."""
    cls = folder.shared("""
        import functools
        from collections.abc import Callable
        from typing import ParamSpec, TypeVar
        from kinfolk import shared, hidden

        P = ParamSpec("P")
        R = TypeVar("R")

        def logged(f: Callable[P, R]) -> Callable[P, R]:
            @functools.wraps(f)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
                return f(*args, **kwargs)
            return wrapper

        @shared
        class Thing:
            @logged
            def push(self, url: str, *, priority: int = 0) -> bool:
                '''Queue it.'''
                return True

            @logged
            @hidden
            def secret(self) -> None: ...

            @functools.lru_cache
            def size(self) -> int: ...
    """)
    assert shown(cls) == {
        "push": "(url: str, *, priority: int = 0) -> bool",
        "size": "() -> int",
    }
    assert method(cls, "push").doc == "Queue it."


def test_a_wrapper_with_a_signature_of_its_own(folder: Folder) -> None:
    """A wrapper that names its parameters, or declares a result, says how it is called."""
    cls = folder.shared("""
        import functools
        from kinfolk import shared

        def twice(f):
            @functools.wraps(f)
            def wrapper(self, value: int) -> list[int]:
                return [f(self, value)] * 2
            return wrapper

        def counted(f):
            @functools.wraps(f)
            def wrapper(*args: object, **kwargs: object) -> int:
                return len(f(*args, **kwargs))
            return wrapper

        @shared
        class Thing:
            @twice
            def pair(self, a: str, b: str) -> str: ...

            @counted
            def words(self, text: str) -> list[str]: ...
    """)
    assert shown(cls) == {
        "pair": "(value: int) -> list[int]",
        "words": "(text: str) -> int",
    }


def test_a_wrapper_that_hides_the_signature(folder: Folder) -> None:
    """Without `functools.wraps`, a wrapper that takes anything is refused at the method."""
    assert folder.problems("""
        from kinfolk import shared

        def logged(f):
            def wrapper(*args, **kwargs):
                return f(*args, **kwargs)
            return wrapper

        @shared
        class Thing:
            @logged
            def push(self, url: str) -> bool: ...
    """) == [
        (
            "11: `Thing.push` is hidden behind `wrapper`, which takes anything; decorate `wrapper`"
            " with `functools.wraps`"
        )
    ]


def test_branches_of_a_class(folder: Folder) -> None:
    """Of definitions in branches, the one that runs is read."""
    cls = folder.shared("""
        import sys
        from kinfolk import shared

        FAST = False

        @shared
        class Thing:
            if sys.version_info >= (3, 99):
                def ask(self, future: int) -> int: ...
            else:
                def ask(self, present: str) -> str: ...

            if FAST:
                def run(self) -> int: ...
            else:
                def run(self, slowly: bool = True) -> float: ...
    """)
    assert shown(cls) == {
        "ask": "(present: str) -> str",
        "run": "(slowly: bool = True) -> float",
    }


def test_docstrings_are_inherited(folder: Folder) -> None:
    """A method without a docstring has that of the base it overrides, cleaned of indentation."""
    cls = folder.shared("""
        from collections.abc import Sized
        from kinfolk import shared

        class Base:
            def run(self) -> None:
                '''Run it.

                Now.
                    Indented.
                '''

        @shared
        class Thing(Base, Sized):
            def run(self) -> None: ...
            def __len__(self) -> int: ...
    """)
    assert method(cls, "run").doc == "Run it.\n\nNow.\n    Indented."
    assert method(cls, "__len__").doc is None


def test_a_decorator_that_changes_the_result(folder: Folder) -> None:
    """A wrapper whose declared result depends on what it wraps cannot be read."""
    assert folder.problems("""
        import functools
        from collections.abc import Callable
        from typing import ParamSpec, TypeVar
        from kinfolk import shared

        P = ParamSpec("P")
        R = TypeVar("R")

        def listed(f: Callable[P, R]) -> Callable[P, list[R]]:
            @functools.wraps(f)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> list[R]:
                return [f(*args, **kwargs)]
            return wrapper

        @shared
        class Thing:
            @listed
            def push(self, url: str) -> bool: ...
    """) == [
        (
            "18: `Thing.push` has a decorator that changes its result in a way that cannot be read;"
            " write a method that calls a private, decorated one"
        )
    ]


def test_the_annotation_of_self(folder: Folder) -> None:
    """It is kept where it is a shared class, since checkers ask it who may call."""
    cls = folder.shared("""
        from typing import Generic, TypeVar
        from kinfolk import shared

        T = TypeVar("T")
        S = TypeVar("S")

        @shared
        class Thing(Generic[T]):
            def sum(self: "Thing[int]") -> int: ...
            def itself(self: S) -> S: ...
    """)
    assert typed(method(cls, "sum").signature.receiver or ()) == "@Thing[int]"
    assert method(cls, "itself").signature.receiver is None
