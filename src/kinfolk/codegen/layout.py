"""How generated code is laid out: small records of classes and functions, and their lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

__all__ = ["WIDTH", "Class", "Function", "docstring", "indented", "wrapped"]

WIDTH: Final = 100
INDENT: Final = "    "


def _stripped(doc: str | None) -> str | None:
    return doc and (doc.strip() or None)


@attrs.frozen
class Function:
    """A function to be written; without a body it is one of a stub."""

    name: str
    parameters: tuple[str, ...]
    result: str
    body: tuple[str, ...] = ()
    doc: str | None = attrs.field(default=None, converter=_stripped)
    decorators: tuple[str, ...] = ()
    type_parameters: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the lines of the function, not indented."""
        head = wrapped(
            f"def {self.name}{_bracketed(self.type_parameters)}(",
            self.parameters,
            f") -> {self.result}:",
            # The body of a stub follows on the same line, and every function stands in a class.
            width=WIDTH - len(INDENT) - (0 if self.body or self.doc else len(" ...")),
        )
        lines = [*(f"@{name}" for name in self.decorators), *head]
        if not self.body and not self.doc:
            lines[-1] += " ..."
        else:
            lines += indented([*docstring(self.doc), *self.body])
        return lines


@attrs.frozen
class Class:
    """A class to be written. `fields` are the lines of its attributes, without indentation."""

    name: str
    bases: tuple[str, ...]
    functions: tuple[Function, ...]
    doc: str | None = attrs.field(default=None, converter=_stripped)
    type_parameters: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the lines of the class."""
        start = f"class {self.name}{_bracketed(self.type_parameters)}("
        head = wrapped(start, self.bases, "):")
        body: list[str] = []
        for block in (docstring(self.doc), self.fields):
            body += [*block, ""] if block else []
        for function in self.functions:
            body += function.lines()
            # In a stub, functions without a body stand close together.
            body += [""] if function.body or function.doc else []
        if not body:
            return [*head[:-1], head[-1] + " ..."]
        return [*head, *indented(body[:-1] if body[-1] == "" else body)]


def _bracketed(items: Sequence[str]) -> str:
    return f"[{', '.join(items)}]" if items else ""


def wrapped(start: str, items: Iterable[str], end: str, *, width: int = WIDTH) -> list[str]:
    """Return `start`, the items with commas, and `end`: on one line, or one line for each item."""
    items = list(items)
    line = start + ", ".join(items) + end
    if len(line) <= width or not items:
        return [line]
    return [start, *(f"{INDENT}{item}," for item in items), end]


def indented(lines: Iterable[str]) -> list[str]:
    """Return the lines, one step further in."""
    return [INDENT + line if line else line for line in lines]


def docstring(doc: str | None) -> list[str]:
    """Return the lines of a docstring whose value is `doc`, up to indentation."""
    if not doc:
        return []
    _, *below = doc.split("\n")
    first, *rest = [_escaped(line) for line in doc.split("\n")]
    if any(rest) and all(line[0].isspace() for line in below if line):
        # Below the first line, the least indentation is taken for that of the code.
        return ['"""', first, *rest, '"""']
    # Four quotes in a row are hard to read.
    first = f" {first}" if first.startswith('"') else first
    if rest:
        return [f'"""{first}', *rest, '"""']
    return [f'"""{first[:-1]}\\""""' if _ends_with_quote(first) else f'"""{first}"""']


def _ends_with_quote(line: str) -> bool:
    """Return whether an escaped line ends with a quote that is not escaped."""
    before = line.removesuffix('"')
    return before != line and (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _escaped(line: str) -> str:
    line = line.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').rstrip()
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode()
        for char in line
    )
