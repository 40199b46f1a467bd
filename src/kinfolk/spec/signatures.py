"""Reading the signature of a definition, and checking that what it declares can travel."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

import attrs

from kinfolk.spec.model import (
    Expression,
    Location,
    Parameter,
    ParameterKind,
    SharedName,
    Signature,
    TypeParameter,
)
from kinfolk.spec.names import Scope
from kinfolk.spec.parameters import declared_parameters, type_parameter
from kinfolk.spec.pieces import joined, text_of, variables_of
from kinfolk.spec.problems import Problems, Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.sources import Function

__all__ = ["Signatures", "is_literal"]


@attrs.frozen
class _Argument:
    """A parameter in the syntax tree."""

    node: ast.arg
    kind: ParameterKind
    default: ast.expr | None = None

    @property
    def label(self) -> str:
        """The parameter's name as it stands in the source."""
        stars = {"var-positional": "*", "var-keyword": "**"}.get(self.kind, "")
        return stars + self.node.arg


class Signatures:
    """Reads signatures for one class.

    Args:
        reading: What is shared while the spec is read.
        problems: Where to note what is wrong.
        parameters: The names of the type parameters of the class.
    """

    def __init__(self, reading: Reading, problems: Problems, parameters: Collection[str]) -> None:
        self._reading = reading
        self._problems = problems
        self._parameters = parameters

    def read(
        self, node: Function, scope: Scope, label: str, *, bound: bool, travels: bool = True
    ) -> Signature | None:
        """Read a definition; None if something is wrong with it, which is noted.

        Args:
            node: The definition.
            scope: Where it stands, its own type parameters included.
            label: What to call it in messages.
            bound: Its first parameter is the object or the class.
            travels: Check that its types can travel; not so for an overload.
        """
        before = self._problems.count
        parameters = [
            self._parameter(argument, scope, label, travels=travels)
            for argument in self._arguments(node, scope, label, bound=bound)
        ]
        result = self._result(node, scope, label)
        this = self._receiver(node, scope, label) if bound else None
        if result is not None and travels:
            self._check_result(result, scope.source.location(node), label)
        if result is None or self._problems.count > before:
            return None
        found = tuple(parameter for parameter in parameters if parameter is not None)
        types = (*(parameter.annotation for parameter in found), result, this or ())
        return Signature(found, result, self._own_parameters(node, scope, types), this)

    def annotation(
        self, node: ast.expr | None, scope: Scope, location: Location, what: str
    ) -> Expression | None:
        """Read a type that must stand there; `what` names what it is the type of."""
        if node is None:
            self._problems.add(location, f"{what} has no type; annotate it")
            return None
        try:
            return self._reading.expressions.read_type(node, scope)
        except Unreadable as error:
            if error.location is None:
                self._problems.add(location, f"{what}: {error.text}")
            else:  # one mistake, however often it is met
                self._problems.note(location, error)
            return None

    def check(self, expression: Expression, location: Location, what: str) -> None:
        """Check that values of a type can travel."""
        fault = self._reading.evaluator.fault(expression)
        if fault is not None:
            self._problems.add(location, f"{what}: {fault}")

    # --- Parameters

    def _arguments(
        self, node: Function, scope: Scope, label: str, *, bound: bool
    ) -> list[_Argument]:
        found = list(_arguments(node.args))
        if not bound:
            return found
        if found and found[0].kind in {"positional-only", "positional-or-keyword"}:
            return found[1:]
        if not found or found[0].kind != "var-positional":
            self._problems.add(
                scope.source.location(node),
                f"`{label}` has no parameter for its object; add `self`, or `@staticmethod`",
            )
        return found

    def _parameter(
        self, argument: _Argument, scope: Scope, label: str, *, travels: bool
    ) -> Parameter | None:
        location = scope.source.location(argument.node)
        what = f"parameter '{argument.label}' of `{label}`"
        if argument.kind != "positional-only" and _is_private(argument.node.arg):
            self._problems.add(location, f"{what} needs another name; each class changes this one")
        expression = self.annotation(argument.node.annotation, scope, location, what)
        if expression is None:
            return None
        default, literal = None, False
        if argument.default is not None:
            default = self._reading.expressions.read_value(argument.default, scope)
            literal = is_literal(argument.default)
        if travels:
            self.check(expression, location, what)
            if default is not None and literal:
                self.check_default(expression, default, location, what)
        return Parameter(_public(argument), argument.kind, expression, default, literal)

    def check_bound(self, expression: Expression, location: Location, what: str) -> None:
        """Check that the type variables of a type are type parameters of the class."""
        for name in variables_of(expression):
            if name not in self._parameters:
                text = f"{what}: `{name}` is no type parameter of the class; add `Generic[{name}]`"
                self._problems.add(location, f"{text} to its bases, or write another type")

    def misfit(self, expression: Expression, default: Expression) -> str | None:
        """Say why a literal default is no value of the declared type; None if it is one."""
        if self._reading.evaluator.fault(expression) is not None:
            return None  # noted already
        return self._reading.evaluator.misfit(expression, default)

    def check_default(
        self, expression: Expression, default: Expression, location: Location, what: str
    ) -> None:
        """Check that a literal default is a value of the declared type."""
        misfit = self.misfit(expression, default)
        if misfit is not None:
            remedy = "change one of them"
            if default == ("None",):
                remedy = f"write `{text_of(expression)} | None`, or change the default"
            self._problems.add(location, f"the default of {what} {misfit}; {remedy}")

    def _receiver(self, node: Function, scope: Scope, label: str) -> Expression | None:
        """Read what `self` is annotated with, if that is a shared class; None for all else."""
        first = next(iter([*node.args.posonlyargs, *node.args.args]), None)
        if first is None or first.annotation is None or node.name == "__init__":
            return None
        location = scope.source.location(first)
        this = self.annotation(first.annotation, scope, location, f"`{first.arg}` of `{label}`")
        return this if this and isinstance(this[0], SharedName) else None

    # --- Results

    def _result(self, node: Function, scope: Scope, label: str) -> Expression | None:
        location = scope.source.location(node)
        if node.name == "__init__":
            return ("None",)
        if node.returns is None:
            self._problems.add(location, f"`{label}` has no result type; annotate it, as `-> None`")
            return None
        return self.annotation(node.returns, scope, location, f"the result of `{label}`")

    def _check_result(self, result: Expression, location: Location, label: str) -> None:
        evaluator = self._reading.evaluator
        what = f"the result of `{label}`"
        if not evaluator.streams(result):
            self.check(result, location, what)
            return
        fault = evaluator.stream_fault(result)
        if fault is not None:
            self._problems.add(location, f"{what}: {fault}")

    # --- Type parameters

    def _own_parameters(
        self,
        node: Function,
        scope: Scope,
        types: tuple[Expression, ...],
    ) -> tuple[TypeParameter, ...]:
        declared = {p.name: p for p in declared_parameters(node, scope, self._reading)}
        used = variables_of(joined(piece for declared in types for piece in declared))
        return (
            *declared.values(),
            *(
                type_parameter(self._reading.expressions.variables[name], self._reading)
                for name in used
                if name not in declared and name not in self._parameters
            ),
        )


