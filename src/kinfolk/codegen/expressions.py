"""Questions about expressions, and the few changes that generated code makes to them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs

from kinfolk.spec.model import Expression, Name, SharedName, Signature, Variable

__all__ = [
    "arguments_of",
    "is_plain",
    "is_public",
    "plain",
    "shared_in",
    "stream_result",
]

Piece: TypeAlias = str | Name | SharedName | Variable

_PLAIN: Final = (
    *(ast.Expression, ast.Name, ast.Attribute, ast.Constant, ast.Subscript, ast.Tuple, ast.List),
    *(ast.Call, ast.keyword, ast.Starred, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare),
    *(ast.IfExp, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)
_OPENING: Final = "([{"
_CLOSING: Final = ")]}"


def shared_in(expression: Expression) -> list[SharedName]:
    """Return the shared classes that an expression mentions."""
    return [piece for piece in expression if isinstance(piece, SharedName)]


def names_in(expression: Expression) -> list[Name]:
    """Return the names that an expression imports."""
    return [piece for piece in expression if isinstance(piece, Name)]


def is_public(expression: Expression) -> bool:
    """Whether another module may evaluate this: no shared class, and no private name in it."""
    names = names_in(expression)
    parts = [part for n in names for part in (*n.module.split("."), *n.qualname.split("."))]
    return (
        bool(names)
        and not any(part.startswith("_") for part in parts)
        and all(isinstance(piece, str | Name) for piece in expression)
    )


def _stand_in(piece: Name | SharedName | Variable) -> str:
    return piece.name if isinstance(piece, Variable) else piece.qualname


def is_plain(expression: Expression) -> bool:
    """Whether a stub may hold this as a default.

    mypy does not look up names in a comprehension there; and stubtest evaluates a dict display,
    even one with names in it, to compare the result.
    """
    text = "".join(p if isinstance(p, str) else _stand_in(p) for p in expression)
    return all(isinstance(node, _PLAIN) for node in ast.walk(ast.parse(text, mode="eval")))


def stream_result(result: Expression) -> Expression:
    """Return the type of a stream at the client, which is an iterator and never a generator."""
    match result:
        case [Name(qualname="Generator"), "[", *_] | [Name(qualname="Generator"), str(), *_]:
            item = arguments_of(result[1:])[0]
            return (Name("collections.abc", "Iterator"), "[", *item, "]")
        case _:
            return result


def arguments_of(pieces: Expression) -> list[Expression]:
    """Return the arguments in the first brackets that `pieces` has, none if it has none."""
    found: list[Expression] = []
    argument: list[Piece] = []
    depth = 0
    for piece in pieces:
        if not isinstance(piece, str):
            argument += [piece] if depth else []
            continue
        start = 0
        for position, char in _code(piece):
            if char in _OPENING:
                depth += 1
                start = position + 1 if depth == 1 else start
            elif char in _CLOSING:
                depth -= 1
            if depth == 0 or (depth == 1 and char == ","):
                found.append(_stripped([*argument, piece[start:position]]))
                argument, start = [], position + 1
                if depth == 0:
                    return found
        argument += [piece[start:]] if depth else []
    return found


def _stripped(argument: list[Piece]) -> Expression:
    """Return an argument without the spaces around it, and without empty pieces."""
    first, *_, last = argument[0], argument[-1]
    if isinstance(first, str):
        argument[0] = first.lstrip()
    if isinstance(last, str):
        argument[-1] = argument[-1].rstrip() if isinstance(argument[-1], str) else last
    return tuple(piece for piece in argument if piece != "")


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Yield the characters of a text that stand in no string literal."""
    quote = ""
    escaped = False
    for position, char in enumerate(text):
        if quote:
            quote = "" if char == quote and not escaped else quote
            escaped = char == "\\" and not escaped
        elif char in "\"'":
            quote = char
        else:
            yield position, char


def plain(signature: Signature) -> Signature:
    """Return the signature with old positional-only parameters, `__key`, written the new way.

    Such a name would be mangled with the name of the generated class.
    """
    marked = [
        index
        for index, parameter in enumerate(signature.parameters)
        if parameter.name.startswith("__")
        and not parameter.name.endswith("__")
        and parameter.kind in {"positional-only", "positional-or-keyword"}
    ]
    if not marked:
        return signature
    taken = {parameter.name for parameter in signature.parameters}
    parameters = list(signature.parameters)
    for index in range(marked[-1] + 1):
        name = parameters[index].name
        if index in marked:
            name = name.lstrip("_")
            name = name + "_" if name in taken else name
            taken.add(name)
        parameters[index] = attrs.evolve(parameters[index], name=name, kind="positional-only")
    return attrs.evolve(signature, parameters=tuple(parameters))
