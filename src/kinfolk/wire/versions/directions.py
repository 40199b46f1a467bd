"""Whether what one end sends can be read by the other.

Both have to name the type alike, and of every class that the type leads to, the reader has to know
all that the sender sends, and to do without the rest: what the codec does (see `codec.records`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kinfolk.wire.descriptions import Parts
from kinfolk.wire.versions.texts import names_in

__all__ = ["Direction"]


class Direction:
    """From a sender, by what the values are made of there, to a receiver."""

    def __init__(self, sender: Mapping[str, Parts], receiver: Mapping[str, Parts]) -> None:
        self._sender = sender
        self._receiver = receiver
        self._known: dict[str, bool] = {}

    def misfit(self, sent: str, received: str) -> str | None:
        """Return the class that does not fit, empty for the type itself; None if all is well."""
        if sent != received:
            return ""
        return next((name for name in self._reached(sent) if not self._fits(name)), None)

    def _reached(self, text: str) -> Iterator[str]:
        """Yield the classes and aliases that a type leads to, each once."""
        seen: set[str] = set()
        waiting = [text]
        while waiting:
            for name in names_in(waiting.pop()):
                if name in seen or not (name in self._sender or name in self._receiver):
                    continue
                seen.add(name)
                yield name
                if name in self._sender:
                    waiting.extend(field.type for field in self._sender[name].fields)

    def _fits(self, name: str) -> bool:
        """Return whether a class fits, as far as that does not lie at the classes it leads to."""
        if name not in self._known:
            sent, received = self._sender.get(name), self._receiver.get(name)
            self._known[name] = (
                sent is not None and received is not None and _is_readable(sent, received)
            )
        return self._known[name]


def _is_readable(sent: Parts, received: Parts) -> bool:
    if sent.kind != received.kind:
        return False
    there = {field.name: field.type for field in sent.fields}
    here = {field.name: field.type for field in received.fields}
    needed = {field.name for field in received.fields if field.required}
    match sent.kind:
        case "object":
            # All fields are sent, also those that have a default.
            return there.items() <= here.items() and needed <= there.keys()
        case "dict":
            sure = {field.name for field in sent.fields if field.required}
            return there.items() <= here.items() and needed <= sure
        case "enum":
            # Members travel by name.
            return there.keys() <= here.keys()
        case "flags":
            return there.items() <= here.items()
        case "tuple" | "alias":
            # By position; and an alias has only one part.
            return list(there.items()) == list(here.items())
