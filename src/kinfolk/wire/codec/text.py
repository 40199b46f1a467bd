"""Types as text for people, the way their author wrote them."""

from __future__ import annotations

import reprlib
import types
from enum import Enum
from typing import (
    Annotated,
    Any,
    Final,
    ForwardRef,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

import typing_extensions

__all__ = ["class_name", "describe", "short"]

_QUALIFIERS: Final = frozenset(
    {
        typing_extensions.ClassVar,
        typing_extensions.Final,
        typing_extensions.NotRequired,
        typing_extensions.ReadOnly,
        typing_extensions.Required,
    }
)

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 60


def short(value: object) -> str:
    """Return a value's `repr`, cut to a length that fits a message."""
    try:
        return _repr.repr(value)
    except Exception:  # also that of an integer with more digits than Python will print
        return f"<{class_name(type(value))}>"


def class_name(cls: type) -> str:
    """Return the name of a class as one reads it in its module; `None` for its class."""
    if cls is type(None):
        return "None"
    return cls.__qualname__.rpartition("<locals>.")[2]


def describe(declared: object) -> str:
    """Return a declared type as text: `dict[str, Page] | None`."""
    if declared is None or declared is type(None):
        return "None"
    if declared is ...:
        return "..."
    if isinstance(declared, str):
        return declared
    origin = get_origin(declared)
    if origin is None:
        return _simple(declared)
    if origin is Annotated:
        return describe(get_args(declared)[0])
    if origin in {Union, types.UnionType}:
        return " | ".join(map(describe, get_args(declared)))
    if origin is Literal or origin is typing_extensions.Literal:
        return f"Literal[{', '.join(map(_literal, get_args(declared)))}]"
    if origin in _QUALIFIERS:
        return describe(get_args(declared)[0])
    return _parametrised(declared, origin)


def _simple(declared: object) -> str:
    if isinstance(declared, type):
        return class_name(declared)
    if isinstance(declared, ForwardRef):
        return declared.__forward_arg__
    if isinstance(declared, TypeVar) or hasattr(declared, "__value__"):
        return cast("Any", declared).__name__  # type: ignore[no-any-return]
    if declared is Any:
        return "Any"
    name = getattr(declared, "__name__", None)
    return name if isinstance(name, str) else str(declared).removeprefix("typing.")


def _parametrised(declared: object, origin: object) -> str:
    arguments = [
        f"[{', '.join(map(describe, cast('list[object]', argument)))}]"
        if isinstance(argument, list)
        else describe(argument)
        for argument in get_args(declared)
    ]
    if not arguments:
        # `tuple[()]` has no arguments either, but is not the same as a bare `Tuple`.
        empty = origin is tuple and isinstance(declared, types.GenericAlias)
        return "tuple[()]" if empty else _simple(origin)
    return f"{_simple(origin)}[{', '.join(arguments)}]"


def _literal(value: object) -> str:
    if isinstance(value, Enum):
        return f"{class_name(type(value))}.{value.name}"
    return repr(value)
