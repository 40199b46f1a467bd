"""Type parameters: of classes and functions, in brackets (PEP 695) or made by `TypeVar(...)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Literal, cast

import attrs

from kinfolk.spec.model import TypeParameter
from kinfolk.spec.names import Scope, is_variable
from kinfolk.spec.reading import Reading
from kinfolk.spec.sources import ClassSource, Function

__all__ = [
    "class_parameters",
    "declared_names",
    "declared_parameters",
    "type_parameter",
    "type_variables",
]

Kind = Literal["TypeVar", "ParamSpec", "TypeVarTuple"]
Variance = Literal["invariant", "covariant", "contravariant", "inferred"]


def declared_names(node: Function | ast.ClassDef) -> frozenset[str]:
    """Return the names of the type parameters that stand in brackets."""
    return frozenset(parameter.name for parameter in getattr(node, "type_params", ()))


def declared_parameters(
    node: Function | ast.ClassDef, scope: Scope, reading: Reading
) -> Iterator[TypeParameter]:
    """Yield the type parameters that stand in brackets."""
    for parameter in getattr(node, "type_params", ()):
        kind = cast("Kind", type(parameter).__name__)
        bound: ast.expr | None = getattr(parameter, "bound", None)
        if isinstance(bound, ast.Tuple):
            constraints = tuple(reading.expressions.read_type(c, scope) for c in bound.elts)
            yield TypeParameter(parameter.name, kind, None, constraints, "inferred")
        else:
            limit = reading.expressions.read_type(bound, scope) if bound else None
            yield TypeParameter(parameter.name, kind, limit, variance="inferred")


def class_parameters(cls: type, source: ClassSource, reading: Reading) -> tuple[TypeParameter, ...]:
    """Return the type parameters of a class, however they are declared."""
    names = declared_names(source.node)
    scope = Scope(source.source, parameters=names)
    if names:
        return tuple(declared_parameters(source.node, scope, reading))
    return tuple(type_parameter(variable, reading) for variable in type_variables(cls))


def type_variables(cls: type) -> tuple[Any, ...]:
    """Return the type variables that a generic class has at run time."""
    found: Any = getattr(cls, "__parameters__", ())
    # Some classes only look generic, and have a descriptor of that name.
    return tuple(v for v in found if is_variable(v)) if hasattr(found, "__len__") else ()


def type_parameter(variable: Any, reading: Reading) -> TypeParameter:
    """Return a type parameter that is a variable made by `TypeVar(...)`."""
    kind = cast("Kind", type(variable).__name__)
    bare = TypeParameter(variable.__name__, kind, variance=_variance(variable))
    defined = reading.names.definition(variable.__module__, variable.__name__)
    call = getattr(defined[1].node, "value", None) if defined else None
    if defined is None or not isinstance(call, ast.Call):
        return bare
    types = Scope(defined[0])
    bound = next((k.value for k in call.keywords if k.arg == "bound"), None)
    return attrs.evolve(
        bare,
        bound=reading.expressions.read_type(bound, types) if bound else None,
        constraints=tuple(reading.expressions.read_type(c, types) for c in call.args[1:]),
    )


def _variance(variable: Any) -> Variance:
    if getattr(variable, "__infer_variance__", False):
        return "inferred"
    if getattr(variable, "__covariant__", False):
        return "covariant"
    return "contravariant" if getattr(variable, "__contravariant__", False) else "invariant"
