"""What a class that travels by its fields consists of, whoever made it: attrs or the library.

Field types are evaluated where they were written, type arguments filled in along the bases.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, TypeVar, cast, get_args, get_origin

import attrs
import typing_extensions
from typing_extensions import get_original_bases, get_type_hints

from kinfolk.wire.codec.mismatch import CannotTravel
from kinfolk.wire.codec.text import class_name

__all__ = [
    "Field",
    "bound_arguments",
    "defaults_of",
    "fields_of",
    "has_fields",
    "hints_of",
    "is_required_key",
    "names_of",
    "substitute",
]

Variables = Mapping[Any, Any]
"""What type variables stand for."""


@attrs.frozen
class Field:
    """One field: its declared type, and the parameter of the constructor that takes it, if any.

    One that is not `required` has a default, or is set by the constructor itself.
    """

    name: str
    declared: Any
    parameter: inspect.Parameter | None
    required: bool = True
    validate: Callable[[Any, Any], None] | None = None


def has_fields(cls: type) -> bool:
    """Return whether instances of a class are made of fields that are known."""
    return attrs.has(cls) or dataclasses.is_dataclass(cls)


def fields_of(cls: type, arguments: tuple[Any, ...]) -> list[Field]:
    """Return the fields of an attrs class or dataclass with type arguments.

    Raises:
        CannotTravel: A type cannot be evaluated, or the constructor takes what is no field.
    """
    validators = _validators(cls)
    declared = hints_of(cls, arguments, list(validators))
    parameters = _parameters(cls)
    aliases = {a.name: a.alias for a in attrs.fields(cls)} if attrs.has(cls) else {}
    defaults = defaults_of(cls)
    fields: list[Field] = []
    for name, validate in validators.items():
        parameter = parameters.pop(aliases.get(name) or name, None) or parameters.pop(name, None)
        # What a constructor takes need not have the default of the field.
        optional = parameter.default is not parameter.empty if parameter else name in defaults
        fields.append(Field(name, declared[name], parameter, not optional, validate))
    for parameter in parameters.values():
        if parameter.default is parameter.empty:
            raise CannotTravel(
                f"{class_name(cls)} cannot be made from its fields, since its constructor needs"
                f" {parameter.name!r}; name the parameter after a field, or give it a default"
            )
    return fields


_Validate = Callable[[Any, Any], None] | None


def _validators(cls: type) -> dict[str, _Validate]:
    if not attrs.has(cls):
        return dict.fromkeys(names_of(cls))
    return {a.name: _validator(a) for a in attrs.fields(cls)}


def _validator(attribute: attrs.Attribute[Any]) -> _Validate:
    validator = attribute.validator
    if validator is None:
        return None
    return lambda instance, value: validator(instance, attribute, value)


def names_of(cls: type) -> list[str]:
    """Return the names of the fields of an attrs class or dataclass."""
    if attrs.has(cls):
        return [a.name for a in attrs.fields(cls)]
    return [field.name for field in dataclasses.fields(cast("Any", cls))]


def defaults_of(cls: type) -> set[str]:
    """Return the names of the fields that have a default."""
    if attrs.has(cls):
        return {a.name for a in attrs.fields(cls) if a.default is not attrs.NOTHING}
    nothing = (dataclasses.MISSING, dataclasses.MISSING)
    return {
        field.name
        for field in dataclasses.fields(cast("Any", cls))
        if (field.default, field.default_factory) != nothing
    }


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return what the constructor takes by name."""
    try:
        signature = inspect.signature(cast("Any", cls).__init__)
    except ValueError:  # a constructor written in C says nothing
        return {}
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    parameters = list(signature.parameters.values())[1:]
    return {p.name: p for p in parameters if p.kind not in variable}


# --- Types of fields


