"""Models of specs, written by hand: short words for the records of `kinfolk.spec.model`."""

from __future__ import annotations

import builtins
import re
from typing import Any

from kinfolk.spec.model import (
    Attribute,
    Entry,
    Expression,
    Location,
    Method,
    Name,
    Parameter,
    ParameterKind,
    SharedClass,
    SharedName,
    Signature,
    Spec,
    SpecManager,
    Variable,
)

PLACE = Location("app/spec.py", 1)
_WORD = re.compile(r"([@?]?[A-Za-z_][\w.:]*)")


def expression(text: str) -> Expression:
    """Return an expression: `@Job` is a shared class, `?T` a variable, `module:Name` a name."""
    return tuple(_piece(part) for part in _WORD.split(text) if part)


def _piece(part: str) -> str | Name | SharedName | Variable:
    if not _WORD.fullmatch(part):
        return part
    if part.startswith("?"):
        return Variable(part[1:])
    if part.startswith("@"):
        module, _, name = part[1:].rpartition(":")
        return SharedName(module or "app.spec", name)
    if ":" in part:
        module, _, name = part.rpartition(":")
        return Name(module, name)
    if hasattr(builtins, part) and part not in {"None", "True", "False"}:
        return Name("builtins", part)
    return part


def parameter(
    name: str,
    annotation: str = "int",
    default: str | None = None,
    kind: ParameterKind = "positional-or-keyword",
    *,
    literal: bool = True,
) -> Parameter:
    """Return a parameter; its default, if it has one, is a constant."""
    value = None if default is None else expression(default)
    return Parameter(name, kind, expression(annotation), value, literal and value is not None)


def signature(*parameters: Parameter, result: str = "None", **rest: Any) -> Signature:
    """Return a signature."""
    return Signature(parameters, expression(result), **rest)


def method(name: str, *parameters: Parameter, result: str = "None", **rest: Any) -> Method:
    """Return a method."""
    return Method(name, signature(*parameters, result=result), PLACE, **rest)


def attribute(name: str, annotation: str, settable: str | None = None, **rest: Any) -> Attribute:
    """Return an attribute."""
    value = None if settable is None else expression(settable)
    return Attribute(name, expression(annotation), PLACE, value, **rest)


def shared(name: str, *members: Method | Attribute, **rest: Any) -> SharedClass:
    """Return a shared class of `app.spec` whose constructor takes nothing."""
    return SharedClass("app.spec", name, signature(), members, PLACE, **rest)


def entry(name: str, shared: str, *parameters: Parameter, factory: bool = False) -> Entry:
    """Return a singleton, or a factory that takes the parameters."""
    made = signature(*parameters, result=shared) if factory or parameters else None
    return Entry(name, expression(shared), PLACE, constructor=made)


def spec(*classes: SharedClass, entries: tuple[Entry, ...] = (), **rest: Any) -> Spec:
    """Return the spec of a module `app.spec` with a manager called `App`, if it has entries."""
    managers = (SpecManager("App", entries, PLACE),) if entries else ()
    return Spec("app.spec", "app/spec.py", classes, managers, **rest)
