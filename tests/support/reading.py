"""Models of specs as short text, and specs written for one test."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kinfolk.errors import SpecError
from kinfolk.spec.model import (
    Attribute,
    Expression,
    Method,
    Name,
    Parameter,
    SharedClass,
    SharedName,
    Signature,
    Spec,
    Variable,
)
from kinfolk.spec.reader import read

START = "from kinfolk import *\n"


class Folder:
    """An importable folder of modules written for one test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, module: str, text: str) -> Path:
        """Write a module, and make packages of the folders above it."""
        path = self.path.joinpath(*module.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in path.relative_to(self.path).parents[:-1]:
            (self.path / parent / "__init__.py").touch()
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        importlib.invalidate_caches()
        return path

    def read(self, text: str, module: str = "app_spec") -> Spec:
        """Write a spec, and read it."""
        self.write(module, text)
        return read(module)

    def shared(self, text: str, name: str = "Thing") -> SharedClass:
        """Write a spec, and return one shared class of it."""
        return find(self.read(text), name)

    def problems(self, text: str, module: str = "app_spec") -> list[str]:
        """Write a spec that has mistakes, and return them as `line: text`."""
        self.write(module, text)
        try:
            read(module)
        except SpecError as error:
            return [f"{p.line}: {p.text}" for p in error.problems]
        return []


@contextmanager
def importable(path: Path) -> Iterator[Folder]:
    """Make a folder importable, and forget afterwards what was imported from it."""
    sys.path.insert(0, str(path))
    importlib.invalidate_caches()
    try:
        yield Folder(path)
    finally:
        sys.path.remove(str(path))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(str(path)):
                del sys.modules[name]


def find(spec: Spec, name: str) -> SharedClass:
    """Return a shared class of a spec."""
    return next(cls for cls in spec.classes if cls.name == name)


def method(cls: SharedClass, name: str) -> Method:
    """Return a method of a shared class."""
    return next(m for m in cls.members if isinstance(m, Method) and m.name == name)


def attribute(cls: SharedClass, name: str) -> Attribute:
    """Return an attribute of a shared class."""
    return next(m for m in cls.members if isinstance(m, Attribute) and m.name == name)


def shown(cls: SharedClass) -> dict[str, str]:
    """Return the members of a class as text, by name."""
    return {
        m.name: signature(m.signature) if isinstance(m, Method) else _attribute(m)
        for m in cls.members
    }


def _attribute(member: Attribute) -> str:
    text = typed(member.annotation)
    return text if member.settable is None else f"{text} = {typed(member.settable)}"


def signature(found: Signature) -> str:
    """Return a signature as text; what is not a literal default stands in angle brackets."""
    parts: list[str] = []
    kinds = [p.kind for p in found.parameters]
    for index, parameter in enumerate(found.parameters):
        starred = "var-positional" in kinds[:index] or "*" in parts
        if parameter.kind == "keyword-only" and not starred:
            parts.append("*")
        parts.append(_parameter(parameter))
        if parameter.kind == "positional-only" and "positional-only" not in kinds[index + 1 :]:
            parts.append("/")
    return f"({', '.join(parts)}) -> {typed(found.result)}"


def _parameter(parameter: Parameter) -> str:
    stars = {"var-positional": "*", "var-keyword": "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}: {typed(parameter.annotation)}"
    if parameter.default is None:
        return text
    default = typed(parameter.default)
    return f"{text} = {default if parameter.literal else f'<{default}>'}"


def typed(expression: Expression) -> str:
    """Return an expression as text: `module:Name`, `@Shared`, `?T`; builtins as they are."""
    return "".join(map(_piece, expression))


def _piece(piece: str | Name | SharedName | Variable) -> str:
    match piece:
        case str():
            return piece
        case Name(module, qualname):
            return qualname if module == "builtins" else f"{module}:{qualname}"
        case SharedName(_, qualname):
            return f"@{qualname}"
        case Variable(name):
            return f"?{name}"
