"""Reading types and defaults: from the syntax tree to text whose names are bound to their origin.

Types are read by their grammar, so that quotes come off where they hold a type and stay where they
hold a string (`Literal["a"]`, the metadata of `Annotated`). Aliases stay names where they can; one
that mentions a shared class is expanded, since generated code writes proxies instead.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast, get_origin

from kinfolk.declare import shared_mark
from kinfolk.spec.model import Expression, Name, SharedName, Variable
from kinfolk.spec.names import MISSING, Found, Names, Scope, is_variable, unknown_parameters
from kinfolk.spec.pieces import ANY, Piece, joined, substitute, variables_of
from kinfolk.spec.problems import Unreadable
from kinfolk.spec.sources import ClassSource, Source, is_type_statement
from kinfolk.wire.shared import shared_type

__all__ = ["Expressions"]

_TYPING = frozenset({"typing", "typing_extensions"})
_STREAMS = frozenset({"Iterator", "Generator"})


class Expressions:
    """Reads types and defaults, and remembers the shared classes and variables in them."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.shared: dict[SharedName, type] = {}
        self.variables: dict[str, Any] = {}
        self._read_types: dict[object, Expression] = {}
        self._read_values: dict[object, Expression] = {}
        self._aliases: dict[tuple[str, str], Expression | None] = {}
        self._expanding: set[tuple[str, str]] = set()

    # --- Types

    def read_type(self, node: ast.expr, scope: Scope) -> Expression:
        """Read a type.

        Raises:
            Unreadable: It is no type, or a name in it cannot be found at run time.
        """
        key = _key(node, scope)
        if key is None:
            return joined(self._type(node, scope))
        if key not in self._read_types:
            self._read_types[key] = joined(self._type(node, scope))
        return self._read_types[key]

    def _type(self, node: ast.expr, scope: Scope) -> Iterator[Piece]:
        match node:
            case ast.Name() | ast.Attribute():
                yield from self._named(node, scope)
            case ast.Subscript():
                yield from self._subscript(node, scope)
            case ast.BinOp(op=ast.BitOr()):
                yield from self._type(node.left, scope)
                yield " | "
                yield from self._type(node.right, scope)
            case ast.Constant(value=str() as text):
                yield from self._type(_parse(text), scope)
            case ast.Constant(value=None):
                yield "None"
            case ast.Constant(value=value) if value is ...:
                yield "..."
            case ast.List():
                yield "["
                yield from self._types(node.elts, scope)
                yield "]"
            case ast.Starred():
                raise Unreadable(
                    f"`{ast.unparse(node)}` stands for any number of types; write them out, or"
                    " `tuple[X, ...]`"
                )
            case _:
                raise Unreadable(f"`{ast.unparse(node)}` is not a type")

    def _types(self, nodes: Iterable[ast.expr], scope: Scope) -> Iterator[Piece]:
        for index, node in enumerate(nodes):
            if index:
                yield ", "
            yield from self._type(node, scope)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Iterator[Piece]:
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        found = self._find(node.value, scope)
        expanded = self._alias(found) if found else None
        if expanded is not None:
            given = [joined(self._type(argument, scope)) for argument in arguments]
            names = variables_of(expanded)
            values = dict(zip(names, given, strict=False))
            yield from substitute(expanded, {**dict.fromkeys(names, ANY), **values})
            return
        yield from self._type(node.value, scope)
        yield "["
        special = found.qualname if found and found.module in _TYPING else None
        if special == "Literal":
            for index, argument in enumerate(arguments):
                yield from ((", ",) if index else ())
                yield from self._value(argument, scope)
        elif special == "Annotated":
            yield from self._type(arguments[0], scope)
            for argument in arguments[1:]:
                yield ", "
                yield from self._value(argument, scope)
        elif arguments:
            yield from self._types(arguments, scope)
        else:
            yield "()"  # tuple[()]
        yield "]"

    # --- Defaults and metadata

    def read_value(self, node: ast.expr, scope: Scope) -> Expression:
        """Read any other expression, as its author wrote it."""
        key = _key(node, scope)
        if key is None:
            return self._value(node, scope)
        if key not in self._read_values:
            self._read_values[key] = self._value(node, scope)
        return self._read_values[key]

    def _value(self, node: ast.expr, scope: Scope) -> Expression:
        if isinstance(node, ast.Constant):
            return (_constant(node, scope) or ast.unparse(node),)
        pieces: list[Expression] = []

        def keep(pieces_of_node: Expression) -> ast.Name:
            pieces.append(pieces_of_node)
            return ast.Name(f"\0{len(pieces) - 1}\0")

        # The tree is read again for every class that inherits it, so a copy is marked.
        text = ast.unparse(_Marker(self, scope, keep).visit(copy.deepcopy(node)))
        parts = text.split("\0")
        return joined(
            piece
            for index, part in enumerate(parts)
            for piece in (pieces[int(part)] if index % 2 else (part,))
        )

    # --- Names

    def found(self, node: ast.expr, scope: Scope) -> Found | None:
        """Return what a dotted name means, None for any other expression or an unknown name."""
        parts = _dotted(node)
        return (
            self._names.found(scope, parts) if parts and parts[0] not in scope.parameters else None
        )

    def _find(self, node: ast.expr, scope: Scope) -> Found | None:
        parts = _dotted(node)
        if not parts or parts[0] in scope.parameters:
            return None
        return self._names.find(scope, parts)

    def _named(self, node: ast.expr, scope: Scope) -> Iterator[Piece]:
        parts = _dotted(node)
        if not parts:
            raise Unreadable(f"`{ast.unparse(node)}` is not a type")
        if parts[0] in scope.parameters:
            if parts[1:]:
                raise unknown_parameters(".".join(parts))
            yield from scope.variables.get(parts[0], (Variable(parts[0]),))
            return
        found = self._names.find(scope, parts)
        if is_variable(found.value):
            name = found.value.__name__
            self.variables[name] = found.value
            yield from scope.variables.get(name, (Variable(name),))
            return
        expanded = self._alias(found)
        if expanded is None:
            yield self._name(found)
        else:  # of a generic alias without brackets, nothing is known
            yield from substitute(expanded, dict.fromkeys(variables_of(expanded), ANY))

    def _name(self, found: Found) -> Piece:
        if found.value is MISSING:
            raise Unreadable(
                f"`{found.qualname}` exists for type checkers only, and its type is needed at run"
                " time to check values; define it outside `if TYPE_CHECKING`"
            )
        if not found.qualname:
            raise Unreadable(f"`{found.module}` is a module, not a type")
        if shared_mark(found.value) is not None and isinstance(found.value, type):
            return self.shared_name(found.value)
        if shared_type(found.value) is not None:
            raise Unreadable(
                f"`{found.qualname}` is generated, and specs are written in shared classes; write"
                " the class that it stands for"
            )
        return Name(found.module, found.qualname)

    def shared_name(self, cls: type) -> SharedName:
        """Return what stands for a shared class."""
        name = SharedName(cls.__module__, cls.__qualname__)
        self.shared[name] = cls
        return name

    # --- Aliases

    def _alias(self, found: Found) -> Expression | None:
        """Return what an alias stands for, None if it stays a name or is none."""
        if found.module in _TYPING or (
            isinstance(found.value, type) and get_origin(found.value) is None
        ):
            return None
        key = (found.module, found.qualname)
        if key in self._expanding:
            return None  # a recursive alias refers to itself by name
        if key not in self._aliases:
            self._expanding.add(key)
            try:
                self._aliases[key] = self._expand(found)
            finally:
                self._expanding.discard(key)
        return self._aliases[key]

    def _expand(self, found: Found) -> Expression | None:
        defined = self._alias_node(found)
        if defined is None:
            return None
        node, scope = defined
        try:
            expression = self.read_type(node, scope)
        except Unreadable:
            if found.value is MISSING:
                raise
            return None  # a constant, or a type made by a call
        first = expression[0]
        if (
            found.value is MISSING
            or found.owner is not None
            or isinstance(found.value, str)
            or any(isinstance(piece, SharedName) for piece in expression)
            or (isinstance(first, Name) and first.qualname in _STREAMS)
        ):
            return expression
        return None

    def _alias_node(self, found: Found) -> tuple[ast.expr, Scope] | None:
        if found.owner is not None:
            statement = found.owner.types[found.qualname.rpartition(".")[2]]
            return _alias_value(statement, found.owner.source, found.owner)
        defined = self._names.definition(found.module, found.qualname)
        if defined is None:
            return None
        source, local = defined
        return _alias_value(local.node, source, None)


