"""Values of type `Any`: each says of itself what it is.

None, truth values, numbers, texts, bytes, lists, and dicts with such keys stand for themselves.
Anything else is an extension: of those that its class has everywhere, or one of these, which hold
MessagePack of their own.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, Final, get_origin

import msgspec
from msgspec.msgpack import Decoder, Ext

from kinfolk.declare import shared_mark
from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.codec.containers import List, Slice, VarTuple
from kinfolk.wire.codec.extensions import EXTENSIONS, Extension, extension_of
from kinfolk.wire.codec.forms import UNREADABLE
from kinfolk.wire.codec.maps import Dict
from kinfolk.wire.codec.mismatch import CannotTravel, Mismatch, TooDeep
from kinfolk.wire.codec.node import Context, Keys, Node, Nodes, encode
from kinfolk.wire.codec.records import qualified
from kinfolk.wire.codec.references import Shared
from kinfolk.wire.codec.scalars import Leaf
from kinfolk.wire.codec.text import class_name
from kinfolk.wire.references import ByHand, Reference
from kinfolk.wire.shared import shared_type

__all__ = ["Anything"]

_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})

# Codes of extensions, beside those that a class has everywhere.
_TUPLE: Final = 32
_PAIRS: Final = 35
_KNOWN: Final = 48
_EXCEPTION: Final = 49
_EXCEPTION_CLASS: Final = 50
_SHARED: Final = 51
_BY_HAND: Final = 52
_CONTAINERS: Final[Mapping[int, Any]] = {
    _TUPLE: tuple[Any, ...],
    33: set[Any],
    34: frozenset[Any],
    36: deque[Any],
    37: defaultdict[Any, Any],
    38: Counter[Any],
    39: OrderedDict[Any, Any],
}

_tuple: Final = Decoder(tuple[Any, ...])
_pairs: Final = Decoder(list[tuple[Any, Any]])
_known: Final = Decoder(tuple[str, msgspec.Raw])
_reference: Final = Decoder(Reference)
_by_hand: Final = Decoder(ByHand)


Lower = Callable[[Any, Context], Any]
Lift = Callable[[Ext, Context], Any]


class Anything(Node):
    """`Any` and `object`."""

    wire = Any
    plain = still = _PLAIN
    keys = Keys.USUALLY

    def __init__(self, text: str, nodes: Nodes) -> None:
        super().__init__(text)
        self._nodes = nodes
        self._leaf = Leaf(text, _PLAIN - {bytes})
        self._list = List(text, self)
        self._dict = Dict(text, self, self)
        self._tuple = VarTuple(text, self)
        self._slice = Slice(text, self)
        self._shared = Shared(text, object)
        self._lowers: dict[type, Lower] = {slice: self._slice.lower, tuple: self._lower_tuple}
        self._lifts: dict[int, Lift] = {
            _TUPLE: self._lift_tuple,
            _PAIRS: self._lift_pairs,
            _KNOWN: self._lift_known,
            _SHARED: self._lifting_shared(_reference),
            _BY_HAND: self._lifting_shared(_by_hand),
            Slice.code: self._slice.lift,
            **{extension.code: _lifting(extension) for extension in EXTENSIONS},
        }

    # --- There

    def lower(self, value: object, context: Context) -> Any:
        """Return the value itself, or the extension that says what it is."""
        cls = type(value)
        if cls in _PLAIN:
            careful = context.careful and cls is not bytes
            return self._leaf.lower(value, context) if careful else value
        context.descend()
        try:
            if cls is list:
                return self._list.lower(value, context)
            if cls is dict:
                entries = self._dict.lower(value, context)
                return Ext(_PAIRS, encode(entries)) if isinstance(entries, list) else entries
            lower = self._lowers.get(cls)
            if lower is None:
                lower = self._lowers[cls] = self._find(value)
            return lower(value, context)
        finally:
            context.depth -= 1

    def _lower_tuple(self, value: tuple[Any, ...], context: Context) -> Ext:
        if context.careful or not _PLAIN.issuperset(map(type, value)):
            value = self._tuple.lower(value, context)
        return Ext(_TUPLE, encode(value))

    def _find(self, value: object) -> Lower:
        cls = type(value)
        extension = extension_of(cls)
        if extension is not None:
            return _lowering(extension)
        for code, declared in _CONTAINERS.items():
            if cls is get_origin(declared):
                return _holding(code, self._nodes.node(declared))
        if isinstance(value, BaseException):
            return _holding(_EXCEPTION, self._nodes.node(BaseException))
        if isinstance(value, type) and issubclass(value, BaseException):
            return _holding(_EXCEPTION_CLASS, self._nodes.node(type[BaseException]))
        if shared_type(cls) is not None or any(map(shared_mark, cls.__mro__)):
            return self._lower_shared
        name = qualified(cls)
        if self._nodes.known.get(name) is cls:
            return _named(name, self._known_node(cls))
        return self._lower_unknown

    # --- And back

    def lift(self, wire: object, context: Context) -> Any:
        """Return the value itself, or what an extension says it is."""
        cls = type(wire)
        if cls in _PLAIN:
            return wire
        context.descend()
        try:
            if cls is list:
                return self._list.lift(wire, context)
            if cls is dict:
                return self._dict.lift(wire, context)
            if isinstance(wire, Ext):
                return self._lift_extension(wire, context)
        finally:
            context.depth -= 1
        # A tuple as a key, or a timestamp, which are extensions when we send them.
        raise Mismatch.wrong(self.text, f"a bare {class_name(cls)}")

    def _lift_extension(self, wire: Ext, context: Context) -> Any:
        lift = self._lifts.get(wire.code) or self._find_lift(wire.code)
        return lift(wire, context)

    def _find_lift(self, code: int) -> Lift:
        if code in _CONTAINERS:
            node = self._nodes.node(_CONTAINERS[code])
        elif code == _EXCEPTION:
            node = self._nodes.node(BaseException)
        elif code == _EXCEPTION_CLASS:
            node = self._nodes.node(type[BaseException])
        else:
            raise Mismatch.wrong(self.text, "an unknown extension")
        lift = self._lifts[code] = lambda wire, context: node.read(bytes(wire.data), context)
        return lift

    def _lift_tuple(self, wire: Ext, context: Context) -> Any:
        items = _decode(_tuple, wire)
        return items if _PLAIN.issuperset(map(type, items)) else self._tuple.lift(items, context)

    def _lift_pairs(self, wire: Ext, context: Context) -> Any:
        return self._dict.lift(_decode(_pairs, wire), context)

    def _lift_known(self, wire: Ext, context: Context) -> Any:
        name, data = _decode(_known, wire)
        cls = self._nodes.known.get(name)
        if cls is None:
            raise Mismatch(f"must be of a class that the spec knows, not {name}")
        return self._known_node(cls).read(data, context)

    def _known_node(self, cls: type) -> Node:
        try:
            return self._nodes.node(cls)
        except CannotTravel as error:
            raise Mismatch(f"must be of a class whose instances can travel; {error}") from None

    def _lower_shared(self, value: object, context: Context) -> Ext:
        reference = self._shared.lower(value, context)
        return Ext(_BY_HAND if isinstance(reference, ByHand) else _SHARED, encode(reference))

    def _lower_unknown(self, value: object, context: Context) -> Ext:
        """Return what stands for an object that may be one of those registered by hand."""
        try:
            return self._lower_shared(value, context)
        except Mismatch:
            name = class_name(type(value))
            raise Mismatch(f"must be of a class that the spec knows, not {name}") from None

    def _lifting_shared(self, decoder: Decoder[Any]) -> Lift:
        return lambda wire, context: self._shared.lift(_decode(decoder, wire), context)


def _lowering(extension: Extension) -> Lower:
    return lambda value, _: extension.lower(value)


def _lifting(extension: Extension) -> Lift:
    return lambda wire, _: extension.lift(wire)


def _holding(code: int, node: Node) -> Lower:
    return lambda value, context: Ext(code, encode(node.lower(value, context)))


def _named(name: str, node: Node) -> Lower:
    return lambda value, context: Ext(_KNOWN, encode((name, node.lower(value, context))))


def _decode(decoder: Decoder[Any], wire: Ext) -> Any:
    try:
        return decoder.decode(wire.data)
    except RecursionError:
        raise TooDeep from None
    except UNREADABLE as error:
        pass_on_what_handlers_raise(error)
        raise Mismatch("is not valid MessagePack") from None
