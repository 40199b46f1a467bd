"""How the classes that come with Python are compiled, and their abstract bases."""

from __future__ import annotations

import collections
import collections.abc as abc
import datetime as dt
import uuid
from collections.abc import Callable
from types import GenericAlias, NoneType, TracebackType
from typing import Any, Final, get_origin

import typing_extensions

from kinfolk.wire.codec.containers import Deque, List, Set, Slice, Tuple, VarTuple
from kinfolk.wire.codec.extensions import extended
from kinfolk.wire.codec.maps import Default, Dict
from kinfolk.wire.codec.mismatch import CannotTravel
from kinfolk.wire.codec.node import Node, Nodes
from kinfolk.wire.codec.scalars import Native, Nothing, leaf
from kinfolk.wire.codec.unions import unite

__all__ = ["BUILDERS"]

Build = Callable[[Nodes, str, tuple[Any, ...]], Node]


def _leaf(cls: type) -> Build:
    return lambda nodes, text, arguments: leaf(cls, text)  # noqa: ARG005


def _native(cls: type) -> Build:
    return lambda nodes, text, arguments: Native(text, cls)  # noqa: ARG005


def _item(nodes: Nodes, arguments: tuple[Any, ...], position: int = 0) -> Node:
    return nodes.node(arguments[position] if position < len(arguments) else Any)


def _tuple(nodes: Nodes, text: str, arguments: tuple[Any, ...]) -> Node:
    if text == "tuple":
        arguments = (Any, ...)
    if any(get_origin(each) is typing_extensions.Unpack or _unpacked(each) for each in arguments):
        raise CannotTravel(f"`{text}` cannot travel: its length is open; write `tuple[X, ...]`")
    if arguments[1:] == (...,):
        return VarTuple(text, nodes.node(arguments[0]))
    return Tuple(text, [nodes.node(each) for each in arguments])


def _unpacked(declared: Any) -> bool:
    # `*tuple[int, ...]`, which Python keeps apart from Unpack[tuple[int, ...]].
    return bool(getattr(declared, "__unpacked__", False))


def _set(cls: Any) -> Build:
    return lambda nodes, text, arguments: Set(text, cls, _item(nodes, arguments))


def _dict(cls: type[dict[Any, Any]]) -> Build:
    return lambda nodes, text, arguments: Dict(
        text, _item(nodes, arguments), _item(nodes, arguments, 1), cls
    )


def _counter(nodes: Nodes, text: str, arguments: tuple[Any, ...]) -> Node:
    return Dict(text, _item(nodes, arguments), nodes.node(int), collections.Counter)


def _default(nodes: Nodes, text: str, arguments: tuple[Any, ...]) -> Node:
    return Default(text, Dict(text, _item(nodes, arguments), _item(nodes, arguments, 1)))


def _complex(nodes: Nodes, text: str, arguments: tuple[Any, ...]) -> Node:  # noqa: ARG001
    own = extended(text, complex)
    assert own is not None
    return unite(text, [leaf(float, text), own])


def _buffer(nodes: Nodes, text: str, arguments: tuple[Any, ...]) -> Node:  # noqa: ARG001
    return unite(text, [nodes.node(cls) for cls in (bytes, bytearray, memoryview)])


def _either(*classes: Any, ranges: bool = False, gathers: bool = False) -> Build:
    """Build an abstract collection, of which any of several classes may be a value.

    Args:
        classes: Which.
        ranges: Whether a range may be one, if the items are numbers.
        gathers: See `Node`.
    """

    def build(nodes: Nodes, text: str, arguments: tuple[Any, ...]) -> Node:
        item = arguments[0] if arguments else Any
        members: list[Any] = [
            GenericAlias(cls, (item, ...) if cls is tuple else (item,)) for cls in classes
        ]
        if ranges and item in _OF_RANGES:
            members.append(range)
        found = unite(text, [nodes.node(member) for member in members])
        found.gathers = gathers
        return found

    return build


_OF_RANGES: Final = (int, float, complex, Any, object)
_deque = collections.deque

BUILDERS: Final[dict[Any, Build]] = {
    **{cls: _leaf(cls) for cls in (NoneType, bool, int, float, str, bytes)},
    **{cls: _native(cls) for cls in (bytearray, dt.timedelta, uuid.UUID)},
    complex: _complex,
    typing_extensions.Buffer: _buffer,
    slice: lambda nodes, text, arguments: Slice(text, nodes.node(Any)),  # noqa: ARG005
    TracebackType: lambda nodes, text, arguments: Nothing(text, [TracebackType]),  # noqa: ARG005
    list: lambda nodes, text, arguments: List(text, _item(nodes, arguments)),
    tuple: _tuple,
    set: _set(set),
    frozenset: _set(frozenset),
    _deque: lambda nodes, text, arguments: Deque(text, _item(nodes, arguments)),
    dict: _dict(dict),
    collections.OrderedDict: _dict(collections.OrderedDict),
    collections.Counter: _counter,
    collections.defaultdict: _default,
    abc.Mapping: _dict(dict),
    abc.MutableMapping: _dict(dict),
    abc.Set: _either(set, frozenset),
    abc.MutableSet: _set(set),
    abc.Sequence: _either(list, tuple, _deque, ranges=True),
    abc.MutableSequence: _either(list, _deque),
    **{
        cls: _either(list, tuple, _deque, set, frozenset, ranges=True)
        for cls in (abc.Collection, abc.Container, abc.Reversible)
    },
    abc.Iterable: _either(list, tuple, _deque, set, frozenset, ranges=True, gathers=True),
}
