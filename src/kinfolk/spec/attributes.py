"""Reading the properties and public fields of shared classes."""

from __future__ import annotations

import ast
import functools
from types import FunctionType

import kinfolk.declare
from kinfolk.declare import Marks
from kinfolk.spec.docs import inherited_doc
from kinfolk.spec.fields import Field, FieldReader
from kinfolk.spec.lineage import Ancestor, Lineage
from kinfolk.spec.model import Attribute, Expression, Location
from kinfolk.spec.names import Scope
from kinfolk.spec.problems import Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.signatures import Signatures
from kinfolk.spec.sources import ClassSource, Function
from kinfolk.spec.wrapping import Definition, defined

__all__ = ["Attributes"]


class Attributes:
    """Reads the attributes of one shared class."""

    def __init__(self, lineage: Lineage, signatures: Signatures, reading: Reading) -> None:
        self._lineage = lineage
        self._signatures = signatures
        self._reading = reading
        self._problems = reading.problems

    def read_field(self, field: Field, ancestor: Ancestor, source: ClassSource) -> Attribute | None:
        """Read a public field.

        Raises:
            Unreadable: Its type cannot be read.
        """
        if field.name not in source.assigns:
            raise Unreadable(
                f"field `{ancestor.cls.__qualname__}.{field.name}` is declared nowhere in the"
                " source; declare it in the body of the class"
            )
        reader = FieldReader(ancestor, source, self._reading)
        location = source.source.location(source.assigns[field.name])
        what = f"field `{ancestor.cls.__qualname__}.{field.name}`"
        annotation = reader.read_type(field.name)
        self._signatures.check_bound(annotation, location, what)
        if not self._travels(annotation, location, what):
            return None
        settable: Expression | None = None
        if field.settable and not reader.is_frozen(field.name):
            settable = reader.input_type(field)
            self._signatures.check(settable, location, f"a value set to {what}")
        return Attribute(field.name, annotation, location, settable, source.docs.get(field.name))

    def _travels(self, annotation: Expression, location: Location, what: str) -> bool:
        fault = self._reading.evaluator.fault(annotation)
        if fault is not None:
            remedy = "; a field that is to stay at the server starts with an underscore"
            self._problems.add(location, f"{what}: {fault}{remedy}")
        return fault is None

    def read_property(
        self, name: str, value: property, marks: Marks, ancestor: Ancestor
    ) -> Attribute | None:
        """Read a property.

        Raises:
            Unreadable: It has no getter, or one that cannot be read.
        """
        label = f"{ancestor.cls.__qualname__}.{name}"
        getter = self._getter(name, value.fget, ancestor)
        if marks.blocking or marks.ahead is not None:
            mark = "@blocking" if marks.blocking else "@stream"
            text = f"property `{label}` cannot be `{mark}`; make it a method"
            self._problems.add(getter.location, text)
        annotation = self._read(getter.node, getter.scope, label)
        settable = self._settable(name, value, ancestor) if value.fset else None
        if annotation is None:
            return None
        doc = inherited_doc(name, getter.node, self._lineage, ancestor)
        return Attribute(name, annotation, getter.location, settable, doc)

    def read_cached_property(
        self, name: str, ancestor: Ancestor, source: ClassSource
    ) -> Attribute | None:
        """Read a `functools.cached_property`, also one that attrs turned into a slot."""
        node = source.functions[name][-1] if name in source.functions else None
        if node is None or not self._decorated(node, ancestor, functools.cached_property):
            return None
        if self._decorated(node, ancestor, kinfolk.declare.hidden):
            return None
        annotation = self._read(node, ancestor.scope(node), f"{ancestor.cls.__qualname__}.{name}")
        if annotation is None:
            return None
        doc = inherited_doc(name, node, self._lineage, ancestor)
        return Attribute(name, annotation, source.source.location(node), None, doc)

    def _decorated(self, node: Function, ancestor: Ancestor, decorator: object) -> bool:
        found = [
            self._reading.expressions.found(d, ancestor.scope(node)) for d in node.decorator_list
        ]
        return any(f is not None and f.value is decorator for f in found)

    def _getter(self, name: str, function: object, ancestor: Ancestor) -> Definition:
        if function is None:
            raise Unreadable(
                f"property `{ancestor.cls.__qualname__}.{name}` cannot be read, only set; make it"
                " a method"
            )
        return defined(name, function, ancestor, self._reading)

    def _read(self, node: Function, scope: Scope, label: str) -> Expression | None:
        """Read the type of a property, which is its getter's result."""
        location = scope.source.location(node)
        if isinstance(node, ast.AsyncFunctionDef):
            self._problems.add(location, f"property `{label}` is async; write it with `def`")
            return None
        what = f"property `{label}`"
        annotation = self._signatures.annotation(node.returns, scope, location, what)
        if annotation is None:
            return None
        if self._reading.evaluator.streams(annotation):
            text = f"{what} is an iterator; make it a method, so that it streams"
            self._problems.add(location, text)
            return None
        self._signatures.check(annotation, location, what)
        self._signatures.check_bound(annotation, location, what)
        return annotation

    def _settable(self, name: str, value: property, ancestor: Ancestor) -> Expression | None:
        assert isinstance(value.fset, FunctionType)
        setter = defined(name, value.fset, ancestor, self._reading)
        arguments = [*setter.node.args.posonlyargs, *setter.node.args.args]
        what = f"the value of setter `{ancestor.cls.__qualname__}.{name}`"
        if len(arguments) < 2:
            raise Unreadable(f"{what} has no parameter; write `def {name}(self, value: ...)`")
        location = setter.scope.source.location(arguments[1])
        settable = self._signatures.annotation(
            arguments[1].annotation, setter.scope, location, what
        )
        if settable is not None:
            self._signatures.check(settable, location, what)
            self._signatures.check_bound(settable, location, what)
        return settable
