"""The import statements of a generated file, in the order that isort would give them."""

from __future__ import annotations

import sys
from itertools import groupby

from kinfolk.codegen.layout import WIDTH, wrapped

__all__ = ["Imports"]


class Imports:
    """Collects what a file imports, each thing once."""

    def __init__(self) -> None:
        self._names: set[tuple[str, str, str]] = set()
        self._modules: set[tuple[str, str]] = set()
        self._last: set[tuple[str, str]] = set()

    def name(self, module: str, name: str, local: str) -> None:
        """Add `from module import name as local`."""
        self._names.add((module, name, local))

    def module(self, module: str, local: str, *, last: bool = False) -> None:
        """Add `import module as local`, or `import module` where both are the same."""
        (self._last if last else self._modules).add((module, local))

    def is_root(self, name: str) -> bool:
        """Whether `name` is the first part of a module that is imported by its whole name."""
        return any(
            module == local and module.partition(".")[0] == name
            for module, local in self._modules | self._last
        )

    def at_top(self) -> list[str]:
        """Return the statements that stand at the top of the file."""
        return _blocks(self._modules, self._names)

    def at_end(self) -> list[str]:
        """Return the statements that stand at its end."""
        return _blocks(self._last - self._modules, set())

    def all(self) -> list[str]:
        """Return all statements, for a file where the order of definitions is nothing."""
        return _blocks(self._modules | self._last, self._names)


def _blocks(modules: set[tuple[str, str]], names: set[tuple[str, str, str]]) -> list[str]:
    statements = [
        (_section(module), 0, module, text)
        for module, local in modules
        for text in [f"import {module}" if module == local else f"import {module} as {local}"]
    ]
    for module in {module for module, _, _ in names}:
        pairs = {(name, local) for m, name, local in names if m == module}
        statements += [(_section(module), 1, module, text) for text in _from(module, pairs)]
    lines: list[str] = []
    for _, section in groupby(sorted(statements), key=lambda statement: statement[0]):
        lines += ["", *(line for *_, text in section for line in text.split("\n"))]
    return lines[1:]


def _from(module: str, pairs: set[tuple[str, str]]) -> list[str]:
    plain = sorted((name for name, local in pairs if name == local), key=_order)
    aliased = sorted((name, local) for name, local in pairs if name != local)
    texts = [f"from {module} import {name} as {local}" for name, local in aliased]
    if plain:
        start = f"from {module} import "
        one = start + ", ".join(plain)
        texts.append(one if len(one) <= WIDTH else "\n".join(wrapped(start + "(", plain, ")")))
    return texts


def _section(module: str) -> int:
    return 0 if module.partition(".")[0] in sys.stdlib_module_names else 1


def _order(name: str) -> tuple[int, str]:
    # Constants, then classes, then the rest.
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name
