"""Finding the value classes and exceptions that a generated module must know.

What is found depends on the spec and on what it imports, never on what else this process has
loaded: the same spec gives the same table.
"""

from __future__ import annotations

import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard, cast, get_origin, get_type_hints

from kinfolk.declare import shared_mark
from kinfolk.spec.kinds import (
    has_fields,
    is_error,
    is_record,
    is_value,
    look_up,
    shared_in,
    type_parts,
)
from kinfolk.spec.model import Name
from kinfolk.spec.names import Scope
from kinfolk.spec.reading import Reading

__all__ = ["errors_of", "values_of"]

_LIBRARIES = tuple(
    Path(path) for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib"))
)


def values_of(declared: Iterable[Any], module: ModuleType, reading: Reading) -> list[Name]:
    """Return the classes of values that may travel, sorted.

    Those reachable from the declared types, their subclasses, and the ones the spec defines. A
    value that holds a shared object is noted as a problem.
    """
    found: dict[type, None] = {}
    waiting = [*declared, *_defined(module, reading)]
    seen: dict[int, Any] = {}  # keeps what it has seen alive, so that no number is used twice
    closure = _Closure(module, reading)
    while waiting:
        item = waiting.pop()
        if id(item) in seen or shared_mark(item):
            continue
        seen[id(item)] = item
        fields = _fields(item)
        _check_fields(item, fields, reading)
        waiting += [*type_parts(item), get_origin(item), *fields.values()]
        if is_value(item):
            found[item] = None
            subclasses: list[type] = item.__subclasses__()
            waiting += [c for c in subclasses if c in closure and _travels(c, reading)]
    return sorted(Name(cls.__module__, cls.__qualname__) for cls in found)


def _defined(module: ModuleType, reading: Reading) -> Iterator[type]:
    """Yield the values that a spec defines, if they can travel at all."""
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__
        if own and not name.startswith("_") and _travels(value, reading):
            yield value


def _travels(cls: Any, reading: Reading) -> TypeGuard[type]:
    if not is_value(cls):
        return False
    # An abstract one travels as one of its subclasses, which speak for themselves.
    name = Name(cls.__module__, cls.__qualname__)
    return not inspect.isabstract(cls) and reading.evaluator.fault((name,)) is None


def _fields(cls: Any) -> dict[str, Any]:
    """Return the types of the fields of a value, as far as they are there at run time."""
    if not isinstance(cls, type) or not (has_fields(cls) or is_record(cls)):
        return {}
    try:
        return get_type_hints(cls, include_extras=True)
    except Exception:
        annotations = cast("dict[str, Any]", getattr(cls, "__annotations__", {}))
        return {n: found for n, found in annotations.items() if not isinstance(found, str)}


def _check_fields(cls: type, fields: Mapping[str, Any], reading: Reading) -> None:
    for name, declared in fields.items():
        shared = shared_in(declared)
        source = reading.sources.class_(cls) if shared else None
        if shared is None or source is None:
            continue
        statement = source.assigns.get(name)
        reading.problems.add(
            source.source.location(statement) if statement else source.location,
            f"`{cls.__qualname__}.{name}` holds an object of the shared class"
            f" `{shared.__qualname__}` in a value, which travels by copy; let a method of a shared"
            " class return the object",
        )


class _Closure:
    """The classes of a spec and of the user's modules that it imports, however indirectly."""

    def __init__(self, module: ModuleType, reading: Reading) -> None:
        self._module = module
        self._reading = reading
        self._modules: set[str] | None = None

    def __contains__(self, cls: type) -> bool:
        if cls.__module__ == self._module.__name__:
            return True
        if self._modules is None:
            self._modules = set(self._reach())
        return cls.__module__ in self._modules

    def _reach(self) -> Iterator[str]:
        waiting = [self._module.__name__]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in sys.modules:
                continue
            seen.add(name)
            yield name
            waiting.append(name.rpartition(".")[0])
            if _is_own(sys.modules[name]):
                source = self._reading.sources.module(name)
                waiting += source.imports if source else ()


def _is_own(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and not any(lib in Path(file).parents for lib in _LIBRARIES)


# --- Exceptions


def errors_of(
    modules: Iterable[ModuleType], raised: Iterable[type[BaseException]], reading: Reading
) -> list[Name]:
    """Return the exceptions that arrive as themselves, sorted.

    Those that the modules define or import, under the names that they give them, and those raised.
    """
    found: dict[type, Name] = {}
    for module in modules:
        source = reading.sources.module(module.__name__)
        for name, value in sorted(vars(module).items()):
            if source is not None and is_error(value) and value not in found:
                origin = reading.names.found(Scope(source), [name])
                if origin is not None:
                    found[value] = Name(origin.module, origin.qualname)
    for error in raised:
        if is_error(error) and look_up(error.__module__, error.__qualname__) is error:
            found.setdefault(error, Name(error.__module__, error.__qualname__))
    return sorted(found.values())
