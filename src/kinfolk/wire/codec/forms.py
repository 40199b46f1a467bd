"""The outward form of MessagePack: what one can see before any type is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Union, cast

import msgspec
from msgspec.msgpack import Decoder

__all__ = [
    "UNREADABLE",
    "Data",
    "glance",
    "kind_of",
    "kinds_of",
    "name_of",
    "split_array",
    "split_map",
    "union_of",
]

Data = bytes | memoryview | msgspec.Raw
"""MessagePack of one value."""

# What a decoder raises when data is not what its type says, beside RecursionError.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, OverflowError)

_arrays: Final = Decoder(list[msgspec.Raw])
_maps: Final = Decoder(dict[Any, msgspec.Raw])

_NAMES: Final = {
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


def name_of(data: Data) -> str:
    """Name what data holds, for people."""
    return _NAMES.get(kind_of(data), "an extension")


_KINDS: Final[dict[object, str]] = {
    type(None): "nil",
    bool: "bool",
    int: "int",
    float: "float",
    list: "array",
    tuple: "array",
    dict: "map",
}


def kinds_of(arrivals: Iterable[type | int]) -> set[str]:
    """Return the kinds of data that decode to some classes, or to extensions with some codes.

    msgspec needs those of the members of a union to differ.
    """
    kinds: set[str] = set()
    for arrival in arrivals:
        if isinstance(arrival, int):
            kinds.add(f"extension {arrival}")
        elif issubclass(arrival, msgspec.Struct):
            kinds |= _kinds_of_struct(arrival)
        else:
            # Whatever has no kind of its own stands in MessagePack as text.
            kinds.add(_KINDS.get(cast("object", arrival), "text"))
    return kinds


def _kinds_of_struct(struct: type[msgspec.Struct]) -> set[str]:
    if struct.__struct_config__.array_like:
        return {"array", "struct"}
    return {"map", "struct"} if struct.__struct_config__.tag is None else {"object"}


def glance(data: Data) -> Any:
    """Return a text or a number; None if data holds something else, or nothing readable."""
    try:
        return msgspec.msgpack.decode(data) if kind_of(data) in {"text", "int"} else None
    except UNREADABLE:
        return None


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


def union_of(wires: Iterable[Any]) -> Any:
    """Return the union of wire types."""
    return Union[tuple(wires)]  # noqa: UP007 - `|` needs to know how many
