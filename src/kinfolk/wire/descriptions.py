"""Descriptions: what a server offers, as data that a client of another version can compare.

Both ends make theirs from the generated classes in the same way, and only once two fingerprints
differ. Types stand in them as canonical text (see `layouts`), type variables of a class by name.
No sockets and no running objects here.

Everything is a MessagePack array of its fields, in the order below; see the classes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from kinfolk.wire.layouts import Kind, layout_of, parts_of, type_text
from kinfolk.wire.members import Signature, signatures_of_factories, signatures_of_proxy
from kinfolk.wire.table import ManagerType

__all__ = [
    "Argument",
    "Description",
    "Field",
    "Function",
    "Parts",
    "decode_description",
    "describe_offer",
]


class Argument(msgspec.Struct, array_like=True, frozen=True):
    """A parameter: `type` is that of each value of `*args` and `**kwargs`.

    `kind` is the number that `inspect` gives to how it is passed.
    """

    name: str
    kind: int
    type: str
    required: bool

    @property
    def wire_type(self) -> str:
        """The type of all that is sent under its name."""
        if self.kind == inspect.Parameter.VAR_POSITIONAL:
            return f"builtins.tuple[{self.type}, ...]"
        if self.kind == inspect.Parameter.VAR_KEYWORD:
            return f"builtins.dict[builtins.str, {self.type}]"
        return self.type


class Function(msgspec.Struct, array_like=True, frozen=True):
    """A member of a shared class, or a factory; `result` of a stream is the type of its items."""

    arguments: tuple[Argument, ...]
    result: str
    streams: bool


class Field(msgspec.Struct, array_like=True, frozen=True):
    """An element of a value; see `layouts.Element`."""

    name: str
    type: str
    required: bool


class Parts(msgspec.Struct, array_like=True, frozen=True):
    """What a class of values is made of; see `layouts.Layout`."""

    kind: Kind
    fields: tuple[Field, ...]


class Description(msgspec.Struct, array_like=True, frozen=True):
    """All that a manager offers.

    `classes` are the members of each shared class, `factories` and `singletons` the entries of the
    manager, a singleton by its type, and `parts` all that any of the types is made of.
    """

    classes: dict[str, dict[str, Function]]
    factories: dict[str, Function]
    singletons: dict[str, str]
    parts: dict[str, Parts]


_decoder: Final = msgspec.msgpack.Decoder(Description)


def decode_description(data: msgspec.Raw) -> Description:
    """Return a description that came from a server.

    Raises:
        msgspec.MsgspecError: It is none.
    """
    return _decoder.decode(data)


@functools.cache
def describe_offer(offer: ManagerType) -> Description:
    """Return the description of what a manager offers; made once, by who asks first."""
    parts = _Reached()
    classes = {name: signatures_of_proxy(proxy) for name, proxy in offer.proxies.items()}
    return Description(
        {name: parts.functions(signatures) for name, signatures in classes.items()},
        parts.functions(signatures_of_factories(offer.factories)),
        {name: parts.text(proxy) for name, proxy in offer.singletons.items()},
        parts.found,
    )


class _Reached:
    """Writes types down, and collects what they are made of."""

    def __init__(self) -> None:
        self.found: dict[str, Parts] = {}

    def functions(self, signatures: Mapping[str, Signature]) -> dict[str, Function]:
        return {name: self._function(signature) for name, signature in signatures.items()}

    def _function(self, signature: Signature) -> Function:
        arguments = tuple(
            Argument(p.name, p.kind, self.text(p.type), p.required) for p in signature.parameters
        )
        return Function(arguments, self.text(signature.result), bool(signature.ahead))

    def text(self, declared: object) -> str:
        waiting = [declared]
        while waiting:
            waiting.extend(self._note(waiting.pop()))
        return type_text(declared)

    def _note(self, declared: object) -> Iterator[object]:
        """Note what a type is made of, and yield the types that this leads to."""
        layout = layout_of(declared)
        if layout is None:
            yield from parts_of(declared)
            return
        name = type_text(declared)
        if name not in self.found:
            self.found[name] = Parts(
                layout.kind,
                tuple(Field(e.name, type_text(e.declared), e.required) for e in layout.elements),
            )
            for element in layout.elements:
                yield element.declared
