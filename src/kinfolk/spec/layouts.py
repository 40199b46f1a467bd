"""The fields of the values that a spec's declared types reach, as canonical text.

Two ends understand each other only if their values have the same fields, which the text of a
declared type does not show. Nothing here depends on documentation, order or the Python version.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import attrs
import msgspec
from typing_extensions import TypeAliasType

from kinfolk.spec.model import Name

__all__ = ["layouts"]

_Field = tuple[str, object, bool]
"""The name of a field, its declared type, and whether it must be there."""


def layouts(names: Iterable[Name]) -> tuple[str, ...]:
    """Return a line for each class or alias that `names` lead to, sorted.

    Args:
        names: What the declared types mention. What cannot be imported is passed over.
    """
    found: dict[str, str] = {}
    for name in names:
        _add(_imported(name), found, f"{name.module}.{name.qualname}")
    return tuple(sorted(found.values()))


def _imported(name: Name) -> object:
    try:
        value: object = import_module(name.module)
        for part in name.qualname.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError):
        return None
    return value


def _add(value: object, found: dict[str, str], alias: str = "") -> None:
    """Add the lines of a type, and of all that it reaches."""
    if isinstance(value, type) and get_origin(value) is None:
        name = _class_name(value)
        fields = None if name in found else _fields(value)
        if fields is not None:
            found[name] = f"{name}({', '.join(sorted(map(_field_text, fields)))})"
            for _, declared, _ in fields:
                _add(declared, found)
        return
    if isinstance(value, TypeAliasType):
        alias = f"{value.__module__}.{value.__name__}"
        if alias in found:
            return
        value = cast("object", value.__value__)
    arguments = list(_arguments(value))
    if alias and arguments:
        found[alias] = f"{alias} = {_text(value)}"
    for argument in arguments:
        _add(argument, found)


def _arguments(value: object) -> Iterator[object]:
    """Yield what a type is made of; recursion ends at the classes."""
    origin = get_origin(value)
    if origin is Annotated:
        yield get_args(value)[0]
    elif origin is not None and origin is not Literal:
        yield origin
        for argument in get_args(value):
            # Parameters of a Callable stand in a list.
            yield from cast("list[object]", argument) if isinstance(argument, list) else [argument]
    elif supertype := getattr(value, "__supertype__", None):
        yield supertype


# --- The fields of a class


def _fields(cls: type) -> list[_Field] | None:
    """Return the fields of a class, None if it is of no kind that has any."""
    for applies, read in _KINDS:
        if applies(cls):
            return list(read(cls))
    return None


def _of_attrs(cls: Any) -> Iterator[_Field]:
    hints = _hints(cls)
    for field in attrs.fields(cls):
        yield field.name, hints.get(field.name, field.type), field.default is attrs.NOTHING


def _of_dataclass(cls: Any) -> Iterator[_Field]:
    hints = _hints(cls)
    for field in dataclasses.fields(cls):
        required = (field.default, field.default_factory) == (dataclasses.MISSING,) * 2
        yield field.name, hints.get(field.name, field.type), required


def _of_struct(cls: Any) -> Iterator[_Field]:
    hints = _hints(cls)
    optional = cls.__struct_fields__[len(cls.__struct_fields__) - len(cls.__struct_defaults__) :]
    for name in cls.__struct_fields__:
        yield name, hints.get(name), name not in optional


def _of_named_tuple(cls: Any) -> Iterator[_Field]:
    hints = _hints(cls)
    for name in cls._fields:
        yield name, hints.get(name, Any), name not in cls._field_defaults


def _of_typed_dict(cls: Any) -> Iterator[_Field]:
    hints = _hints(cls)
    for name, declared in hints.items():
        yield name, declared, name in cls.__required_keys__


def _of_enum(cls: Any) -> Iterator[_Field]:
    for name, member in cls.__members__.items():
        yield name, Literal[member.value] if _is_plain(member.value) else Any, True


def _is_plain(value: object) -> bool:
    return isinstance(value, int | str | bytes | bool | float)


_KINDS: tuple[tuple[Callable[[type], bool], Callable[[Any], Iterator[_Field]]], ...] = (
    (attrs.has, _of_attrs),
    (dataclasses.is_dataclass, _of_dataclass),
    (lambda cls: issubclass(cls, msgspec.Struct), _of_struct),
    (is_typeddict, _of_typed_dict),
    (lambda cls: hasattr(cls, "_field_defaults"), _of_named_tuple),
    (lambda cls: issubclass(cls, enum.Enum), _of_enum),
)


def _hints(cls: type) -> dict[str, object]:
    try:
        return get_type_hints(cls)
    except (NameError, TypeError, AttributeError):
        # Names imported for checkers alone: the text of the annotations has to do.
        found: dict[str, object] = {}
        for base in reversed(cls.__mro__):
            found.update(inspect.get_annotations(base))
        return found


# --- Types as text


def _field_text(field: _Field) -> str:
    name, declared, required = field
    return f"{name}: {_text(declared)}{'' if required else '?'}"


def _class_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _text(declared: object) -> str:
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
            return f"[{', '.join(map(_text, cast('list[object]', declared)))}]"
        case _ if origin is Annotated:
            return _text(get_args(declared)[0])
        case _ if origin is Literal:
            return f"Literal[{', '.join(map(repr, get_args(declared)))}]"
        case _ if origin in {Union, types.UnionType}:
            return " | ".join(map(_text, get_args(declared)))
        case _ if origin is not None:
            return f"{_text(origin)}[{', '.join(map(_text, get_args(declared)))}]"
        case type():
            return _class_name(declared)
        case _:
            module = sys.modules.get(getattr(declared, "__module__", ""))
            name = getattr(declared, "__name__", None) or type(declared).__name__
            return f"{module.__name__ if module else ''}.{name}"
