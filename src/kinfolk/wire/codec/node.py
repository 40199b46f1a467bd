"""One declared type, compiled: its wire type, and the way there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from functools import cached_property
from typing import Any, Final, Protocol

import msgspec
from msgspec.msgpack import Decoder, Encoder

from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.codec.forms import UNREADABLE, Data, kind_of, kinds_of, name_of
from kinfolk.wire.codec.mismatch import NESTING_LIMIT, Mismatch, TooDeep
from kinfolk.wire.references import References

__all__ = ["Context", "Keys", "Late", "Node", "Nodes", "Part", "encode"]

Part = tuple[str, "Node", Data]
"""The step to a part of a value, the type declared for it, and the part."""

encode: Final = Encoder().encode


class Keys(IntEnum):
    """Whether what a type is lowered to can be a key of a MessagePack map."""

    NEVER = 0
    USUALLY = 1  # all but rare values, such as integers beyond 64 bits
    ALWAYS = 2


class Context(msgspec.Struct, eq=False, gc=False):  # made for each value, by C
    """What is the same for all parts of one value on its way.

    `careful` says that the encoder has already refused the value lowered without looking at the
    range of every integer and the letters of every text. It costs time, so it is not done at first.
    `nesting` is how deep the value may be nested, and `depth` how deep its part is.
    """

    references: References
    careful: bool = False
    nesting: int = NESTING_LIMIT
    depth: int = 0

    def descend(self) -> None:
        """Go one level deeper; the caller comes back up by itself.

        Raises:
            TooDeep: The value is nested deeper than the limit.
        """
        self.depth += 1
        if self.depth > self.nesting:
            raise TooDeep(self.nesting)


class Node:
    """A declared type. A subclass says what is special about it.

    `wire` is the type that msgspec decodes and checks; `lower` turns a value into what it encodes,
    and `lift` turns what it decoded into the value. The rest lets containers skip those calls and
    unions choose among their members:

    - `classes`: the classes of values; None where only `lower` can tell.
    - `arrivals`: what tells a decoded value apart, its class or its extension's code.
    - `plain`: exact classes of values that `lower` would return as they are, unless careful.
    - `still`: exact classes of decoded values that `lift` would return as they are.
    - `lifts`: whether `lift` ever does anything.
    - `gathers`: whether the items of any iterable are a value, and travel as a list.
    """

    wire: Any
    classes: frozenset[type] | None = None
    arrivals: frozenset[type | int] = frozenset()
    plain: frozenset[type] = frozenset()
    still: frozenset[type] = frozenset()
    lifts: bool = True
    keys: Keys = Keys.NEVER
    late: bool = False
    gathers: bool = False

    def __init__(self, text: str) -> None:
        self.text = text

    def lower(self, value: Any, context: Context) -> Any:
        """Return what stands for a value in a message.

        Raises:
            Mismatch: It is no value of this type.
        """
        raise NotImplementedError

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the value for which something decoded stands: itself, if nothing else is said.

        Raises:
            Mismatch: It stands for none.
        """
        _ = context
        return wire

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the parts of a value that did not decode; nothing if there are none to blame."""
        _ = data
        return iter(())

    def accepts(self, cls: type) -> bool:
        """Return whether values of a class may belong to this type."""
        return self.classes is None or issubclass(cls, tuple(self.classes))

    def claims(self, data: Data) -> bool:
        """Return whether data has the outward form of this type."""
        kind = kind_of(data)
        kinds = kinds_of(self.arrivals)
        return kind in kinds or (kind == "map" and "object" in kinds)

    @cached_property
    def _decoder(self) -> Decoder[Any]:
        return Decoder(self.wire)

    def decode(self, data: Data) -> Any:
        """Decode a whole message, or a part that is a message of its own, to the wire type.

        Raises:
            Mismatch: It does not fit.
        """
        try:
            return self._decoder.decode(data)
        except RecursionError:
            raise TooDeep from None
        except UNREADABLE as error:
            pass_on_what_handlers_raise(error)
            raise self.explain(data, error) from None

    def read(self, data: Data, context: Context) -> Any:
        """Decode and lift.

        Raises:
            Mismatch: It does not fit.
        """
        wire = self.decode(data)
        return wire if type(wire) in self.still else self.lift(wire, context)

    def explain(self, data: Data, error: Exception) -> Mismatch:
        """Find the innermost place for which the decoder refused data."""
        if not isinstance(error, msgspec.ValidationError):
            return Mismatch("is not valid MessagePack")
        for step, node, part in self.parts(data):
            refusal = node.refusal(part)
            if refusal is not None:
                return node.explain(part, refusal).within(step)
        return Mismatch.wrong(self.text, self.found(data))

    def refusal(self, data: Data) -> Exception | None:
        """Return what the decoder has against data."""
        try:
            self._decoder.decode(data)
        except UNREADABLE as error:
            return error
        return None

    def found(self, data: Data) -> str:
        """Name what stands in data in place of a value of this type."""
        return name_of(data)


class Nodes(Protocol):
    """What a node may need to know of the compiler, when a value asks for it."""

    @property
    def known(self) -> Mapping[str, type]:
        """The classes that a value of type `Any` may be of, by name in messages."""
        ...

    def node(self, declared: Any) -> Node:
        """Return the node of a declared type; raises `CannotTravel` if there is none."""
        ...


class Late(Node):
    """A type within its own definition, compiled when a value first goes through it.

    On the wire it is nothing of its own. The decoder leaves it as it is, and `lift` decodes it, so
    that each level of a recursive value is one call that counts.
    """

    late = True
    wire = msgspec.Raw

    def __init__(self, text: str, resolve: Callable[[], Node]) -> None:
        super().__init__(text)
        self._resolve = resolve

    @cached_property
    def node(self) -> Node:
        """The type itself."""
        return self._resolve()

    def lower(self, value: Any, context: Context) -> Any:
        """Lower it as the type itself, one level deeper."""
        context.descend()
        try:
            return self.node.lower(value, context)
        finally:
            context.depth -= 1

    def lift(self, wire: Any, context: Context) -> Any:
        """Decode and lift it as the type itself, one level deeper."""
        context.descend()
        try:
            return self.node.read(wire, context)
        finally:
            context.depth -= 1
