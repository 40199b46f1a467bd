"""What values are made of, and types as canonical text: the same at every end that has them.

Two ends understand each other only if their values have the same fields, which the text of a
declared type does not show. Nothing here depends on documentation, order or the Python version.
"""

from __future__ import annotations

import enum
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import (
    Annotated,
    Any,
    Final,
    ForwardRef,
    Literal,
    NotRequired,
    Required,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    is_typeddict,
)

import attrs
import msgspec
from typing_extensions import ReadOnly, get_type_hints

from kinfolk.wire.codec.fields import (
    defaults_of,
    fields_of,
    has_fields,
    is_required_key,
    names_of,
)
from kinfolk.wire.codec.mismatch import CannotTravel
from kinfolk.wire.shared import shared_type

__all__ = ["Element", "Kind", "Layout", "class_text", "layout_of", "parts_of", "type_text"]

Kind: TypeAlias = Literal["object", "tuple", "dict", "enum", "flags", "alias"]
"""How a value travels: by the names of its fields, by their order, as what it stands for…"""


@attrs.frozen
class Element:
    """A field, a key, a member of an enumeration, or what an alias stands for.

    It is `required` if the value cannot be made without it.
    """

    name: str
    declared: object
    required: bool = True


@attrs.frozen
class Layout:
    """What a class, an alias or a NewType is made of."""

    kind: Kind
    elements: tuple[Element, ...]


def layout_of(declared: object) -> Layout | None:
    """Return what a type is made of; None for one that its name says everything of."""
    if isinstance(declared, type) and get_origin(declared) is None:
        for applies, kind, read in _KINDS:
            if applies(declared):
                return Layout(kind, tuple(read(declared)))
        return None
    alias: Any = declared
    for attribute in ("__value__", "__supertype__"):
        if get_origin(declared) is None and hasattr(alias, attribute):
            return Layout("alias", (Element("", getattr(alias, attribute)),))
    return None


def parts_of(declared: object) -> Iterator[object]:
    """Yield the types that a type is written with; none for a class, nor for an alias."""
    origin = get_origin(declared)
    if origin is Annotated:
        yield get_args(declared)[0]
    elif origin is not None and origin is not Literal:
        yield origin
        for argument in get_args(declared):
            # Parameters of a Callable stand in a list.
            yield from cast("list[object]", argument) if isinstance(argument, list) else [argument]


# --- The elements of a class


def _of_object(cls: type) -> Iterator[Element]:
    try:
        for field in fields_of(cls, ()):
            yield Element(field.name, field.declared, field.required)
    except CannotTravel:
        # A class of which no value is ever sent may be mentioned all the same.
        hints, optional = _hints(cls), defaults_of(cls)
        for name in names_of(cls):
            yield Element(name, hints.get(name), name not in optional)


def _of_struct(cls: Any) -> Iterator[Element]:
    hints = _hints(cls)
    optional = cls.__struct_fields__[len(cls.__struct_fields__) - len(cls.__struct_defaults__) :]
    for name in cls.__struct_fields__:
        yield Element(name, hints.get(name), name not in optional)


def _of_named_tuple(cls: Any) -> Iterator[Element]:
    hints = _hints(cls)
    for name in cls._fields:
        yield Element(name, hints.get(name, Any), name not in cls._field_defaults)


def _of_typed_dict(cls: Any) -> Iterator[Element]:
    for name, declared in _hints(cls).items():
        yield Element(name, declared, is_required_key(cls, name, declared))


def _of_enum(cls: Any) -> Iterator[Element]:
    for name, member in cls.__members__.items():
        yield Element(name, Literal[member.value] if _is_plain(member.value) else Any)


def _is_plain(value: object) -> bool:
    return isinstance(value, int | str | bytes | bool | float)


_KINDS: tuple[tuple[Callable[[type], bool], Kind, Callable[[Any], Iterator[Element]]], ...] = (
    (has_fields, "object", _of_object),
    (lambda cls: issubclass(cls, msgspec.Struct), "object", _of_struct),
    (is_typeddict, "dict", _of_typed_dict),
    (lambda cls: hasattr(cls, "_field_defaults"), "tuple", _of_named_tuple),
    (lambda cls: issubclass(cls, enum.Flag), "flags", _of_enum),
    (lambda cls: issubclass(cls, enum.Enum), "enum", _of_enum),
)


def _hints(cls: type) -> dict[str, object]:
    try:
        return get_type_hints(cls, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # Names imported for checkers alone: the text of the annotations has to do.
        found: dict[str, object] = {}
        for base in reversed(cls.__mro__):
            found.update(inspect.get_annotations(base))
        return found


# --- Types as text


_QUALIFIERS: Final = (Required, NotRequired, ReadOnly)


def class_text(cls: type) -> str:
    """Return the name of a class; of a proxy class, that of the shared class."""
    mark = shared_type(cls)
    return f"{cls.__module__}.{cls.__qualname__}" if mark is None else mark.name


def type_text(declared: object) -> str:
    """Return a type as text that is the same under every version of Python."""
    origin = get_origin(declared)
    match declared:
        case None | types.NoneType:
            return "None"
        case types.EllipsisType():
            return "..."
        case str():
            return declared
        case ForwardRef():
            return declared.__forward_arg__
        case TypeVar():
            return declared.__name__
        case list():
            return f"[{', '.join(map(type_text, cast('list[object]', declared)))}]"
        case _ if origin is Annotated or origin in _QUALIFIERS:
            return type_text(get_args(declared)[0])
        case _ if origin is Literal:
            return f"Literal[{', '.join(map(repr, get_args(declared)))}]"
        case _ if origin in {Union, types.UnionType}:
            return " | ".join(map(type_text, get_args(declared)))
        case _ if origin is not None:
            return f"{type_text(origin)}[{', '.join(map(type_text, get_args(declared)))}]"
        case type():
            return class_text(declared)
        case _:
            module = sys.modules.get(getattr(declared, "__module__", ""))
            name = getattr(declared, "__name__", None) or type(declared).__name__
            return f"{module.__name__ if module else ''}.{name}"
