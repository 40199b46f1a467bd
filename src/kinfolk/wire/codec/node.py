"""One declared type, compiled: its wire type, and the way there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec.msgpack import Decoder, Encoder

from kinfolk.wire.codec.mismatch import NESTING_LIMIT, Mismatch, TooDeep
from kinfolk.wire.references import References

__all__ = [
    "Context",
    "Data",
    "Keys",
    "Late",
    "Node",
    "Part",
    "encode",
    "kind_of",
    "kinds_of",
    "split_array",
    "split_map",
]

Data = bytes | memoryview | msgspec.Raw
"""MessagePack of one value."""

Part = tuple[str, "Node", Data]
"""The step to a part of a value, the type declared for it, and the part."""

encode: Final = Encoder().encode

_arrays: Final = Decoder(list[msgspec.Raw])
_maps: Final = Decoder(dict[Any, msgspec.Raw])

# What a decoder raises when data is not what its type says, beside RecursionError.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, OverflowError)


class Keys(IntEnum):
    """Whether what a type is lowered to can be a key of a MessagePack map."""

    NEVER = 0
    USUALLY = 1  # all but rare values, such as integers beyond 64 bits
    ALWAYS = 2


class Context:
    """What is the same for all parts of one value on its way.

    `careful` says that the encoder has already refused the value lowered without looking at the
    range of every integer and the letters of every text. It costs time, so it is not done at first.
    """

    __slots__ = ("careful", "depth", "references")

    def __init__(self, references: References, careful: bool = False) -> None:
        self.references = references
        self.careful = careful
        self.depth = 0

    def descend(self) -> None:
        """Go one level deeper; the caller comes back up by itself.

        Raises:
            TooDeep: The value is nested deeper than the limit.
        """
        self.depth += 1
        if self.depth > NESTING_LIMIT:
            raise TooDeep


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
    """

    wire: Any
    classes: frozenset[type] | None = None
    arrivals: frozenset[type | int] = frozenset()
    plain: frozenset[type] = frozenset()
    still: frozenset[type] = frozenset()
    lifts: bool = True
    keys: Keys = Keys.NEVER
    late: bool = False

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
        return kind in kinds_of(self) or (kind == "map" and "object" in kinds_of(self))

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
        return _FOUND.get(kind_of(data), "an extension")


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


# --- The outward form of MessagePack


_FOUND: Final = {
    "nil": "None",
    "bool": "bool",
    "int": "int",
    "float": "float",
    "text": "str",
    "bin": "bytes",
    "array": "list",
    "map": "dict",
    "reserved": "nothing",
}

_HEADS: Final = {
    0xC0: "nil",
    0xC1: "reserved",
    0xC2: "bool",
    0xC3: "bool",
    **dict.fromkeys((0xC4, 0xC5, 0xC6), "bin"),
    **dict.fromkeys((*range(0xC7, 0xCA), *range(0xD4, 0xD9)), "extension"),
    **dict.fromkeys((0xCA, 0xCB), "float"),
    **dict.fromkeys(range(0xCC, 0xD4), "int"),
    **dict.fromkeys((*range(0xA0, 0xC0), *range(0xD9, 0xDC)), "text"),
    **dict.fromkeys((*range(0x90, 0xA0), 0xDC, 0xDD), "array"),
    **dict.fromkeys((*range(0x80, 0x90), 0xDE, 0xDF), "map"),
}


def kind_of(data: Data) -> str:
    """Return the kind of value that data holds, from its first bytes."""
    view = memoryview(data)
    kind = _HEADS.get(view[0], "int")
    if kind != "extension":
        return kind
    # Its code stands behind its length, which takes no, one, two or four bytes.
    code = view[{0xC7: 2, 0xC8: 3, 0xC9: 5}.get(view[0], 1)]
    return f"extension {code}"


_KINDS: Final[dict[type, str]] = {
    type(None): "nil",
    bool: "bool",
    int: "int",
    float: "float",
    list: "array",
    tuple: "array",
    dict: "map",
}


def kinds_of(node: Node) -> set[str]:
    """Return the forms that a type has on the wire; msgspec needs those of a union to differ."""
    kinds: set[str] = set()
    for arrival in node.arrivals:
        if isinstance(arrival, int):
            kinds.add(f"extension {arrival}")
        elif issubclass(arrival, msgspec.Struct):
            config = arrival.__struct_config__
            if config.array_like:
                kinds |= {"array", "struct"}
            else:
                kinds |= {"map", "struct"} if config.tag is None else {"object"}
        else:
            # Whatever has no kind of its own stands in MessagePack as text.
            kinds.add(_KINDS.get(arrival, "text"))
    return kinds


def split_array(data: Data) -> list[msgspec.Raw]:
    """Return the items of an array; none if it is something else."""
    try:
        return _arrays.decode(data)
    except UNREADABLE:
        return []


def split_map(data: Data) -> dict[Any, msgspec.Raw]:
    """Return the entries of a map; none if it is something else."""
    try:
        return _maps.decode(data)
    except UNREADABLE:
        return {}
