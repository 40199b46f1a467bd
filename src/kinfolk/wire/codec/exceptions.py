"""Exceptions: taken apart into names and values, and put together without running their code.

An exception class is never imported because a message names it: it is found among those that both
ends know, or else the exception becomes a `RemoteError`.
"""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Callable, Iterable, Mapping
from types import MemberDescriptorType
from typing import Any, Final, TypeGuard, cast

import msgspec

from kinfolk import errors
from kinfolk.errors import RemoteError
from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Keys, Node, encode
from kinfolk.wire.messages import NOTHING, Failure
from kinfolk.wording import text_of

__all__ = ["ExceptionClass", "Raised", "error_name", "known_errors", "lift_error", "lower_error"]

Errors = Mapping[str, type[BaseException]]
"""The exception classes that both ends know, by the name they have in messages."""

# Raised at a client they would end it, or its generator, and not for a reason of its own.
_DEADLY: Final = (SystemExit, KeyboardInterrupt, GeneratorExit)


def error_name(cls: type[BaseException]) -> str:
    """Return the name of an exception class as a traceback shows it."""
    name = cls.__qualname__
    return name if cls.__module__ == "builtins" else f"{cls.__module__}.{name}"


def known_errors(others: Iterable[type[BaseException]]) -> dict[str, type[BaseException]]:
    """Return builtin exceptions, those of Kinfolk, and others, by name."""
    own = [*vars(builtins).values(), *vars(errors).values()]
    known: list[Any] = [each for each in own if isinstance(each, type)]
    return {
        error_name(cls): cls
        for cls in (*known, *others)
        if issubclass(cls, BaseException) and not issubclass(cls, _DEADLY)
    }


# --- Taking apart


def lower_error(
    error: BaseException, known: Errors, pack: Callable[[Any], bytes], traceback: str = ""
) -> Failure:
    """Return what stands for an exception in a message.

    Args:
        error: The exception.
        known: The classes that the other end can rebuild.
        pack: Encodes a value of type `Any`; raises `Mismatch` for one that cannot travel.
        traceback: Where it was raised, as text.
    """
    name, message = _sendable(error_name(type(error))), _sendable(text_of(error))
    notes = [note for note in _notes(error) if isinstance(note, str)]
    # Whatever is odd about an exception, it must not get in the way of telling that there was one.
    with contextlib.suppress(Exception):
        if _travels(error, known):
            state = {**_state(error), **({"__notes__": notes} if notes else {})}
            arguments, packed = msgspec.Raw(pack(_arguments(error))), msgspec.Raw(pack(state))
            return Failure(name, message, traceback, arguments, packed)
    kept = {"__notes__": [_sendable(note) for note in notes]} if notes else None
    return Failure(name, message, traceback, NOTHING, msgspec.Raw(pack(kept)))


def _travels(error: BaseException, known: Errors) -> bool:
    if known.get(error_name(type(error))) is not type(error):
        return False
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(_travels(member, known) for member in group.exceptions)
    return True


def _arguments(error: BaseException) -> list[Any]:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [group.message, list(group.exceptions)]
    return list(cast("Any", BaseException.args).__get__(error))


def _sendable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _notes(error: BaseException) -> list[Any]:
    notes: object = vars(error).get("__notes__")
    return notes if _is_list(notes) else []


def _state(error: BaseException) -> dict[str, Any]:
    """Return what an exception holds beside its arguments, in whatever place."""
    state = {name: value for name, value in vars(error).items() if name != "__notes__"}
    for name, place in _places(type(error)).items():
        try:
            value = place.__get__(error)
        except AttributeError:  # never set
            continue
        if value is not None:
            state[name] = value
    return state


_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    ImportError: ("name", "path"),
    NameError: ("name",),
    AttributeError: ("name",),
    StopIteration: ("value",),
}
"""What builtin exceptions hold that may differ from their arguments."""


def _places(cls: type) -> dict[str, Any]:
    """Return the descriptors of what is not in an exception's `__dict__`: slots and such fields."""
    places: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        own = vars(base)
        if base.__module__ != "builtins":
            slots = {n: d for n, d in own.items() if isinstance(d, MemberDescriptorType)}
            places.update(slots)
        places.update({name: own[name] for name in _FIELDS.get(base, ())})
    return places


