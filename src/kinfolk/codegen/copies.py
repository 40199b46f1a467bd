"""Results typed by read-only protocols, so that checkers refuse to change what is only a copy.

What is fetched from a shared object is a copy, and changing it changes nothing at the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from kinfolk.spec.model import (
    Attribute,
    Entry,
    Expression,
    Member,
    Name,
    SharedClass,
    SharedName,
    Signature,
    Spec,
    SpecManager,
    Variable,
)

__all__ = ["with_read_only_copies"]

_SEQUENCE: Final = Name("collections.abc", "Sequence")
_MAPPING: Final = Name("collections.abc", "Mapping")
_SET: Final = Name("typing", "AbstractSet")

_READ_ONLY: Final = {
    **{
        Name(module, name): protocol
        for module in ("builtins", "collections", "collections.abc", "typing", "typing_extensions")
        for protocol, names in (
            (_SEQUENCE, ("list", "List", "deque", "Deque", "MutableSequence")),
            (_MAPPING, ("dict", "Dict", "OrderedDict", "defaultdict", "DefaultDict")),
            (_MAPPING, ("MutableMapping",)),
            (_SET, ("set", "MutableSet")),
        )
        for name in names
    },
    # In `collections.abc` this is the read-only one.
    Name("typing", "Set"): _SET,
}


def with_read_only_copies(spec: Spec) -> Spec:
    """Return a spec whose results, nested ones too, are of read-only protocols.

    So are the type arguments of shared classes wherever they stand, since what a proxy is a proxy
    of has to be the same where it is returned and where it is taken.
    """
    return attrs.evolve(
        spec,
        classes=tuple(map(_class, spec.classes)),
        managers=tuple(map(_manager, spec.managers)),
    )


def _class(shared: SharedClass) -> SharedClass:
    return attrs.evolve(
        shared,
        bases=tuple(map(_arguments, shared.bases)),
        members=tuple(map(_member, shared.members)),
    )


def _member(member: Member) -> Member:
    if isinstance(member, Attribute):
        settable = None if member.settable is None else _arguments(member.settable)
        return attrs.evolve(member, annotation=_whole(member.annotation), settable=settable)
    return attrs.evolve(
        member,
        signature=_signature(member.signature),
        overloads=tuple(map(_signature, member.overloads)),
    )


def _manager(manager: SpecManager) -> SpecManager:
    return attrs.evolve(manager, entries=tuple(map(_entry, manager.entries)))


def _entry(entry: Entry) -> Entry:
    made = None if entry.constructor is None else _signature(entry.constructor)
    return attrs.evolve(entry, shared=_whole(entry.shared), constructor=made)


def _signature(signature: Signature) -> Signature:
    return attrs.evolve(
        signature,
        parameters=tuple(
            attrs.evolve(p, annotation=_arguments(p.annotation)) for p in signature.parameters
        ),
        result=_whole(signature.result),
        receiver=None if signature.receiver is None else _arguments(signature.receiver),
    )


def _whole(expression: Expression) -> Expression:
    """Return a type with read-only protocols in the place of all mutable ones."""
    return tuple(_READ_ONLY.get(p, p) if isinstance(p, Name) else p for p in expression)


def _arguments(expression: Expression) -> Expression:
    """Return a type with such protocols in the type arguments of shared classes only."""
    return tuple(_within_shared(expression))


def _within_shared(expression: Expression) -> Iterator[str | Name | SharedName | Variable]:
    depth = 0  # how many brackets are open since the first of a shared class; 0 outside
    after_shared = False
    for piece in expression:
        if isinstance(piece, str):
            for char in piece:
                if char == "[" and (depth or after_shared):
                    depth += 1
                elif char == "]" and depth:
                    depth -= 1
                after_shared = False
        yield _READ_ONLY.get(piece, piece) if depth and isinstance(piece, Name) else piece
        after_shared = isinstance(piece, SharedName)
