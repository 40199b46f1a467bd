"""A client that evaluates what it is told, and prints what comes of it."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from kinfolk.errors import KinfolkError


def outcome(code: str, names: dict[str, Any]) -> str:
    """Return what an expression is worth, or the error that it raises."""
    try:
        return repr(eval(code, names))
    except KinfolkError as error:
        return f"{type(error).__name__}: {error}"


names: dict[str, Any] = vars(import_module("town_manager"))
with names["TownsManager"].open(sys.argv[1], authkey=sys.argv[2] or None) as towns:
    names.update(towns=towns, town=towns.town())
    print("connected", flush=True)
    for line in sys.stdin:
        print(outcome(line, names), flush=True)
