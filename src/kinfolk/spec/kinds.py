"""Telling what kind of class something is: a value, a record, an exception."""

from __future__ import annotations

import dataclasses
import sys
from enum import Enum
from functools import reduce
from typing import Any, TypeGuard, cast, get_args, get_origin, is_typeddict

import attrs

from kinfolk.declare import offer_of, shared_mark

__all__ = [
    "has_fields",
    "is_error",
    "is_record",
    "is_value",
    "look_up",
    "shared_in",
    "type_parts",
]


def is_value(item: Any) -> TypeGuard[type]:
    """Tell whether something is a class that a message names, and that can be imported."""
    if not isinstance(item, type) or issubclass(item, BaseException):
        return False
    if not has_fields(item) and not (issubclass(item, Enum) and len(item)):
        return False
    cls = cast("type", item)
    if shared_mark(cls) or offer_of(cls) or get_args(cls):
        return False
    # attrs leaves the class it replaced by one with slots behind; nobody can import that one.
    return look_up(cls.__module__, cls.__qualname__) is cls


def has_fields(cls: Any) -> bool:
    """Tell whether something is an attrs class or a dataclass."""
    return attrs.has(cls) or dataclasses.is_dataclass(cls)


def type_parts(declared: object) -> list[Any]:
    """Return the types that a type is made of."""
    if isinstance(declared, list | tuple):
        return list(cast("list[Any]", declared))
    parts: list[Any] = list(get_args(declared))
    if not isinstance(declared, type):
        parts += [getattr(declared, "__supertype__", None), _alias_value(declared)]
    return [part for part in parts if part is not None]


def _alias_value(declared: object) -> Any:
    """Return what an alias made by `type X = ...` stands for; None for any other type."""
    try:
        return getattr(declared, "__value__", None)
    except Exception:
        return None  # it is evaluated only now, and what it mentions may not be there


def shared_in(declared: object) -> type | None:
    """Return a shared class that a type mentions, None if there is none."""
    waiting: list[Any] = [declared]
    seen: list[Any] = []  # aliases may be recursive
    while waiting:
        part = waiting.pop()
        if shared_mark(part):
            return cast("type", get_origin(part) or part)
        if not any(part is other for other in seen):
            seen.append(part)
            waiting += type_parts(part)
    return None


def look_up(module: str, qualname: str) -> Any:
    """Return what a module that is loaded calls by a name, None if there is none."""
    return reduce(lambda o, n: getattr(o, n, None), qualname.split("."), sys.modules.get(module))


def is_record(cls: Any) -> bool:
    """Tell whether something is a named tuple or a typed dictionary."""
    return is_typeddict(cls) or hasattr(cls, "_field_defaults")


def is_error(value: Any) -> TypeGuard[type[BaseException]]:
    """Tell whether something is an exception that both ends do not know anyway."""
    return (
        isinstance(value, type)
        and issubclass(value, BaseException)
        and value.__module__ not in {"builtins", "kinfolk.errors"}
    )
