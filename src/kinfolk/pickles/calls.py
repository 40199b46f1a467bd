"""Carrying out calls of the standard wire on the objects of a spec, in their turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import attrs

from kinfolk.errors import ConnectionLost, NoSuchMember, ResultError
from kinfolk.host.chains import acting_for
from kinfolk.host.hosted import Hosted
from kinfolk.host.operations import Operation
from kinfolk.host.owners import Owner
from kinfolk.host.refusals import log_raised
from kinfolk.host.waiters import Later, is_later
from kinfolk.pickles.clients import Visit
from kinfolk.pickles.messages import Messages
from kinfolk.pickles.names import GET_VALUE, member_and_arguments
from kinfolk.pickles.streams import Stream

__all__ = ["Answer", "call", "missing", "text_of"]


@attrs.frozen(eq=False)
class Answer:
    """A message, ready to be sent; and what is undone if it does not arrive."""

    data: bytes
    granted: Later[Any] | None = None

    def lost(self) -> None:
        """Say that it could not be sent."""
        if self.granted is not None:
            self.granted.withdraw()


_Run: TypeAlias = Callable[[], Any]


def call(
    hosted: Hosted,
    visit: Visit,
    called: str,
    args: Sequence[Any],
    kwds: Mapping[str, Any],
    messages: Messages,
) -> Answer:
    """Call a member of an object, and return the message that says what it returned.

    Args:
        hosted: The object.
        visit: The connection that the call came over.
        called: What was called.
        args: Its arguments.
        kwds: Those by name.
        messages: Makes the message.

    Raises:
        NoSuchMember: The spec does not expose it.
        Exception: What the member raised.
    """
    names = hosted.operations.names
    if called == "__repr__" and "__str__" in names:
        called = "__str__"  # a plain proxy asks for the one to show the other
    if called in _texts and called not in names:
        label = f"{type(hosted.obj).__name__}.{called.strip('#')}"
        encode = messages.copy if called == GET_VALUE else messages.result
        return _in_turn(hosted, visit, label, partial(text_of, hosted.obj, called), encode)
    name, positional, named = member_and_arguments(names, called, args, kwds)
    operation = hosted.operations[name]

    def run() -> Any:
        result = operation.run(hosted.obj, positional, named)
        return result if is_later(result) else _taken(result, operation, hosted)

    try:
        return _in_turn(hosted, visit, operation.label, run, messages.result)
    except BaseException as error:
        log_raised(operation.label, error)
        raise


def _same(obj: object) -> object:
    return obj


# What the standard library's server does for every object, exposed or not.
_texts: Mapping[str, Callable[[object], object]] = {
    "__str__": str,
    "__repr__": repr,
    GET_VALUE: _same,
}


def _taken(result: Any, operation: Operation, hosted: Hosted) -> Any:
    if operation.member.result is not None:
        return result
    if not isinstance(result, Iterator):
        name = type(result).__name__
        raise ResultError(f"{operation.label} must return an iterator, not {name}")
    return Stream(result, operation.label, hosted)


def _in_turn(
    hosted: Hosted, visit: Visit, label: str, run: _Run, encode: Callable[[Any], bytes]
) -> Answer:
    turn = hosted.turn
    with acting_for(Owner(visit, 0)):
        if turn is not None:
            turn.take(label)
        try:
            if visit.ended:
                raise ConnectionLost("the process that called has ended", executed="no")
            result = run()
            if not is_later(result):
                # Within the turn, before another call can change what is being pickled.
                return Answer(encode(result))
        finally:
            if turn is not None:
                turn.leave()
        value = result.wait(label)
    return Answer(encode(value), result)


def text_of(obj: object, called: str) -> object:
    """Return what everybody may ask of an object: its text, or itself, to be copied.

    Raises:
        NoSuchMember: It was something else that was asked.
    """
    text = _texts.get(called)
    if text is None:
        raise missing(type(obj).__name__, called)
    return text(obj)


def missing(typeid: str, called: str) -> NoSuchMember:
    """Return what a call of something fails with that is not exposed."""
    return NoSuchMember(f"{typeid} has no member {called[:100]!r} that is exposed")
