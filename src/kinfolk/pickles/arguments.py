"""Calls of typed proxies, as the standard wire writes them: a name, arguments, those by name."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Final

import msgspec

from kinfolk.errors import ArgumentError
from kinfolk.pickles.names import GET, SET
from kinfolk.pickles.values import Unpickler
from kinfolk.signals import surely_raised_by_handler
from kinfolk.wire.codec import Mismatch
from kinfolk.wire.members import Member
from kinfolk.wire.unset import UNSET
from kinfolk.wording import in_words

__all__ = ["arranged", "as_wire_call"]

# What a plain server's lock has in place of the two methods of a `with` block.
_BLOCK: Final = {"__enter__": "acquire", "__exit__": "release"}


def arranged(
    member: Member, arguments: Mapping[str, object]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call in the places from which the member takes them.

    Raises:
        ArgumentError: They cannot be given together.
    """
    given = [arguments.get(each.name, UNSET) for each in member.arguments.parameters]
    values = [msgspec.UNSET if value is UNSET else value for value in given]
    try:
        args, kwds = member.arguments.arrange(values)
    except Mismatch as mismatch:
        raise ArgumentError(f"{member.label}: {mismatch}") from None
    return tuple(args), kwds


def as_wire_call(
    member: Member, arguments: Mapping[str, object], exposed: Collection[str]
) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return how a call of a member is written.

    Args:
        member: The member.
        arguments: Those given, by name.
        exposed: What the server has said that can be called.

    Raises:
        ArgumentError: They cannot be given together.
    """
    name = member.name
    if name.endswith("="):
        return SET, (name[:-1], arguments["value"]), {}
    if member.attribute:
        return GET, (name,), {}
    if name == "__enter__" or name == "__exit__":
        return _block(member, arguments, exposed)
    args, kwds = arranged(member, arguments)
    return GET if name == "__getattr__" else name, args, kwds


def _block(
    member: Member, arguments: Mapping[str, object], exposed: Collection[str]
) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    name = member.name
    if name not in exposed and _BLOCK[name] in exposed:
        return _BLOCK[name], (), {}
    args, kwds = arranged(member, arguments)
    sent = tuple(map(_sendable, args))
    raised = next((each for each in sent if isinstance(each, BaseException)), None)
    if raised is not None:
        sent = tuple(type(raised) if isinstance(each, type) else each for each in sent)
    return name, sent, kwds


def _sendable(value: Any) -> Any:
    """Return what stands for a part of an exception: a block is left whatever was raised in it."""
    if isinstance(value, TracebackType):
        return None
    if isinstance(value, BaseException):
        return value if _is_pythons_own(value) else RuntimeError(in_words(value))
    if isinstance(value, type) and value.__module__ != "builtins":
        return RuntimeError
    return value


def _is_pythons_own(error: BaseException) -> bool:
    """Return whether an exception is of Python itself, and so is all that it holds.

    The server may know nothing else, or make something else of it.
    """
    if type(error).__module__ != "builtins":
        return False
    try:
        _OfPython(pickle.dumps(error), {}).load()
    except Exception as refused:
        if surely_raised_by_handler(refused):
            raise
        return False
    return True


class _OfPython(Unpickler):
    """Reads what mentions only what Python has."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse all else."""
        if module.partition(".")[0] not in sys.stdlib_module_names:
            raise pickle.UnpicklingError(f"{module}.{name} is not Python's")
        return super().find_class(module, name)
