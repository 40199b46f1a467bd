"""Constraints that `Annotated[..., msgspec.Meta(...)]` puts on the values of a type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from kinfolk.wire.codec.forms import Data
from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Node, Part
from kinfolk.wire.codec.text import short

__all__ = ["Checked"]

Check = tuple[str, Callable[[Any], bool]]

_CHECKS: Final[dict[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "gt": ("> {}", lambda value, limit: value > limit),
    "ge": (">= {}", lambda value, limit: value >= limit),
    "lt": ("< {}", lambda value, limit: value < limit),
    "le": ("<= {}", lambda value, limit: value <= limit),
    "multiple_of": ("a multiple of {}", lambda value, factor: value % factor == 0),
    "min_length": ("of length >= {}", lambda value, limit: len(value) >= limit),
    "max_length": ("of length <= {}", lambda value, limit: len(value) <= limit),
    "pattern": ("matching {!r}", lambda value, pattern: re.search(pattern, value) is not None),
}


class Checked(Node):
    """A type whose values must also pass some checks; on the wire it is nothing of its own."""

    def __init__(self, text: str, node: Node, metas: list[msgspec.Meta]) -> None:
        super().__init__(text)
        self._node = node
        self._checks = [check for meta in metas for check in _checks(meta)]
        self.wire, self.classes, self.arrivals = node.wire, node.classes, node.arrivals
        self.keys = node.keys

    def lower(self, value: Any, context: Context) -> Any:
        """Check the value, then lower it."""
        lowered = self._node.lower(value, context)
        self._check(value)
        return lowered

    def lift(self, wire: Any, context: Context) -> Any:
        """Lift the value, then check it."""
        value = self._node.lift(wire, context)
        self._check(value)
        return value

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the parts of the type itself."""
        return self._node.parts(data)

    def claims(self, data: Data) -> bool:
        """Return what the type itself claims."""
        return self._node.claims(data)

    def _check(self, value: Any) -> None:
        for phrase, passes in self._checks:
            if not passes(value):
                raise Mismatch.wrong(f"{self.text} {phrase}", short(value))


def _checks(meta: msgspec.Meta) -> Iterator[Check]:
    for name, (phrase, passes) in _CHECKS.items():
        limit = getattr(meta, name)
        if limit is not None:
            yield phrase.format(limit), _bound(passes, limit)


def _bound(passes: Callable[[Any, Any], bool], limit: Any) -> Callable[[Any], bool]:
    return lambda value: passes(value, limit)
