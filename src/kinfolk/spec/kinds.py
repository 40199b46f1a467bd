"""Telling what kind of class something is: a value, a record, an exception."""

from __future__ import annotations

import dataclasses
import sys
from enum import Enum
from functools import reduce
from typing import Any, TypeGuard, cast, get_args, is_typeddict

import attrs

from kinfolk.declare import offer_of, shared_mark

__all__ = ["has_fields", "is_error", "is_record", "is_value", "look_up"]


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
