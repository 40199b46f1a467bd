"""Type parameters: variables of the module, or in brackets where the spec has them so.

Brackets infer the variance of a parameter, and cannot be written otherwise in a stub. But under
Python 3.11 only the newest mypy reads them, so they are kept to specs that need a newer Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from kinfolk.codegen.expressions import shared_in
from kinfolk.codegen.names import Namespace, Scope
from kinfolk.spec.model import Expression, TypeParameter

__all__ = ["InlineVariables", "ModuleVariables", "Variables"]

_MARKS: Final = {"TypeVar": "", "TypeVarTuple": "*", "ParamSpec": "**"}


class Variables(Protocol):
    """How a file declares type parameters.

    `inline` says that they stand in brackets; `lines` declare those that do not.
    """

    inline: bool
    lines: list[str]

    def declare(
        self, parameters: Iterable[TypeParameter], scope: Scope
    ) -> tuple[Scope, tuple[str, ...]]:
        """Return the scope that knows the parameters, and what stands in brackets."""
        ...


class ModuleVariables:
    """Declares them as variables of the module: `_T = TypeVar("_T")`, one for each meaning."""

    inline = False

    def __init__(self, namespace: Namespace) -> None:
        self._scope = namespace.scope()
        self._namespace = namespace
        self._locals: dict[TypeParameter, str] = {}
        self.lines: list[str] = []

    def declare(
        self, parameters: Iterable[TypeParameter], scope: Scope
    ) -> tuple[Scope, tuple[str, ...]]:
        """Return the scope that knows the parameters; nothing stands in brackets."""
        found = {parameter.name: self._local(parameter) for parameter in parameters}
        return scope.within(found), ()

    def _local(self, parameter: TypeParameter) -> str:
        local = self._locals.get(parameter)
        if local is None:
            local = self._namespace.free("_" + parameter.name.strip("_"))
            self._locals[parameter] = local
            self.lines.append(self._line(parameter, local))
        return local

    def _line(self, parameter: TypeParameter, local: str) -> str:
        arguments = [f'"{local}"', *map(self._text, parameter.constraints)]
        if parameter.bound is not None:
            arguments.append(f"bound={self._text(parameter.bound)}")
        if parameter.variance in {"covariant", "contravariant"}:
            arguments.append(f"{parameter.variance}=True")
        return f"{local} = {self._scope.typing(parameter.kind)}({', '.join(arguments)})"

    def _text(self, expression: Expression) -> str:
        text = self._scope.text(expression)
        # The proxies stand further down.
        return f'"{text}"' if shared_in(expression) else text


class InlineVariables:
    """Declares them in brackets, as in `class BoxProxy[T]`."""

    inline = True

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self.lines: list[str] = []

    def declare(
        self, parameters: Iterable[TypeParameter], scope: Scope
    ) -> tuple[Scope, tuple[str, ...]]:
        """Return the scope that knows the parameters, and what stands in brackets."""
        parameters = tuple(parameters)
        found = {p.name: self._namespace.parameter(p.name, scope.hidden) for p in parameters}
        inner = scope.within(found)
        return inner, tuple(_declaration(p, found[p.name], inner) for p in parameters)


def _declaration(parameter: TypeParameter, local: str, scope: Scope) -> str:
    text = _MARKS[parameter.kind] + local
    if parameter.bound is not None:
        text += f": {scope.text(parameter.bound)}"
    if parameter.constraints:
        text += f": ({', '.join(map(scope.text, parameter.constraints))})"
    return text
