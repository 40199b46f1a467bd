"""Calls as people write them in a shell: `frontier.push("https://example.org", priority=2)`.

What is written is read as Python, and never run: an entry's name, then members, calls and items,
one after the other, with literals as arguments.
"""

from __future__ import annotations

import ast
import reprlib
import warnings
from typing import Final, TypeAlias

import attrs

from kinfolk.cli.problems import CommandError, one_line

__all__ = ["Arguments", "Attribute", "Expression", "Item", "Step", "parse"]

_LONGEST: Final = 100
_EXAMPLE: Final = """`kinfolk call 'frontier.push("https://example.org", priority=2)'`"""


@attrs.frozen
class Attribute:
    """`.name`."""

    name: str


@attrs.frozen
class Arguments:
    """`(…)`."""

    positional: tuple[object, ...] = ()
    keyword: dict[str, object] = attrs.field(factory=dict[str, object])


@attrs.frozen
class Item:
    """`[…]`."""

    key: object


Step: TypeAlias = Attribute | Arguments | Item


@attrs.frozen
class Expression:
    """An entry, and what is done with it, step by step."""

    entry: str
    steps: tuple[Step, ...]


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        CommandError: It is not Python, or does more than to call what a server offers.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of odd escapes
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else one_line(error)
        why = f" ({reason})" if reason else ""
        raise CommandError(f"{_excerpt(text)} cannot be read{why}: write {_EXAMPLE}") from None
    steps: list[Step] = []
    node: ast.expr = tree.body
    while not isinstance(node, ast.Name):
        node, step = _outermost(node, text)
        steps.append(step)
    return Expression(node.id, tuple(reversed(steps)))


def _outermost(node: ast.expr, text: str) -> tuple[ast.expr, Step]:
    """Return the last step of an expression, and what comes before it."""
    match node:
        case ast.Attribute(value, name):
            return value, Attribute(name)
        case ast.Subscript(value, key):
            return value, Item(_literal(key))
        case ast.Call(function, positional, keyword):
            return function, Arguments(tuple(map(_literal, positional)), _named(keyword))
        case _:
            raise CommandError(
                f"{_excerpt(text)} calls nothing that a server offers: write {_EXAMPLE}"
            )


def _named(keywords: list[ast.keyword]) -> dict[str, object]:
    found: dict[str, object] = {}
    for keyword in keywords:
        if keyword.arg is None:
            raise CommandError(f"** cannot be used: {_RULE}")
        if keyword.arg in found:
            raise CommandError(f"the argument {keyword.arg!r} is given twice: leave one out")
        found[keyword.arg] = _literal(keyword.value)
    return found


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise CommandError(f"{_shown(node)} is no literal: {_RULE}") from None


_RULE: Final = "arguments are literals, such as 'text', 2, None, True or [1, 2], and are not run"


def _shown(node: ast.expr) -> str:
    try:
        text = ast.unparse(node)
    except RecursionError:
        return "an argument"
    return text if len(text) <= _LONGEST else _excerpt(text)


def _excerpt(text: str) -> str:
    """Return a text in quotes, without its middle if it is long."""
    shortening = reprlib.Repr()
    shortening.maxstring = _LONGEST
    return shortening.repr(text)
