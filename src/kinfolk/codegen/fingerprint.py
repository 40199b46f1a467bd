"""A short text that changes when anything that travels does, and with nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

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
    TypeParameter,
    Variable,
)

__all__ = ["fingerprint"]


def fingerprint(spec: Spec) -> str:
    """Return the fingerprint of all declared types, whatever their order and documentation."""
    lines = [
        *(f"class {line}" for shared in spec.classes for line in _class(shared)),
        *(
            f"entry {manager.name}.{_entry(entry)}"
            for manager in spec.managers
            for entry in manager.entries
        ),
        *(f"value {_piece(name)}" for name in spec.values),
        *(f"error {_piece(name)}" for name in spec.errors),
        *(f"layout {layout}" for layout in spec.layouts),
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:32]


def _class(shared: SharedClass) -> Iterable[str]:
    name = f"{shared.module}.{shared.name}"
    bases = ", ".join(map(_text, shared.bases))
    yield f"{name}{_brackets(shared.type_parameters)}({bases})"
    for member in shared.members:
        yield f"{name}.{_member(member)}"


def _member(member: Member) -> str:
    if isinstance(member, Attribute):
        settable = "" if member.settable is None else f" = {_text(member.settable)}"
        return f"{member.name}: {_text(member.annotation)}{settable}"
    ahead = "" if member.ahead is None else " streams"
    return f"{member.name}{_signature(member.signature)}{ahead}"


def _entry(entry: Entry) -> str:
    made = "" if entry.constructor is None else f" from {_signature(entry.constructor)}"
    return f"{entry.name}: {_text(entry.shared)}{made}"


def _signature(signature: Signature) -> str:
    parameters = [
        f"{p.kind} {p.name}: {_text(p.annotation)}{'' if p.default is None else '?'}"
        for p in signature.parameters
    ]
    brackets = _brackets(signature.type_parameters)
    return f"{brackets}({', '.join(parameters)}) -> {_text(signature.result)}"


def _brackets(parameters: Iterable[TypeParameter]) -> str:
    texts = [
        f"{p.kind} {p.name} {'' if p.bound is None else _text(p.bound)} "
        f"{' '.join(map(_text, p.constraints))}"
        for p in parameters
    ]
    return f"[{', '.join(texts)}]" if texts else ""


def _text(expression: Expression) -> str:
    return "".join(map(_piece, expression))


def _piece(piece: str | Name | SharedName | Variable) -> str:
    match piece:
        case str():
            return piece
        case Variable(name):
            return name
        case Name(module, qualname) | SharedName(module, qualname):
            return f"{module}:{qualname}"