def hints_of(cls: type, arguments: tuple[Any, ...], names: list[str]) -> dict[str, Any]:
    """Return the declared types of fields, evaluated, with the type arguments of the class.

    Raises:
        CannotTravel: One has no type, or its type names what is not there at run time.
    """
    owners = dict(_bases(cls, arguments))
    return {name: _hint(cls, name, owners) for name in names}


def _hint(cls: type, name: str, owners: Mapping[type, Variables]) -> Any:
    for owner in cls.__mro__:
        annotations: dict[str, Any] = vars(owner).get("__annotations__", {})
        if name in annotations:
            declared = _evaluate(owner, name, annotations[name])
            return substitute(declared, owners.get(owner, {}))
    made = _made_type(cls, name)
    if made is None:
        raise CannotTravel(f"{class_name(cls)}.{name} has no type; annotate it")
    return _evaluate(cls, name, made)


def _made_type(cls: type, name: str) -> Any:
    """Return the type of a field that no annotation declares, as with `attrs.make_class`."""
    return getattr(attrs.fields_dict(cls)[name], "type", None) if attrs.has(cls) else None


def _evaluate(owner: type, name: str, annotation: Any) -> Any:
    module = sys.modules.get(owner.__module__)
    # Classes within the class, and the class itself, which need not be in its module.
    known: dict[str, Any] = {
        **{key: value for key, value in vars(owner).items() if isinstance(value, type)},
        **{p.__name__: p for p in getattr(owner, "__type_params__", ())},
        owner.__name__: owner,
        "Self": owner,
    }
    holder = type("holder", (), {"__annotations__": {name: annotation}})
    try:
        return get_type_hints(holder, vars(module) if module else {}, known, include_extras=True)[
            name
        ]
    except NameError as error:
        raise CannotTravel(
            f"{class_name(owner)}.{name} names {error.name!r}, which is not there at run time;"
            " import it outside of `if TYPE_CHECKING`"
        ) from None
    except Exception as error:
        raise CannotTravel(
            f"the type of {class_name(owner)}.{name} cannot be evaluated: {error}"
        ) from None


def _bases(cls: type, arguments: tuple[Any, ...]) -> Iterator[tuple[type, Variables]]:
    """Yield a class and its bases, each with what its type variables stand for."""
    parameters = getattr(cls, "__parameters__", ()) or getattr(cls, "__type_params__", ())
    variables: Variables = dict(zip(parameters, arguments, strict=False))
    yield cls, variables
    for base in get_original_bases(cls):
        origin = get_origin(base) or base
        if origin not in _MARKERS and isinstance(origin, type):
            filled = tuple(substitute(argument, variables) for argument in get_args(base))
            yield from _bases(origin, filled)


_MARKERS: Final = frozenset({object, typing_extensions.Generic, typing_extensions.Protocol})


def is_required_key(cls: Any, key: str, hint: Any) -> bool:
    """Return whether a TypedDict must have a key.

    Its own record of that is wrong where annotations are text.
    """
    while (origin := get_origin(hint)) is not None:
        if origin is typing_extensions.Required:
            return True
        if origin is typing_extensions.NotRequired:
            return False
        if origin not in {Annotated, typing_extensions.ReadOnly}:
            break
        hint = get_args(hint)[0]
    return key in cls.__required_keys__


def substitute(declared: Any, variables: Variables) -> Any:
    """Return a type with type variables replaced."""
    if isinstance(declared, TypeVar):
        return variables.get(declared, declared)
    free = getattr(declared, "__parameters__", ())
    if not free or not variables or get_origin(declared) is None:
        return declared
    return declared[tuple(variables.get(parameter, parameter) for parameter in free)]


def bound_arguments(derived: type, base: type, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the type arguments of a derived class that follow from those of its base."""
    own: tuple[Any, ...] = getattr(derived, "__parameters__", ())
    seen = dict(_bases(derived, own)).get(base, {})
    known = dict(zip(seen.values(), arguments, strict=False))
    return tuple(known.get(parameter, Any) for parameter in own)
