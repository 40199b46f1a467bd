"""Docstrings, also those that a method inherits."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cached_property
from types import FunctionType
from typing import Any, Final

from kinfolk.spec.lineage import Ancestor, Lineage
from kinfolk.spec.sources import Function

__all__ = ["inherited_doc"]

_DOCUMENTED: Final = (FunctionType, staticmethod, classmethod, property, cached_property)


def inherited_doc(
    name: str, node: Function | None, lineage: Lineage, ancestor: Ancestor
) -> str | None:
    """Return a member's own docstring, else the one of the nearest base that has it too."""
    own = ast.get_docstring(node) if node else None
    if own is not None:
        return own
    order = lineage.cls.__mro__
    for base in order[order.index(ancestor.cls) + 1 :]:
        value: Any = vars(base).get(name)
        doc = value.__doc__ if isinstance(value, _DOCUMENTED) else None
        # The standard library's are about something else ("Return self==value.").
        if (
            isinstance(doc, str)
            and base.__module__.partition(".")[0] not in sys.stdlib_module_names
        ):
            return inspect.cleandoc(doc)
    return None
