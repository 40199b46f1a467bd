"""The words a spec module is written in.

They only mark: a shared class stays the class it was, and can be used and tested without a
server. What they mark is read by the generator from the source, and by the server from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, ParamSpec, TypeVar, cast, get_origin, overload

import attrs

__all__ = [
    "Factory",
    "Marks",
    "Offer",
    "SharedMark",
    "Singleton",
    "blocking",
    "factory",
    "hidden",
    "manager",
    "marks_of",
    "mixin",
    "mixin_mark",
    "offer_of",
    "raises",
    "shared",
    "shared_mark",
    "singleton",
    "stream",
]

T = TypeVar("T")
P = ParamSpec("P")
C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S", bound=Callable[..., Iterator[Any]])
E = TypeVar("E", bound=Callable[..., Any] | type)

# The generator reads these attributes too, so they are the one thing that ties the two.
_SHARED: Final = "__kinfolk_shared__"
_OFFER: Final = "__kinfolk_offer__"
_MARKS: Final = "__kinfolk_marks__"
_MIXIN: Final = "__kinfolk_mixin__"


# --- Shared classes and their methods


@attrs.frozen
class SharedMark:
    """What `@shared` says of a class."""

    concurrent: bool = False
    dynamic: bool = False


@attrs.frozen
class Marks:
    """What the decorators of one method say of it; `raises` may also mark a class."""

    hidden: bool = False
    blocking: bool = False
    ahead: int | None = None
    raises: tuple[type[BaseException], ...] = ()


@overload
def shared(cls: C, /) -> C: ...
@overload
def shared(*, concurrent: bool = False, dynamic: bool = False) -> Callable[[C], C]: ...
def shared(
    cls: C | None = None, /, *, concurrent: bool = False, dynamic: bool = False
) -> C | Callable[[C], C]:
    """Mark a class whose objects live at the server, and of which clients hold proxies.

    Its public methods, properties, supported operators and public attrs fields are exposed;
    nothing that starts with one underscore is.

    Args:
        cls: The class, when the decorator is used without parentheses.
        concurrent: The class guards itself, and calls on one object may overlap. Otherwise the
            server lets one call at a time have its turn.
        dynamic: Its `__getattr__`, `__setattr__` and `__delattr__` are exposed too, so that
            clients reach attributes of any name that does not start with an underscore.
    """

    def mark(cls: C) -> C:
        setattr(cls, _SHARED, SharedMark(concurrent, dynamic))
        return cls

    return mark if cls is None else mark(cls)


def shared_mark(cls: object) -> SharedMark | None:
    """Return what `@shared` says of this very class, or of the origin of a generic alias.

    A subclass of a shared class is shared only when it is decorated itself.
    """
    origin = get_origin(cls) or cls
    mark = vars(origin).get(_SHARED) if isinstance(origin, type) else None
    return cast("SharedMark | None", mark)


def mixin(cls: C, /) -> C:
    """Mark a base of shared classes whose methods run where they are called.

    Proxies inherit it too, so it may only use what they have. Nothing of it travels, and therefore
    its methods can take functions.
    """
    setattr(cls, _MIXIN, True)
    return cls


def mixin_mark(cls: type) -> bool:
    """Return whether this very class is decorated with `@mixin`."""
    return _MIXIN in vars(cls)


def _mark(target: Any, **changes: Any) -> None:
    setattr(target, _MARKS, attrs.evolve(marks_of(target), **changes))


def marks_of(target: object) -> Marks:
    """Return what the decorators below say of a function, a property or a class itself."""
    if isinstance(target, property):
        target = target.fget
    marks = vars(target).get(_MARKS) if hasattr(target, "__dict__") else None
    return marks if isinstance(marks, Marks) else Marks()


def hidden(method: F) -> F:
    """Keep a public method, or a property's getter, off the wire."""
    _mark(method, hidden=True)
    return method


def blocking(method: F) -> F:
    """Mark a method that may wait for another call.

    Its class must be `@shared(concurrent=True)`, since a method that waits during its turn
    shuts out the call that would end its wait.
    """
    _mark(method, blocking=True)
    return method


def stream(*, ahead: int) -> Callable[[S], S]:
    """Let clients fetch a method's items ahead of their use.

    Args:
        ahead: How many items travel with one request; fewer, but at least one, if they are longer
            than 256 KiB together. Items fetched and never used are gone when the loop ends early;
            `ahead=1` loses none.

    Raises:
        ValueError: `ahead` is less than 1.
    """
    if ahead < 1:
        raise ValueError(f"ahead must be at least 1, not {ahead}")

    def mark(method: S) -> S:
        _mark(method, ahead=ahead)
        return method

    return mark


def raises(*errors: type[BaseException]) -> Callable[[E], E]:
    """Name exceptions that arrive at the caller as their own class.

    Builtin exceptions do so always, and so do those that the spec module defines or imports.

    Raises:
        TypeError: One of them is no class of exceptions.
    """
    for error in cast("tuple[object, ...]", errors):  # perhaps no type checker was asked
        if not (isinstance(error, type) and issubclass(error, BaseException)):
            raise TypeError(f"@raises takes classes of exceptions, not {error!r}")

    def mark(target: E) -> E:
        _mark(target, raises=(*marks_of(target).raises, *errors))
        return target

    return mark


# --- Managers and their entries


@attrs.frozen(eq=False)
class Singleton:
    """An entry made once, with the server."""

    shared: Any
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


@attrs.frozen(eq=False)
class Factory:
    """An entry made anew for each call, with the caller's arguments."""

    shared: Any


@attrs.frozen
class Offer:
    """What `@manager` says of a class: its entries by name, in the order of their definition."""

    name: str
    entries: Mapping[str, Singleton | Factory]


def singleton(cls: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Offer one object for everybody, made with the server.

    Like `attrs.field`, it says that it returns what it stands for, so a checker sees a wrong
    constructor argument in the spec itself. An argument may be another entry of the manager.
    """
    return cast("T", Singleton(cls, args, kwargs))


def factory(cls: type[T], /) -> type[T]:
    """Offer a new object for each call, made with the caller's arguments."""
    return cast("type[T]", Factory(cls))


@overload
def manager(cls: C, /) -> C: ...
@overload
def manager(*, name: str | None = None) -> Callable[[C], C]: ...
def manager(cls: C | None = None, /, *, name: str | None = None) -> C | Callable[[C], C]:
    """Mark a class whose attributes are what a server offers, by name.

    Args:
        cls: The class, when the decorator is used without parentheses.
        name: The name of the server's socket; by default the module and the class.
    """

    def mark(cls: C) -> C:
        entries = {
            key: value for key, value in vars(cls).items() if isinstance(value, Singleton | Factory)
        }
        offer = Offer(name or f"{cls.__module__}.{cls.__qualname__}", MappingProxyType(entries))
        setattr(cls, _OFFER, offer)
        return cls

    return mark if cls is None else mark(cls)


def offer_of(cls: object) -> Offer | None:
    """Return what `@manager` says of this very class."""
    offer = vars(cls).get(_OFFER) if isinstance(cls, type) else None
    return offer if isinstance(offer, Offer) else None