def is_literal(node: ast.expr) -> bool:
    """Tell whether an expression is a plain constant, or a tuple of them."""
    match node:
        case ast.Constant(value=value):
            return value is not ...
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float())):
            return True
        case ast.Tuple():
            return all(map(is_literal, node.elts))
        case _:
            return False


def _arguments(arguments: ast.arguments) -> Iterator[_Argument]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    for index, (node, default) in enumerate(zip(positional, defaults, strict=True)):
        # Before Python 3.8, two underscores said what `/` says now; checkers still read them so.
        leading = all(_is_private(before.arg) for before in arguments.args[1 : index + 1])
        only = index < len(arguments.posonlyargs) or (leading and _is_private(node.arg))
        yield _Argument(node, "positional-only" if only else "positional-or-keyword", default)
    if arguments.vararg:
        yield _Argument(arguments.vararg, "var-positional")
    for node, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _Argument(node, "keyword-only", keyword_default)
    if arguments.kwarg:
        yield _Argument(arguments.kwarg, "var-keyword")


def _is_private(name: str) -> bool:
    """Tell whether a class would change a name to one of its own."""
    return name.startswith("__") and not name.endswith("__")


def _public(argument: _Argument) -> str:
    name = argument.node.arg
    return name.lstrip("_") if _is_private(name) else name
