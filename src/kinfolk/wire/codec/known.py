"""Which classes a value of type `Any`, or of a base, may turn out to be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, get_args, get_origin

from kinfolk.wire.codec.fields import fields_of, has_fields
from kinfolk.wire.codec.mismatch import CannotTravel
from kinfolk.wire.codec.records import qualified

__all__ = ["known_classes"]


def known_classes(values: Iterable[type]) -> dict[str, type]:
    """Return classes and those that the types of their fields mention, by name in messages.

    Both ends begin with the same classes and so come to the same result.
    """
    known: dict[str, type] = {}
    waiting = list(values)
    while waiting:
        cls = waiting.pop()
        if known.setdefault(qualified(cls), cls) is not cls or not has_fields(cls):
            continue
        with contextlib.suppress(CannotTravel):
            fields = fields_of(cls, ())
            found = {each for field in fields for each in _mentioned(field.declared, set())}
            waiting.extend(each for each in found if known.get(qualified(each)) is not each)
    return known


def _mentioned(declared: Any, seen: set[int]) -> Iterator[type]:
    """Yield the classes in a type that a value could be of without being of a builtin one."""
    if id(declared) in seen:
        return
    seen.add(id(declared))
    origin = get_origin(declared) or declared
    if isinstance(origin, type) and _is_value(origin):
        yield origin
    for part in (*get_args(declared), getattr(declared, "__value__", None)):
        if part is not None:
            yield from _mentioned(part, seen)


def _is_value(cls: type) -> bool:
    if BaseException in cls.__mro__:
        return False
    return has_fields(cls) or hasattr(cls, "_fields") or issubclass(cls, Enum)
