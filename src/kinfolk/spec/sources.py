"""The source of modules, parsed once: which definitions stand where, and what names are bound to.

A module that runs says what it *has*; its source says how its author *wrote* it. The two are tied
by line numbers: a function's code knows the line of its definition, so whatever decorated, renamed
or moved it, and whichever branch of an `if` was taken, the right definition is found.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import warnings
from collections.abc import Iterable, Iterator
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any, TypeAlias, cast

import attrs

from kinfolk.spec.files import read_module
from kinfolk.spec.model import Location
from kinfolk.spec.problems import shown

__all__ = [
    "Binding",
    "ClassSource",
    "Function",
    "Import",
    "Local",
    "Source",
    "Sources",
    "is_type_statement",
]

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen(eq=False)
class Import:
    """A name bound by an import: to `name` of `module`, or to the module itself."""

    node: ast.stmt
    module: str
    name: str | None = None


@attrs.frozen(eq=False)
class Local:
    """A name bound by a definition or an assignment."""

    node: ast.stmt


Binding: TypeAlias = Import | Local


class ClassSource:
    """The source of one class; `qualname` holds dots for a nested one."""

    def __init__(self, node: ast.ClassDef, qualname: str, source: Source) -> None:
        self.node = node
        self.qualname = qualname
        self.source = source
        self.functions: dict[str, list[Function]] = {}
        self.assigns: dict[str, ast.Assign | ast.AnnAssign] = {}
        self.docs: dict[str, str] = {}
        self.types: dict[str, ast.stmt] = {}
        self._read()

    @property
    def location(self) -> Location:
        """The line of the `class` statement."""
        return self.source.location(self.node)

    @property
    def doc(self) -> str | None:
        """The docstring, and not what dataclasses make of a missing one."""
        return ast.get_docstring(self.node)

    @property
    def names(self) -> set[str]:
        """Every name that the body of the class binds."""
        return {*self.functions, *self.assigns, *self.types}

    def _read(self) -> None:
        previous: str | None = None
        for statement in self.source.statements(self.node.body):
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.functions.setdefault(statement.name, []).append(statement)
                case ast.ClassDef():
                    self.types[statement.name] = statement
                case ast.Expr(value=ast.Constant(value=str() as text)) if previous:
                    self.docs[previous] = inspect.cleandoc(text)
                case _:
                    pass
            previous = None
            for name in _assigned(statement):
                previous = name
                if isinstance(statement, ast.Assign | ast.AnnAssign):
                    self.assigns[name] = statement
                self.types[name] = statement


class Source:
    """The parsed source of one module."""

    def __init__(self, module: ModuleType, path: str, text: str) -> None:
        self.module = module
        self.name = module.__name__
        self.path = path
        self.file = shown(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the code; importing it has shown them
            self.tree = ast.parse(text, path)
        self._lines = text.split("\n")
        self._functions: dict[int, list[Function]] = {}
        self._classes: dict[str, list[ast.ClassDef]] = {}
        self._parsed: dict[ast.ClassDef, ClassSource] = {}
        self._index(self.tree.body, "")

    @property
    def doc(self) -> str | None:
        """The module's docstring."""
        return ast.get_docstring(self.tree)

    @property
    def first_line(self) -> str:
        """What the file begins with."""
        return self._lines[0]

    def location(self, node: ast.stmt | ast.expr | ast.arg) -> Location:
        """Return where a node stands."""
        return Location(self.file, node.lineno)

    def text(self, node: ast.expr) -> str | None:
        """Return the source of an expression that stands on one line, None for any other."""
        if node.lineno != node.end_lineno:
            return None
        # Columns count UTF-8 bytes.
        line = self._lines[node.lineno - 1].encode()
        return line[node.col_offset : node.end_col_offset].decode()

    def function(self, function: FunctionType) -> Function | None:
        """Return the definition of a function of this module, if it has one."""
        code = function.__code__
        if code.co_filename.startswith("<"):  # made by attrs, dataclasses, exec
            return None
        for node in self._functions.get(code.co_firstlineno, ()):
            if node.name == code.co_name:
                return node
        return None

    def class_(self, cls: type) -> ClassSource | None:
        """Return the definition of a class of this module, if it has one."""
        candidates = self._classes.get(cls.__qualname__, [])
        if not candidates:
            return None
        node = candidates[-1]
        if len(candidates) > 1:
            lines = set(_lines(cls))
            node = next((c for c in candidates if lines & set(_span(c))), node)
        if node not in self._parsed:
            self._parsed[node] = ClassSource(node, cls.__qualname__, self)
        return self._parsed[node]

    @cached_property
    def bindings(self) -> dict[str, list[Binding]]:
        """What every name of the module may be bound to; more than one where branches differ."""
        found: dict[str, list[Binding]] = {}
        for statement in self.statements(self.tree.body):
            for name, binding in self._bound(statement):
                found.setdefault(name, []).append(binding)
        return found

    @cached_property
    def stars(self) -> list[Import]:
        """The modules of which all names are imported."""
        return [
            Import(statement, self._absolute(statement))
            for statement in self.statements(self.tree.body)
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"
        ]

    @cached_property
    def imports(self) -> set[str]:
        """The modules that it may import, and names in them that may be modules."""
        found: set[str] = set()
        for statement in self.statements(self.tree.body):
            if isinstance(statement, ast.Import):
                found |= {alias.name for alias in statement.names}
            elif isinstance(statement, ast.ImportFrom):
                module = self._absolute(statement)
                found |= {module, *(f"{module}.{alias.name}" for alias in statement.names)}
        return found

    def statements(self, body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
        """Yield the statements of a body and of the live branches in it, not of definitions."""
        for statement in body:
            yield statement
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    continue
                case ast.If() if (taken := self._taken(statement.test)) is not None:
                    yield from self.statements(statement.body if taken else statement.orelse)
                    continue
                case _:
                    pass
            for field in ("body", "orelse", "finalbody"):
                yield from self.statements(getattr(statement, field, ()))
            for handler in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                yield from self.statements(handler.body)

    def _taken(self, test: ast.expr) -> bool | None:
        """Decide a test of the Python version or platform; None for any other."""
        names = {ast.unparse(node) for node in ast.walk(test) if isinstance(node, ast.Attribute)}
        if not names or not names <= {"sys.version_info", "sys.platform"}:
            return None
        try:
            return bool(eval(ast.unparse(test), vars(self.module)))  # noqa: S307 - the spec's own
        except Exception:
            return None

    def _bound(self, statement: ast.stmt) -> Iterator[tuple[str, Binding]]:
        match statement:
            case ast.Import():
                for alias in statement.names:
                    if alias.asname:
                        yield alias.asname, Import(statement, alias.name)
                    else:
                        root = alias.name.partition(".")[0]
                        yield root, Import(statement, root)
            case ast.ImportFrom():
                module = self._absolute(statement)
                for alias in statement.names:
                    yield alias.asname or alias.name, Import(statement, module, alias.name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name, Local(statement)
            case _:
                for name in _assigned(statement):
                    yield name, Local(statement)

    def _absolute(self, statement: ast.ImportFrom) -> str:
        if not statement.level:
            return statement.module or ""
        package = getattr(self.module, "__package__", None) or self.name
        return importlib.util.resolve_name(
            "." * statement.level + (statement.module or ""), package
        )

    def _index(self, body: list[ast.stmt], prefix: str) -> None:
        for statement in self.statements(body):
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    line = min([statement.lineno, *(d.lineno for d in statement.decorator_list)])
                    self._functions.setdefault(line, []).append(statement)
                    self._index(statement.body, f"{prefix}{statement.name}.<locals>.")
                case ast.ClassDef():
                    self._classes.setdefault(prefix + statement.name, []).append(statement)
                    self._index(statement.body, f"{prefix}{statement.name}.")
                case _:
                    pass


class Sources:
    """The sources read so far, by the names of their modules."""

    def __init__(self) -> None:
        self._sources: dict[str, Source | None] = {}

    def module(self, name: str) -> Source | None:
        """Return the source of an importable module, None where it has none (C, or no file).

        Raises:
            ImportError: There is no such module. Whatever else importing it raises comes too.
        """
        if name not in self._sources:
            self._sources[name] = _load(importlib.import_module(name))
        return self._sources[name]

    def class_(self, cls: type) -> ClassSource | None:
        """Return the source of a class, None where it has none."""
        source = self._of(cls.__module__)
        return source.class_(cls) if source else None

    def function(self, function: FunctionType) -> tuple[Source, Function] | None:
        """Return the definition of a function and where it stands, None where it has none."""
        source = self._of(function.__globals__.get("__name__"))
        node = source.function(function) if source else None
        return (source, node) if source and node else None

    def _of(self, module: Any) -> Source | None:
        # A class or function may come from a module that is no longer there.
        return self.module(module) if module in sys.modules else None


def _load(module: ModuleType) -> Source | None:
    path = getattr(module, "__file__", None)
    if path is None or not path.endswith(".py"):
        return None
    data = read_module(path, module.__loader__)
    return None if data is None else Source(module, path, importlib.util.decode_source(data))


def is_type_statement(statement: ast.stmt) -> bool:
    """Tell whether a statement is `type X = ...`, which came with Python 3.12."""
    return type(statement).__name__ == "TypeAlias"


def _assigned(statement: ast.stmt) -> Iterator[str]:
    """Yield the plain names that a statement assigns to."""
    targets: list[ast.expr] = []
    match statement:
        case ast.Assign():
            targets = statement.targets
        case ast.AnnAssign():
            targets = [statement.target]
        case _ if is_type_statement(statement):
            targets = [cast("Any", statement).name]
        case _:
            pass
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id


def _lines(cls: type) -> Iterator[int]:
    """Yield lines that surely belong to the definition of a class."""
    first = vars(cls).get("__firstlineno__")  # Python 3.13
    if isinstance(first, int):
        yield first
        return
    for value in vars(cls).values():
        if isinstance(value, FunctionType) and value.__qualname__.startswith(cls.__qualname__):
            yield value.__code__.co_firstlineno


def _span(node: ast.ClassDef) -> range:
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return range(first, (node.end_lineno or node.lineno) + 1)
