"""Shared classes, made to take turns also when objects call each other.

A call that comes from a client takes the turn of its object before it gets here. One that another
object makes is a plain call of Python, so the public methods and properties of a class are wrapped
when the first object of it is hosted. An object that is not hosted is passed straight through, and
so is a call of the chain that has the turn already.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Collection, Generator, Iterator
from types import FunctionType, MethodDescriptorType, WrapperDescriptorType
from typing import Any, TypeGuard

from kinfolk.declare import shared_mark
from kinfolk.host.turns import Turn, turn_of

__all__ = ["instrument", "is_generator", "steps", "takes_turns", "without_turns"]

_WRAPPED = "__kinfolk_turns__"

_lock = threading.Lock()


def takes_turns(cls: type) -> bool:
    """Return whether calls on objects of a class must not overlap, as its `@shared` says."""
    for base in cls.__mro__:
        mark = shared_mark(base)
        if mark is not None:
            return not mark.concurrent
    return True


def instrument(cls: type, exposed: Collection[str], streams: Collection[str] = ()) -> None:
    """Wrap the public members of a class, those that it inherits included; once for each class.

    Args:
        cls: A shared class that takes turns, or a class derived from one.
        exposed: The names that the spec exposes; of operators only these are wrapped.
        streams: Those that return iterators, each step of which is a turn.
    """
    with _lock:
        if _WRAPPED in vars(cls) or not any(map(shared_mark, cls.__mro__)):
            return
        setattr(cls, _WRAPPED, True)
        for name, value in _members(cls).items():
            if not name.startswith("_") or (name in exposed and name.endswith("__")):
                wrapped = _wrap(value, f"{cls.__name__}.{name}", name in streams)
                if wrapped is not value:
                    setattr(cls, name, wrapped)


def _members(cls: type) -> dict[str, object]:
    """Return what stands in a class and its bases, each name as the class sees it."""
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        if base is not object:
            found.update(vars(base))
    return found


def _wrap(value: object, label: str, streams: bool) -> object:
    """Return what takes turns in place of a property, a function or a builtin class's method."""
    if isinstance(value, property):
        fget, fset, fdel = (
            part and _function(part, label) for part in (value.fget, value.fset, value.fdel)
        )
        return property(fget, fset, fdel, value.__doc__)
    if isinstance(value, FunctionType):
        if inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
            return value
        return _function(value, label, streams or inspect.isgeneratorfunction(value))
    if isinstance(value, MethodDescriptorType | WrapperDescriptorType):
        return _function(value, label, streams)
    return value


def _function(
    function: Callable[..., Any], label: str, streams: bool = False
) -> Callable[..., Any]:
    if hasattr(function, _WRAPPED):
        return function

    @functools.wraps(function)
    def in_turn(self: object, /, *args: Any, **kwargs: Any) -> Any:
        turn = turn_of(self)
        if turn is None or turn.mine:
            return function(self, *args, **kwargs)
        turn.take(label)
        try:
            result = function(self, *args, **kwargs)
        finally:
            turn.leave()
        return steps(result, turn, label) if streams else result

    setattr(in_turn, _WRAPPED, function)
    return in_turn


def without_turns(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a wrapped method wraps, and any other as it is."""
    wrapped: Callable[..., Any] = getattr(function, _WRAPPED, function)
    return wrapped


# --- Iterators


def steps(result: object, turn: Turn, label: str) -> object:
    """Return an iterator each step of which is a turn; what is none, or takes turns, as it is."""
    if is_generator(result):
        return _GeneratorSteps(result, turn, label)
    if not _is_iterator(result) or turn_of(result) is not None:
        return result
    return _Steps(result, turn, label)


def is_generator(value: object) -> TypeGuard[Generator[Any, Any, Any]]:
    """Return whether something is a generator, which must be closed."""
    return isinstance(value, Generator)


def _is_iterator(value: object) -> TypeGuard[Iterator[Any]]:
    return isinstance(value, Iterator)


class _Steps(Iterator[Any]):
    """An iterator each step of which is a turn."""

    def __init__(self, iterator: Iterator[Any], turn: Turn, label: str) -> None:
        self._iterator = iterator
        self._turn = turn
        self._label = label

    def __next__(self) -> Any:
        self._turn.take(self._label)
        try:
            return next(self._iterator)
        finally:
            self._turn.leave()


class _GeneratorSteps(Generator[Any, Any, Any]):
    """A generator each step of which is a turn."""

    def __init__(self, generator: Generator[Any, Any, Any], turn: Turn, label: str) -> None:
        self._generator = generator
        self._turn = turn
        self._label = label

    def send(self, value: Any, /) -> Any:
        return self._step(self._generator.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._generator.throw, *error)

    def close(self) -> None:
        self._step(self._generator.close)

    def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        self._turn.take(self._label)
        try:
            return step(*args)
        finally:
            self._turn.leave()
