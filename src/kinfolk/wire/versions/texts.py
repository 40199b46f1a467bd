"""Canonical types as text for people, and the names that stand in them."""

from __future__ import annotations

import inspect
import re
from typing import Final

import attrs

from kinfolk.wire.descriptions import Argument, Function, Parts

__all__ = ["function_text", "names_in", "parts_text", "short"]

# What stands in quotes is the text of a Literal, and not a name.
_WORD: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | (?P<name>[^\W\d][\w.<>]*)""", re.VERBOSE
)
_KINDS: Final = {"dict": "TypedDict ", "tuple": "NamedTuple ", "enum": "Enum ", "flags": "Flag "}


def names_in(text: str) -> list[str]:
    """Return the names in the text of a type, with their modules."""
    return [word["name"] for word in _WORD.finditer(text) if word["name"]]


def short(text: str) -> str:
    """Return a text without the modules of the names in it."""
    return _WORD.sub(lambda word: word[0] if word["name"] is None else _last(word["name"]), text)


def _last(name: str) -> str:
    return name.rpartition(".")[2] or name


@attrs.frozen(repr=False)
class _Shown:
    """Stands in a signature as its text is."""

    text: str

    def __repr__(self) -> str:
        return self.text


def function_text(name: str, function: Function) -> str:
    """Return a function as its author wrote it, but for the defaults.

    Raises:
        ValueError: It is not one that could have been written.
    """
    result = f"collections.abc.Iterator[{function.result}]" if function.streams else function.result
    signature = inspect.Signature(
        [_parameter(argument) for argument in function.arguments],
        return_annotation=_Shown(result),
    )
    return f"{name.removesuffix('=')}{signature}"


def _parameter(argument: Argument) -> inspect.Parameter:
    kind = inspect._ParameterKind(argument.kind)  # pyright: ignore[reportPrivateUsage]
    variable = kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    default = inspect.Parameter.empty if argument.required or variable else _Shown("...")
    return inspect.Parameter(argument.name, kind, default=default, annotation=_Shown(argument.type))


def parts_text(name: str, parts: Parts | None) -> str:
    """Return what a class of values is made of."""
    if parts is None:
        return f"{short(name)} without fields"
    if parts.kind == "alias":
        return f"{short(name)} = {', '.join(short(field.type) for field in parts.fields)}"
    if parts.kind == "enum":
        fields = [field.name for field in parts.fields]
    else:
        fields = [
            f"{field.name}: {short(field.type)}{'' if field.required else ' = ...'}"
            for field in parts.fields
        ]
    return f"{_KINDS.get(parts.kind, '')}{short(name)}({', '.join(fields)})"
