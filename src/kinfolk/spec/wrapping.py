"""Finding the definition behind what stands in a class: unwrapping what decorators made of it.

The outermost definition that names its parameters is the one that callers meet. A wrapper made with
`functools.wraps` that passes on `*args` and `**kwargs` keeps the signature of what it wraps.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import attrs

from kinfolk.declare import Marks, marks_of
from kinfolk.spec.lineage import Ancestor
from kinfolk.spec.model import Expression, Location
from kinfolk.spec.names import Scope
from kinfolk.spec.parameters import declared_names
from kinfolk.spec.pieces import ANY, variables_of
from kinfolk.spec.problems import Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.sources import Function

__all__ = ["Definition", "combined_marks", "defined", "is_method"]


@attrs.frozen(eq=False)
class Definition:
    """The definition that says how something is called.

    `bound` tells whether its first parameter is the object or the class; `result` is set where a
    wrapper declares another result.
    """

    node: Function
    scope: Scope
    function: FunctionType
    bound: bool
    result: Expression | None = None

    @property
    def location(self) -> Location:
        """The line of the `def` statement."""
        return self.scope.source.location(self.node)

    @property
    def is_async(self) -> bool:
        """Whether calling it gives something to await."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def is_generator(self) -> bool:
        """Whether its body yields."""
        return inspect.isgeneratorfunction(self.function)


def is_method(value: Any) -> bool:
    """Tell whether something in a class is called like a method."""
    value = getattr(value, "__func__", value)
    if isinstance(value, functools.partialmethod | functools.singledispatchmethod):
        return True
    return isinstance(value, FunctionType) or (
        callable(value) and not isinstance(value, type) and hasattr(value, "__wrapped__")
    )


def combined_marks(value: object) -> Marks:
    """Return what the decorators of the language say, whichever layer they stand on."""
    layers = [marks_of(layer) for layer in (value, *_layers(value))]
    return Marks(
        hidden=any(marks.hidden for marks in layers),
        blocking=any(marks.blocking for marks in layers),
        ahead=next((marks.ahead for marks in layers if marks.ahead is not None), None),
        raises=tuple(dict.fromkeys(error for marks in layers for error in marks.raises)),
    )


def defined(name: str, value: object, ancestor: Ancestor, reading: Reading) -> Definition:
    """Find the definition of a method, or of one part of a property.

    Raises:
        Unreadable: It has none, or one that does not say how it is called.
    """
    label = f"`{ancestor.cls.__qualname__}.{name}`"
    bound = not isinstance(value, staticmethod)
    result: Expression | None = None
    layers = list(_layers(value))
    for layer in layers:
        # `functools.wraps` made its `__module__` that of what it wraps.
        if layer.__globals__.get("__name__") == "contextlib":
            raise Unreadable(
                f"{label} is a context manager made by `contextlib`, which cannot be remote;"
                " return an object of a shared class that has `__enter__` and `__exit__`"
            )
        found = reading.sources.function(layer)
        if found is None:
            continue
        source, node = found
        inside = ancestor.source is not None and ancestor.source.source is source
        scope = ancestor.scope(node) if inside else Scope(source, parameters=declared_names(node))
        if layer is layers[-1] or not _passes_on(node):
            break
        result = result or _wrapped_result(node, scope, label, reading)
    else:
        raise Unreadable(f"{label} has no definition to read its types from; write it with `def`")
    if node.name != name and _passes_on(node) and name in getattr(ancestor.source, "functions", ()):
        raise Unreadable(
            f"{label} is hidden behind `{node.name}`, which takes anything; decorate"
            f" `{node.name}` with `functools.wraps`"
        )
    return Definition(node, scope, layer, bound, result)


def _layers(value: Any) -> Iterator[FunctionType]:
    """Yield the functions that wrap each other, from outside."""
    seen: set[int] = set()
    while value is not None and id(value) not in seen:
        seen.add(id(value))
        value = getattr(value, "__func__", value)  # of a static or class method
        if isinstance(value, FunctionType):
            yield value
        value = getattr(value, "__wrapped__", None)


def _passes_on(node: Function) -> bool:
    """Tell whether a definition takes anything, as wrappers do."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    return bool(
        arguments.vararg and arguments.kwarg and len(positional) <= 1 and not arguments.kwonlyargs
    )


def _wrapped_result(
    node: Function, scope: Scope, label: str, reading: Reading
) -> Expression | None:
    """Return the result that a wrapper declares by itself, None if it passes on what it gets."""
    if node.returns is None:
        return None
    try:
        result = reading.expressions.read_type(node.returns, scope)
    except Unreadable:
        return None  # the type parameter of the decorator around it
    if result == ANY or (len(result) == 1 and variables_of(result)):
        return None
    if variables_of(result):
        raise Unreadable(
            f"{label} has a decorator that changes its result in a way that cannot be read;"
            " write a method that calls a private, decorated one"
        )
    return result
