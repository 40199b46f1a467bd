"""Shared objects within values: they stay where they are, and references to them travel."""

from __future__ import annotations

from typing import Any

from kinfolk.declare import shared_mark
from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Node
from kinfolk.wire.references import Reference
from kinfolk.wire.shared import shared_type

__all__ = ["NO_REFERENCES", "Shared"]


class Shared(Node):
    """A shared class, which a declared type names by its proxy class."""

    wire = Reference
    arrivals = frozenset({Reference})

    def __init__(self, text: str, proxy_type: object) -> None:
        super().__init__(text)
        self._proxy_type = proxy_type

    def accepts(self, cls: type) -> bool:
        """Return whether a class is shared, or one of proxies."""
        return shared_type(cls) is not None or shared_mark(cls) is not None

    def lower(self, value: Any, context: Context) -> Any:
        """Return a reference to the object or the proxy."""
        try:
            return context.references.lower(value, self._proxy_type)
        except TypeError as error:
            pass_on_what_handlers_raise(error)
            raise Mismatch(f"must be {error}") from None

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the object that a reference stands for, or a proxy."""
        try:
            return context.references.lift(wire, self._proxy_type)
        except TypeError as error:
            pass_on_what_handlers_raise(error)
            raise Mismatch(f"must be {error}") from None


class _NoReferences:
    """Stands in where no shared object can be."""

    def lower(self, value: object, proxy_type: object) -> Reference:
        raise TypeError(f"a value, not {type(value).__name__}, which is shared")

    def lift(self, reference: Reference, proxy_type: object) -> object:
        raise TypeError(f"a value, not a reference to {reference.shared}")


NO_REFERENCES = _NoReferences()
