"""Which proxy type an object has, from the one declared and the class it turns out to be.

Both ends must come to the same answer, since it decides how the object's arguments and results are
encoded; and a message names the class only, never its type arguments.
"""

from __future__ import annotations

from typing import Any, cast, get_args, get_origin

from typing_extensions import get_original_bases

from kinfolk.wire.by_hand import HandType
from kinfolk.wire.codec.text import describe

__all__ = ["fits", "narrow", "origin_of"]


def origin_of(proxy_type: object) -> type:
    """Return the proxy class of a proxy type, which may have type arguments."""
    return cast("type", get_origin(proxy_type) or proxy_type)


def narrow(declared: object, actual: type) -> object:
    """Return the proxy type of an object of class `actual` that is found where `declared` stands.

    Type arguments of a derived class that follow from those declared are filled in; of any
    other nothing is known, so they are `Any`.

    Raises:
        TypeError: `actual` is neither the declared class nor derived from it.
    """
    origin = origin_of(declared)
    if actual is origin:
        return declared
    if not issubclass(actual, origin):
        raise TypeError(f"{describe(declared)}, not {actual.__name__}")
    parameters = _parameters(actual)
    if not parameters:
        return actual
    known = dict(zip(get_args(_seen_as(actual, origin)), get_args(declared), strict=False))
    return cast("Any", actual)[tuple(known.get(p, Any) for p in parameters)]


def fits(proxy_type: object, declared: object) -> bool:
    """Return whether an object of one proxy type may stand where another is declared."""
    if isinstance(proxy_type, HandType):
        return declared is object
    origin = origin_of(declared)
    if not issubclass(origin_of(proxy_type), origin):
        return False
    pairs = zip(get_args(_seen_as(proxy_type, origin)), get_args(declared), strict=False)
    return all(have == want or Any in (have, want) for have, want in pairs)


def _parameters(cls: type) -> tuple[Any, ...]:
    return getattr(cls, "__parameters__", ())


def _seen_as(proxy_type: object, origin: type) -> object:
    """Return the base `origin` of a proxy type, with its type arguments as the derived one says."""
    cls = origin_of(proxy_type)
    values = dict(zip(_parameters(cls), get_args(proxy_type), strict=False))
    if cls is origin:
        # A class without arguments stands for the one with its own parameters.
        return cast("Any", cls)[_parameters(cls)] if _parameters(cls) and not values else proxy_type
    for base in get_original_bases(cls):
        if issubclass(origin_of(base), origin):
            free = getattr(base, "__parameters__", ())
            filled = (
                base[tuple(values.get(p, p) for p in free)] if get_origin(base) and free else base
            )
            return _seen_as(filled, origin)
    raise TypeError(f"{cls.__name__} is not derived from {origin.__name__}")
