"""The fields of attrs classes and dataclasses: their types, defaults, and what may be assigned."""

from __future__ import annotations

import ast
import dataclasses
from types import FunctionType
from typing import Any, Final

import attr
import attrs

from kinfolk.spec.lineage import Ancestor
from kinfolk.spec.model import Expression
from kinfolk.spec.names import Scope
from kinfolk.spec.pieces import variables_of
from kinfolk.spec.problems import Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.sources import ClassSource

__all__ = ["Field", "FieldReader", "fields_of", "is_of_field"]


@attrs.frozen
class _Frozen:
    """Shows what attrs makes of the attribute assignment of frozen classes."""


_FROZEN_SETATTR: Final[Any] = _Frozen.__setattr__
_FIELD_CALLS: Final = (attrs.field, attr.ib, dataclasses.field)
_UNKNOWN: Final[Expression] = ("...",)


@attrs.frozen
class Field:
    """What runs of a field: its name, that of its constructor parameter, and how it is set.

    One that is not `kept` is only a parameter of the constructor.
    """

    name: str
    parameter: str
    settable: bool
    converter: Any = None
    kept: bool = True


def fields_of(cls: type) -> dict[str, Field]:
    """Return the fields of an attrs class or a dataclass, by name; none for any other class."""
    if attrs.has(cls):
        frozen = cls.__setattr__ is _FROZEN_SETATTR
        return {
            field.name: Field(
                name=field.name,
                parameter=field.alias or field.name,
                settable=not frozen and field.on_setattr is not attrs.setters.frozen,
                converter=field.converter,
            )
            for field in attrs.fields(cls)
        }
    if dataclasses.is_dataclass(cls):
        frozen = cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
        kept = {field.name for field in dataclasses.fields(cls)}
        found: dict[str, dataclasses.Field[Any]] = cls.__dataclass_fields__
        return {name: Field(name, name, not frozen, kept=name in kept) for name in found}
    return {}


def is_of_field(name: str, source: ClassSource) -> bool:
    """Tell whether a function belongs to a field, as in `@limit.validator`."""
    return any(
        isinstance(decorator, ast.Attribute)
        and decorator.attr in {"validator", "default", "converter"}
        and isinstance(decorator.value, ast.Name)
        and decorator.value.id in source.assigns
        for node in source.functions.get(name, ())
        for decorator in node.decorator_list
    )


class FieldReader:
    """Reads the types and defaults of the fields in the body of one class."""

    def __init__(self, ancestor: Ancestor, source: ClassSource, reading: Reading) -> None:
        self._scope = ancestor.scope()
        self._source = source
        self._expressions = reading.expressions
        self._reading = reading

    def read_type(self, name: str) -> Expression:
        """Read the declared type.

        Raises:
            Unreadable: It has none, or one that cannot be read.
        """
        node = self._annotation(name) or self._keyword(name, "type")
        if node is None:
            raise Unreadable(
                f"field `{self._source.qualname}.{name}` has no type; write `{name}: <type> = …`"
            )
        if self._is_special(node, "InitVar") or self._is_special(node, "Final"):
            node = node.slice if isinstance(node, ast.Subscript) else node
        return self._expressions.read_type(node, self._scope)

    def _annotation(self, name: str) -> ast.expr | None:
        statement = self._source.assigns[name]
        return statement.annotation if isinstance(statement, ast.AnnAssign) else None

    def _is_special(self, node: ast.expr, name: str) -> bool:
        """Tell whether a type is `name` of the standard library, with or without brackets."""
        head = node.value if isinstance(node, ast.Subscript) else node
        found = self._expressions.found(head, self._scope)
        return found is not None and found.path in {f"typing.{name}", f"dataclasses.{name}"}

    def default(self, name: str) -> ast.expr | None:
        """Return the default where it is written down, None where only running code knows it."""
        value = self._source.assigns[name].value
        if value is not None and self._call(name) is None:
            return value
        return self._keyword(name, "default")

    def default_text(self, node: ast.expr | None) -> Expression:
        """Read a default as its author wrote it."""
        return self._expressions.read_value(node, self._scope) if node else _UNKNOWN

    def input_type(self, field: Field) -> Expression:
        """Return the type that the field takes: its converter's input, else its own type."""
        converter = self._keyword(field.name, "converter")
        taken = self._converter_input(converter, field) if field.converter is not None else None
        return taken or self.read_type(field.name)

    def is_frozen(self, name: str) -> bool:
        """Tell whether `Final` or `on_setattr` forbids to assign to a field."""
        hooks = [
            keyword.value
            for decorator in self._source.node.decorator_list
            if isinstance(decorator, ast.Call)
            for keyword in decorator.keywords
            if keyword.arg == "on_setattr"
        ]
        annotation = self._annotation(name)
        if annotation and self._is_special(annotation, "Final"):
            return True
        own = self._keyword(name, "on_setattr")
        return any(self._is(hook, attrs.setters.frozen) for hook in ([own] if own else hooks))

    # --- Converters

    def _converter_input(self, node: ast.expr | None, field: Field) -> Expression | None:
        """Return what a converter takes, None where that is not declared in a way to be read."""
        if isinstance(node, ast.Call):
            if self._is(node.func, attrs.converters.optional) and node.args:
                inner = self._converter_input(node.args[0], field)
                return inner and (*inner, " | None")
            if self._is(node.func, attrs.converters.default_if_none):
                return (*self.read_type(field.name), " | None")
            if self._is(node.func, attrs.converters.pipe) or self._is(node.func, attrs.Converter):
                return self._converter_input(node.args[0], field) if node.args else None
            return None
        if isinstance(node, ast.List | ast.Tuple):  # a pipe, written short
            return self._converter_input(node.elts[0], field) if node.elts else None
        found = self._expressions.found(node, self._scope) if node else None
        function = found.value if found else None
        return self._first_parameter(function) if isinstance(function, FunctionType) else None

    def _first_parameter(self, function: FunctionType) -> Expression | None:
        found = self._reading.sources.function(function)
        if found is None:
            return None
        source, definition = found
        arguments = [*definition.args.posonlyargs, *definition.args.args]
        if not arguments or arguments[0].annotation is None:
            return None
        try:
            taken = self._expressions.read_type(arguments[0].annotation, Scope(source))
        except Unreadable:
            return None
        return None if variables_of(taken) else taken

    # --- The call that makes a field

    def _call(self, name: str) -> ast.Call | None:
        value = self._source.assigns[name].value
        if isinstance(value, ast.Call) and any(self._is(value.func, f) for f in _FIELD_CALLS):
            return value
        return None

    def _keyword(self, name: str, argument: str) -> ast.expr | None:
        call = self._call(name)
        keywords = call.keywords if call else ()
        return next((k.value for k in keywords if k.arg == argument), None)

    def _is(self, node: ast.expr, value: object) -> bool:
        found = self._expressions.found(node, self._scope)
        return found is not None and found.value is value
