"""Reading what a factory takes: the parameters of a class's constructor."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from types import FunctionType
from typing import Any, Final, TypeGuard

import attrs

from kinfolk.spec.fields import Field, FieldReader, fields_of
from kinfolk.spec.lineage import Lineage
from kinfolk.spec.model import (
    Expression,
    Location,
    Parameter,
    ParameterKind,
    Signature,
    Variable,
)
from kinfolk.spec.pieces import joined
from kinfolk.spec.problems import Problems, Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.signatures import Signatures, is_literal
from kinfolk.spec.wrapping import defined, is_method

__all__ = ["Constructors"]

_KINDS: Final[dict[Any, ParameterKind]] = {
    inspect.Parameter.POSITIONAL_ONLY: "positional-only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional-or-keyword",
    inspect.Parameter.KEYWORD_ONLY: "keyword-only",
}


class Constructors:
    """Reads the constructor of one shared class."""

    def __init__(self, lineage: Lineage, parameters: Iterable[str], reading: Reading) -> None:
        self._lineage = lineage
        self._cls = lineage.cls
        self._parameters = tuple(parameters)
        self._reading = reading

    def read(self, problems: Problems) -> Signature | None:
        """Read it; None if something is wrong, which is noted.

        Args:
            problems: Where to note it; it matters only where a factory needs the constructor.
        """
        try:
            signature = self._read(problems)
        except Unreadable as error:
            problems.note(self._lineage.location, error)
            return None
        return None if signature is None else attrs.evolve(signature, result=self.result())

    def result(self) -> Expression:
        """Return the type of what it makes: the class, with its own type parameters."""
        name = self._reading.expressions.shared_name(self._cls)
        if not self._parameters:
            return (name,)
        variables = [piece for p in self._parameters for piece in (", ", Variable(p))]
        return joined((name, "[", *variables[1:], "]"))

    def _read(self, problems: Problems) -> Signature | None:
        for name in ("__init__", "__new__"):
            ancestor = self._lineage.definer(name)
            value = vars(ancestor.cls).get(name) if ancestor else None
            if ancestor is None or value is None or getattr(value, "__module__", "") == "typing":
                continue  # typing.Protocol puts one into every class
            if _is_generated(value, ancestor.cls):
                return self._of_fields(ancestor.cls, value, problems)
            if not is_method(value):
                raise Unreadable(
                    f"the constructor of `{self._cls.__qualname__}` has no source to read its"
                    " types from; write an `__init__`"
                )
            found = defined(name, value, ancestor, self._reading)
            signatures = Signatures(self._reading, problems, self._parameters)
            label = f"{ancestor.cls.__qualname__}.{name}"
            # `__new__` is a static method, whose first parameter is the class all the same.
            return signatures.read(found.node, found.scope, label, bound=True)
        return Signature((), ("None",))

    def _of_fields(self, cls: type, init: FunctionType, problems: Problems) -> Signature | None:
        """Read the parameters of a constructor that attrs or dataclasses made."""
        fields = {field.parameter: field for field in fields_of(cls).values()}
        before = problems.count
        parameters: list[Parameter] = []
        for parameter in list(inspect.signature(init).parameters.values())[1:]:
            try:
                parameters.append(self._of_field(fields[parameter.name], parameter, problems))
            except Unreadable as error:
                problems.note(self._location(fields[parameter.name]), error)
        return None if problems.count > before else Signature(tuple(parameters), ("None",))

    def _of_field(
        self, field: Field, parameter: inspect.Parameter, problems: Problems
    ) -> Parameter:
        owner = self._lineage.owner(field.name)
        if owner is None or owner.source is None:
            raise Unreadable(
                f"field `{field.name}` of `{self._cls.__qualname__}` is declared nowhere in the"
                " source; declare it in the body of the class"
            )
        reader = FieldReader(owner, owner.source, self._reading)
        annotation = reader.input_type(field)
        signatures = Signatures(self._reading, problems, self._parameters)
        what = f"parameter '{field.parameter}' of `{self._cls.__qualname__}`"
        location = self._location(field)
        signatures.check(annotation, location, what)
        signatures.check_bound(annotation, location, what)
        default: Expression | None = None
        literal = False
        if parameter.default is not parameter.empty:
            node = reader.default(field.name)
            default = reader.default_text(node)
            literal = node is not None and is_literal(node)
            if literal and field.converter is not None:
                # The converter may take more than its type says, and the default with it.
                literal = signatures.misfit(annotation, default) is None
            elif literal:
                signatures.check_default(annotation, default, location, what)
        return Parameter(field.parameter, _KINDS[parameter.kind], annotation, default, literal)

    def _location(self, field: Field) -> Location:
        owner = self._lineage.owner(field.name)
        if owner is None or owner.source is None:
            return self._lineage.location
        return owner.source.source.location(owner.source.assigns[field.name])


def _is_generated(value: object, cls: type) -> TypeGuard[FunctionType]:
    """Tell whether attrs or dataclasses made a constructor."""
    return (
        isinstance(value, FunctionType)
        and value.__code__.co_filename.startswith("<")
        and bool(fields_of(cls))
    )