# --- Putting together


def lift_error(
    failure: Failure, known: Errors, unpack: Callable[[msgspec.Raw], Any]
) -> BaseException:
    """Return the exception that a message stands for, a `RemoteError` if its class is not known.

    Args:
        failure: The message.
        known: The classes that can be rebuilt.
        unpack: Decodes a value of type `Any`; raises `Mismatch` where it is none.
    """
    found = _unpacked(failure.state, unpack)
    state = {n: v for n, v in found.items() if type(n) is str} if _is_dict(found) else {}
    cls = known.get(failure.class_name)
    arguments = _unpacked(failure.args, unpack)
    if cls is not None and _is_list(arguments):
        # Otherwise the arguments are none that its builtin base could have.
        with contextlib.suppress(TypeError, ValueError):
            return _rebuild(cls, tuple(arguments), state)
    remote = RemoteError(failure.class_name, failure.message, failure.traceback)
    _annotate(remote, state)
    return remote


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return type(value) is list


def _is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return type(value) is dict


def _unpacked(data: msgspec.Raw, unpack: Callable[[msgspec.Raw], Any]) -> object:
    try:
        return unpack(data)
    except Mismatch:
        return None


def _rebuild(cls: Any, arguments: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    base = cls
    while base.__module__ != "builtins":
        base = base.__base__
    error: BaseException = base.__new__(cls, *arguments)
    # A class whose own constructor never calls that of its base may have any arguments.
    with contextlib.suppress(TypeError, ValueError):
        base.__init__(error, *arguments)
    # Past the class's own __setattr__, which a frozen one has.
    cast("Any", BaseException.args).__set__(error, arguments)
    places = _places(cls)
    for name, value in state.items():
        if name in places:
            places[name].__set__(error, value)
        elif not name.startswith("__"):
            vars(error)[name] = value
    _annotate(error, state)
    return error


def _annotate(error: BaseException, state: Mapping[str, Any]) -> None:
    notes: object = state.get("__notes__")
    if _is_list(notes):
        vars(error)["__notes__"] = [note for note in notes if isinstance(note, str)]


# --- As values


class Raised(Node):
    """An exception as a value, without its traceback."""

    wire = Failure
    arrivals = frozenset({Failure})

    def __init__(
        self, text: str, cls: type[BaseException], known: Errors, anything: Callable[[], Node]
    ) -> None:
        super().__init__(text)
        self.classes = frozenset({cls})
        self._cls, self._known, self._anything = cls, known, anything

    def lower(self, value: Any, context: Context) -> Any:
        """Return what stands for an exception."""
        if not isinstance(value, self._cls):
            raise Mismatch.of(self.text, value)
        anything = self._anything()
        # With care at once, since what goes wrong here is not seen by the encoder of the whole.
        own = Context(context.references, careful=True, nesting=context.nesting)
        own.depth = context.depth
        return lower_error(value, self._known, lambda part: encode(anything.lower(part, own)))

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the exception."""
        anything = self._anything()
        error = lift_error(wire, self._known, lambda data: anything.read(data, context))
        if not isinstance(error, self._cls):
            raise Mismatch.wrong(self.text, wire.class_name)
        return error


class ExceptionClass(Node):
    """`type[...]` of exceptions, by name; one that the receiver does not know is `RemoteError`."""

    wire = str
    arrivals = frozenset({str})
    keys = Keys.ALWAYS
    classes = frozenset({type})

    def __init__(self, text: str, cls: type[BaseException], known: Errors) -> None:
        super().__init__(text)
        self._cls, self._known = cls, known

    def accepts(self, cls: type) -> bool:
        """Return whether instances of a metaclass may be exception classes."""
        return issubclass(cls, type)

    def lower(self, value: Any, context: Context) -> Any:
        """Return the name of the class."""
        if not issubclass(type(value), type) or not issubclass(value, self._cls):
            raise Mismatch.of(self.text, value)
        return error_name(value)

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the class of a name."""
        cls = self._known.get(wire, RemoteError)
        if not issubclass(cls, self._cls):
            raise Mismatch.wrong(self.text, wire)
        return cls