class _Marker(ast.NodeTransformer):
    """Puts marks in the place of names and numbers, so that `ast.unparse` leaves gaps for them."""

    def __init__(
        self, expressions: Expressions, scope: Scope, keep: Callable[[Expression], ast.Name]
    ) -> None:
        self._expressions = expressions
        self._scope = scope
        self._keep = keep

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._bound(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._bound(node) if _dotted(node) else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        text = _constant(node, self._scope)
        return node if text is None else self._keep((text,))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def _bound(self, node: ast.Name | ast.Attribute) -> ast.AST:
        found = self._expressions.found(node, self._scope)
        if found is None or not found.qualname or found.value is MISSING:
            return node  # a local name of a lambda or comprehension, say
        return self._keep((Name(found.module, found.qualname),))


def _key(node: ast.expr, scope: Scope) -> object:
    """Return what is equal for expressions that mean the same, None where that is hard to tell.

    Not for what stands in a quoted type, which does not know its place in the file.
    """
    text = scope.source.text(node)
    if text is None or scope.variables or scope.parameters:
        return None
    return scope.source.name, scope.owner and scope.owner.qualname, text


def _constant(node: ast.Constant, scope: Scope) -> str | None:
    """Return a constant as it is written: 0xFF, 1_000, 1e400, 'quotes'; None if it cannot be."""
    value: object = node.value
    if value is None or value is ... or isinstance(value, bool):
        return repr(value) if value is not ... else "..."
    text = scope.source.text(node)
    try:
        # What stands in a quoted type has its place from there, and is not found.
        return text if text and repr(ast.literal_eval(text)) == repr(value) else None
    except (ValueError, SyntaxError):
        return None


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError):
        raise Unreadable(f"the quoted type {text!r} is not a type") from None


def _dotted(node: ast.expr) -> list[str]:
    """Return the parts of a dotted name, none for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return []
    return [node.id, *reversed(parts)]


def _alias_value(
    statement: ast.stmt, source: Source, owner: ClassSource | None
) -> tuple[ast.expr, Scope] | None:
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return (statement.value, Scope(source, owner)) if statement.value else None
    if is_type_statement(statement):
        alias = cast("Any", statement)
        parameters = frozenset(parameter.name for parameter in alias.type_params)
        return alias.value, Scope(source, owner, parameters=parameters)
    return None
