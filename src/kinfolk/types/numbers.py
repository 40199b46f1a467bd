"""Which values can be counted up and down."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from fractions import Fraction
from numbers import Number
from typing import Any, TypeVar, cast, get_args

__all__ = ["N", "added", "zero_of"]

N = TypeVar("N", int, float, complex, Decimal, Fraction)
"""A kind of number."""


def added(number: Any, by: Any) -> Any:
    """Return a sum that is of the class of the number, if that is one.

    Raises:
        TypeError: It is none, or one whose sums are of another class.
    """
    if isinstance(number, bool | Enum):
        raise _not_for(type(number))
    return number + by


def zero_of(obj: object) -> Any:
    """Return 0 as the class of number that an object was declared to hold.

    `typing` notes the declaration at what it makes: `Dict[str, Decimal]()` is a `Dict` that has it
    as its `__orig_class__`.

    Raises:
        TypeError: It was declared to hold something else.
    """
    declared = get_args(getattr(obj, "__orig_class__", None))
    kind: Any = declared[-1] if declared else Any
    if not isinstance(kind, type) or kind in {Any, object}:
        return 0
    cls = cast("type[Any]", kind)
    if not issubclass(cls, Number) or issubclass(cls, bool | Enum):
        raise _not_for(cls)
    return cls()


def _not_for(kind: type) -> TypeError:
    return TypeError(f"only numbers can be incremented, not {kind.__name__}")
