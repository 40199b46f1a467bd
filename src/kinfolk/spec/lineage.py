"""Where the members of a shared class come from: itself, and its bases that are not shared.

The bases' type parameters are replaced by what the class fills in for them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from typing import Any, Generic, Protocol, get_origin

import attrs

from kinfolk.declare import mixin_mark, shared_mark
from kinfolk.spec.model import Expression, Location, Name, Variable
from kinfolk.spec.names import Scope
from kinfolk.spec.parameters import declared_names, type_variables
from kinfolk.spec.pieces import ANY
from kinfolk.spec.problems import Unreadable, shown
from kinfolk.spec.reading import Reading
from kinfolk.spec.sources import ClassSource, Function

__all__ = ["Ancestor", "Lineage"]

_EMPTY: frozenset[Any] = frozenset({object, Generic, Protocol})


@attrs.frozen(eq=False)
class Ancestor:
    """A class whose members become those of a proxy: the shared class, or a base not shared.

    `source` is None for one written in C.
    """

    cls: type
    source: ClassSource | None
    variables: Mapping[str, Expression]
    names: frozenset[str]

    def scope(self, node: Function | None = None) -> Scope:
        """Return the scope of its body, or of one of its methods."""
        assert self.source is not None
        parameters = declared_names(self.source.node)
        if node is not None:
            parameters |= declared_names(node)
        return Scope(self.source.source, self.source, self.variables, parameters)


class Lineage:
    """The ancestors of one shared class, itself first, and the shared classes it builds on.

    `mixins` are those of its bases that its proxy class inherits from as well.
    """

    def __init__(self, cls: type, reading: Reading) -> None:
        self.cls = cls
        self._reading = reading
        self._filled: dict[type, dict[str, Expression]] = {cls: _as_they_are(cls)}
        self._shared: dict[type, Expression] = {}
        self._written: dict[type, Expression] = {}
        shared = [base for base in cls.__mro__[1:] if shared_mark(base)]
        self._all = [self._ancestor(base, shared) for base in cls.__mro__ if base not in _EMPTY]
        own = [a for a in self._all if not any(a.cls in s.__mro__ for s in shared)]
        self.ancestors = [a for a in own if not mixin_mark(a.cls)]
        self.mixins = [Name(a.cls.__module__, a.cls.__qualname__) for a in own if mixin_mark(a.cls)]
        # Of two shared bases where one derives from the other, the derived one says it all.
        self.shared = [
            self._shared[base]
            for base in shared
            if base in self._shared
            and not any(other is not base and base in other.__mro__ for other in self._shared)
        ]

    @property
    def inherited(self) -> list[Ancestor]:
        """The classes whose members proxies inherit: those of shared bases, and mixins."""
        return [ancestor for ancestor in self._all if ancestor not in self.ancestors]

    @property
    def location(self) -> Location:
        """The line of the class."""
        source = self._all[0].source
        if source is not None:
            return source.location
        module = sys.modules.get(self.cls.__module__)
        return Location(shown(getattr(module, "__file__", None) or self.cls.__module__), 1)

    def definer(self, name: str) -> Ancestor | None:
        """Return the first class in the order of resolution that has a name."""
        return next((a for a in self._all if name in a.names), None)

    def owner(self, field: str) -> Ancestor | None:
        """Return the class in whose body a field is declared."""
        return next((a for a in self._all if a.source and field in a.source.assigns), None)

    def _ancestor(self, cls: type, shared: list[type]) -> Ancestor:
        source = self._reading.sources.class_(cls)
        variables = self._filled.get(cls)
        if variables is None:  # reached without naming it, so nothing is filled in
            variables = dict.fromkeys(_parameters(cls), ANY)
        names = frozenset[str](vars(cls)) | (source.names if source else set[str]())
        ancestor = Ancestor(cls, source, variables, names)
        if source is not None:
            for node in source.node.bases:
                self._fill(node, ancestor)
        if not any(cls in base.__mro__ for base in shared):
            for base in cls.__bases__:
                if shared_mark(base):
                    expression = self._written.get(base)
                    name = self._reading.expressions.shared_name(base)
                    self._shared.setdefault(base, expression or (name,))
        return ancestor

    def _fill(self, node: ast.expr, ancestor: Ancestor) -> None:
        """Note what a class fills in for the parameters of one base."""
        scope = ancestor.scope()
        head = node.value if isinstance(node, ast.Subscript) else node
        found = self._reading.expressions.found(head, scope)
        base = found and (get_origin(found.value) or found.value)
        if not isinstance(base, type) or base in _EMPTY:
            return
        try:
            expression = self._reading.expressions.read_type(node, scope)
            arguments = self._arguments(node, scope)
        except Unreadable as error:
            self._reading.problems.note(scope.source.location(node), error)
            return
        if shared_mark(base):
            self._written.setdefault(base, expression)
        names = _parameters(base)
        if len(arguments) != len(names):
            arguments = [ANY] * len(names)
        self._filled.setdefault(base, dict(zip(names, arguments, strict=True)))

    def _arguments(self, node: ast.expr, scope: Scope) -> list[Expression]:
        if not isinstance(node, ast.Subscript):
            return []
        nodes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [self._reading.expressions.read_type(argument, scope) for argument in nodes]


def _parameters(cls: type) -> list[str]:
    return [parameter.__name__ for parameter in type_variables(cls)]


def _as_they_are(cls: type) -> dict[str, Expression]:
    return {name: (Variable(name),) for name in _parameters(cls)}
