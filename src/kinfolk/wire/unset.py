"""An argument that was left out."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["UNSET"]


def _unset() -> Any:
    # stubtest compares the class of a default with the parameter's type, if it finds the class.
    class Unset:
        def __repr__(self) -> str:
            return "..."

    return Unset()


UNSET: Final[Any] = _unset()
"""An argument left out, whose default only the server knows."""
