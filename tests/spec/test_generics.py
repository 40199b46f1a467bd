"""Type parameters of classes and methods, in both spellings."""

from __future__ import annotations

import sys

import pytest
from support.reading import Folder, find, method, shown, typed

from kinfolk.spec.model import Name, TypeParameter, Variable

needs_brackets = pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 is newer")


def test_type_variables_of_a_class(folder: Folder) -> None:
    """The parameters of a generic class are read with bounds, constraints and variance."""
    folder.write(
        "variables",
        """
        from typing import TypeVar
        from decimal import Decimal

        Item = TypeVar("Item", bound="Decimal | int")
        Text = TypeVar("Text", str, bytes)
        V_co = TypeVar("V_co", covariant=True)
    """,
    )
    cls = folder.shared("""
        from typing import Generic
        from variables import Item, Text as T, V_co
        from kinfolk import shared

        @shared
        class Thing(Generic[T, Item, V_co]):
            def put(self, item: Item, text: T) -> V_co: ...
            def same(self) -> "Thing[T, Item, V_co]": ...
    """)
    integer = Name("builtins", "int")
    assert cls.type_parameters == (
        TypeParameter(
            "Text", constraints=((Name("builtins", "str"),), (Name("builtins", "bytes"),))
        ),
        TypeParameter("Item", bound=(Name("decimal", "Decimal"), " | ", integer)),
        TypeParameter("V_co", variance="covariant"),
    )
    assert shown(cls) == {
        "put": "(item: ?Item, text: ?Text) -> ?V_co",
        "same": "() -> @Thing[?Text, ?Item, ?V_co]",
    }


def test_type_variables_of_a_method(folder: Folder) -> None:
    """A variable that is not the class's is the method's own; so it is with overloads."""
    cls = folder.shared("""
        from typing import AnyStr, Generic, TypeVar, overload
        from kinfolk import shared

        T = TypeVar("T")
        D = TypeVar("D")

        @shared
        class Thing(Generic[T]):
            def pair(self, other: D) -> tuple[T, D]: ...
            def join(self, a: AnyStr, b: AnyStr) -> AnyStr: ...
            @overload
            def get(self) -> T: ...
            @overload
            def get(self, default: D) -> T | D: ...
            def get(self, default: object = None) -> object: ...
    """)
    assert [p.name for p in method(cls, "pair").signature.type_parameters] == ["D"]
    assert [p.name for p in method(cls, "get").overloads[1].type_parameters] == ["D"]
    assert method(cls, "get").overloads[0].type_parameters == ()
    (text,) = method(cls, "join").signature.type_parameters
    assert [typed(c) for c in text.constraints] in (["bytes", "str"], ["str", "bytes"])


@needs_brackets
def test_parameters_in_brackets(folder: Folder) -> None:
    """PEP 695 classes, methods and aliases are read like those with variables."""
    spec = folder.read("""
        from collections.abc import Iterator
        from kinfolk import manager, shared, singleton

        type Pair[T] = tuple[T, Thing[T, int]]
        type Url = str
        type Numbers = Iterator[int]

        class Base[B]:
            def base(self, x: B) -> list[B]: ...

        @shared
        class Thing[T, N: (int, float)](Base[dict[str, T]]):
            def get(self) -> T: ...
            def map[S: "int | str"](self, x: S, y: N) -> dict[S, T]: ...
            def pair(self, x: Pair[str]) -> Url: ...
            def numbers(self) -> Numbers: ...
            def __iter__(self) -> Iterator[T]: ...

        @shared
        class Words(Thing[str, int]):
            pass

        @manager
        class Things:
            thing = singleton(Thing[bytes, int])
    """)
    cls = find(spec, "Thing")
    assert shown(cls) == {
        "get": "() -> ?T",
        "map": "(x: ?S, y: ?N) -> dict[?S, ?T]",
        "pair": "(x: tuple[str, @Thing[str, int]]) -> app_spec:Url",
        "numbers": "() -> collections.abc:Iterator[int]",
        "__iter__": "() -> collections.abc:Iterator[?T]",
        "base": "(x: dict[str, ?T]) -> list[dict[str, ?T]]",
    }
    integer, real = (Name("builtins", "int"),), (Name("builtins", "float"),)
    assert cls.type_parameters == (
        TypeParameter("T", variance="inferred"),
        TypeParameter("N", constraints=(integer, real), variance="inferred"),
    )
    bound = (Name("builtins", "int"), " | ", Name("builtins", "str"))
    assert method(cls, "map").signature.type_parameters == (
        TypeParameter("S", bound=bound, variance="inferred"),
    )
    assert [typed(base) for base in find(spec, "Words").bases] == ["@Thing[str, int]"]
    assert typed(spec.managers[0].entries[0].shared) == "@Thing[bytes, int]"


@needs_brackets
def test_wrappers_in_brackets(folder: Folder) -> None:
    """A decorator with type parameters in brackets keeps the signature of what it decorates."""
    cls = folder.shared("""
        import functools
        from collections.abc import Callable
        from kinfolk import shared

        def logged[**P, R](f: Callable[P, R]) -> Callable[P, R]:
            @functools.wraps(f)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
                return f(*args, **kwargs)
            return wrapper

        @shared
        class Thing:
            @logged
            def push(self, url: str) -> bool: ...
    """)
    assert shown(cls) == {"push": "(url: str) -> bool"}


def test_variables_stay_variables(folder: Folder) -> None:
    """A type variable is a variable of the model under its own name, whatever it is called here."""
    folder.write("lib", "from typing import TypeVar\nT = TypeVar('T')\n")
    cls = folder.shared("""
        import typing as t
        import lib
        from kinfolk import shared

        @shared
        class Thing(t.Generic[lib.T]):
            def get(self, x: lib.T) -> "lib.T | None": ...
    """)
    assert method(cls, "get").signature.result == (Variable("T"), " | None")
    assert cls.type_parameters == (TypeParameter("T"),)
