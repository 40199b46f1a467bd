"""What a name in the source of a spec means: where it can be imported from, and its run-time value.

A name is followed to the module that its author imports it from and no further, since that is its
public place. Names imported under `TYPE_CHECKING` are imported here for real.
"""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Final, ParamSpec, TypeVar, TypeVarTuple

import attrs

from kinfolk.spec.kinds import look_up
from kinfolk.spec.model import Expression
from kinfolk.spec.problems import Unreadable
from kinfolk.spec.sources import Binding, ClassSource, Import, Local, Source, Sources

__all__ = ["MISSING", "Found", "Names", "Scope", "is_variable", "unknown_parameters"]

MISSING: Final[Any] = object()
"""The value of a name that exists for type checkers only."""


def is_variable(value: object) -> bool:
    """Tell whether something is a type variable of any kind."""
    return isinstance(value, TypeVar | ParamSpec | TypeVarTuple)


def unknown_parameters(name: str) -> Unreadable:
    """Return what is wrong with `P.args`."""
    return Unreadable(f"`{name}` stands for parameters that are not known; write them out")


@attrs.frozen(eq=False)
class Scope:
    """Where an expression stands.

    Args:
        source: The module.
        owner: The class around it, whose nested classes and aliases it sees.
        variables: What the type variables of classes around it stand for.
        parameters: The type parameters in PEP 695 brackets that it sees.
    """

    source: Source
    owner: ClassSource | None = None
    variables: Mapping[str, Expression] = attrs.field(factory=dict[str, Expression])
    parameters: frozenset[str] = frozenset()


@attrs.frozen(eq=False)
class Found:
    """What a dotted name means; an empty `qualname` is the module itself.

    `owner` is set for an alias in the body of a class, which nobody can import by itself.
    """

    module: str
    qualname: str
    value: Any
    owner: ClassSource | None = None

    @property
    def path(self) -> str:
        """The name in full."""
        return f"{self.module}.{self.qualname}".removesuffix(".")


class Names:
    """Finds what names mean, each once."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._roots: dict[tuple[str, str], Found] = {}
        self._definitions: dict[tuple[str, str], tuple[Source, Local] | None] = {}

    def find(self, scope: Scope, parts: Sequence[str]) -> Found:
        """Find a dotted name, given in its parts.

        Raises:
            Unreadable: There is no such name at run time, and it is no alias.
        """
        found = self._member_type(scope.owner, parts[0]) or self._root(scope.source, parts[0])
        for part in parts[1:]:
            found = self._attribute(found, part)
        return found

    def found(self, scope: Scope, parts: Sequence[str]) -> Found | None:
        """Find a dotted name, None if there is no such name at run time."""
        try:
            return self.find(scope, parts)
        except Unreadable:
            return None

    def definition(self, module: str, name: str) -> tuple[Source, Local] | None:
        """Follow a module's name through imports to the statement that defines it."""
        key = (module, name)
        if key not in self._definitions:
            self._definitions[key] = None  # imports may run in a circle
            self._definitions[key] = self._define(module, name)
        return self._definitions[key]

    def _define(self, module: str, name: str) -> tuple[Source, Local] | None:
        try:
            source = self.sources.module(module)
        except Exception:
            return None
        if source is None:
            return None
        match self._binding(source, name):
            case Local() as local:
                return source, local
            case Import(module=origin, name=str() as original):
                return self.definition(origin, original)
            case _:
                return None

    def _member_type(self, owner: ClassSource | None, name: str) -> Found | None:
        """Find a nested class or an alias of the class around, as its annotations see it."""
        if owner is None or name not in owner.types or name in owner.functions:
            return None
        cls = look_up(owner.source.name, owner.qualname)
        value = vars(cls).get(name, MISSING) if isinstance(cls, type) else MISSING
        if value is MISSING or (name in owner.assigns and not _names_type(value)):
            return None
        nested = None if isinstance(value, type) else owner
        return Found(owner.source.name, f"{owner.qualname}.{name}", value, nested)

    def _root(self, source: Source, name: str) -> Found:
        key = (source.name, name)
        if key not in self._roots:
            self._roots[key] = self._find_root(source, name)
        return self._roots[key]

    def _find_root(self, source: Source, name: str) -> Found:
        binding = self._binding(source, name)
        match binding:
            case Import():
                return self._through(source, name, binding)
            case Local():
                return Found(source.name, name, vars(source.module).get(name, MISSING))
            case _ if name in vars(source.module):
                return Found(source.name, name, vars(source.module)[name])
            case _ if hasattr(builtins, name):
                return Found("builtins", name, getattr(builtins, name))
            case _:
                raise Unreadable(f"there is no name `{name}` in `{source.name}`; import it there")

    def _binding(self, source: Source, name: str) -> Binding | None:
        """Choose among what a name may be bound to: what it is at run time, else the last."""
        candidates = source.bindings.get(name)
        if not candidates:
            return self._starred(source, name)
        if len(candidates) > 1 and name in vars(source.module):
            value = vars(source.module)[name]
            for candidate in candidates:
                if isinstance(candidate, Import) and _imported(candidate) is value:
                    return candidate
        return candidates[-1]

    def _starred(self, source: Source, name: str) -> Binding | None:
        here = vars(source.module).get(name, MISSING)
        for star in reversed(source.stars):
            value = _import(star.module, name)
            if value is not MISSING and (here is MISSING or here is value):
                return Import(star.node, star.module, name)
        return None

    def _through(self, source: Source, name: str, binding: Import) -> Found:
        value = _imported(binding)
        if value is MISSING:
            raise Unreadable(
                f"`{name}` cannot be imported from `{binding.module}` at run time, and is needed"
                " there to check values; import it from a module that has it",
                source.location(binding.node),
            )
        if binding.name is None:
            return Found(binding.module, "", value)
        if isinstance(value, ModuleType):
            return Found(_module_name(f"{binding.module}.{binding.name}", value), "", value)
        return Found(binding.module, binding.name, value)

    def _attribute(self, found: Found, part: str) -> Found:
        if not isinstance(found.value, ModuleType):
            if is_variable(found.value):
                raise unknown_parameters(f"{found.qualname}.{part}")
            value = getattr(found.value, part, MISSING)
            if value is MISSING:
                raise Unreadable(f"`{found.path}` has no `{part}` at run time")
            return Found(found.module, f"{found.qualname}.{part}", value)
        value = _import(found.module, part)
        if value is MISSING:
            raise Unreadable(f"the module `{found.module}` has no `{part}` at run time")
        if isinstance(value, ModuleType):
            return Found(_module_name(f"{found.module}.{part}", value), "", value)
        return Found(found.module, part, value)


def _names_type(value: object) -> bool:
    """Tell whether a value in the body of a class can stand in an annotation as a type."""
    return (
        isinstance(value, type | str) or hasattr(value, "__args__") or hasattr(value, "__value__")
    )


def _imported(binding: Import) -> Any:
    """Return what an import statement binds, `MISSING` if it fails."""
    return _import(binding.module, binding.name)


def _import(module_name: str, name: str | None) -> Any:
    try:
        module = importlib.import_module(module_name)
    except Exception:
        return MISSING
    if name is None:
        return module
    value = getattr(module, name, MISSING)
    if value is MISSING and hasattr(module, "__path__"):
        return _import(f"{module_name}.{name}", None)
    return value


def _module_name(written: str, module: ModuleType) -> str:
    """Return the name under which a module can be imported, as its author wrote it if possible."""
    try:
        return written if importlib.import_module(written) is module else module.__name__
    except ImportError:
        return module.__name__
