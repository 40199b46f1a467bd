"""What the values that a spec's declared types reach are made of, as lines of canonical text."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from kinfolk.spec.model import Name
from kinfolk.wire.layouts import Element, layout_of, parts_of, type_text

__all__ = ["layouts"]


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
    layout = layout_of(value)
    if layout is None:
        parts = list(parts_of(value))
        if alias and parts:
            found[alias] = f"{alias} = {type_text(value)}"
        for part in parts:
            _add(part, found)
        return
    name = type_text(value)
    if name in found:
        return
    if layout.kind == "alias":
        found[name] = f"{name} = {type_text(layout.elements[0].declared)}"
    else:
        found[name] = f"{name}({', '.join(sorted(map(_element_text, layout.elements)))})"
    for element in layout.elements:
        _add(element.declared, found)


def _element_text(element: Element) -> str:
    return f"{element.name}: {type_text(element.declared)}{'' if element.required else '?'}"
