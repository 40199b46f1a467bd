"""Working with expressions, which are made of pieces: text, and names bound to their origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from kinfolk.spec.model import Expression, Name, SharedName, Variable

__all__ = ["ANY", "Piece", "joined", "substitute", "text_of", "variables_of"]

Piece: TypeAlias = str | Name | SharedName | Variable

ANY: Final[Expression] = (Name("typing", "Any"),)


def joined(pieces: Iterable[Piece]) -> Expression:
    """Make an expression of pieces, with adjacent text put together."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != "":
            found.append(piece)
    return tuple(found)


def variables_of(expression: Expression) -> list[str]:
    """Return the names of the type variables in an expression, each once, in their order."""
    return list(dict.fromkeys(piece.name for piece in expression if isinstance(piece, Variable)))


def substitute(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """Put expressions in the place of type variables."""
    if not values or not any(isinstance(piece, Variable) for piece in expression):
        return expression
    return joined(
        part
        for piece in expression
        for part in (values.get(piece.name, (piece,)) if isinstance(piece, Variable) else (piece,))
    )


def text_of(expression: Expression) -> str:
    """Return an expression as its author would write it, for messages."""
    return "".join(
        piece
        if isinstance(piece, str)
        else piece.name
        if isinstance(piece, Variable)
        else piece.qualname
        for piece in expression
    )
