"""Containers: what stands for them is a list or a map of what stands for their items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import GenericAlias
from typing import Any, Final

from msgspec.msgpack import Ext

from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.codec.forms import Data, kind_of, split_array
from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Keys, Node, Part, encode

__all__ = ["Deque", "List", "Row", "Set", "Slice", "Tuple", "VarTuple", "lift_items", "lower_items"]


Step = Callable[[int, Iterable[Any]], str]
"""Makes the step of a path to the item at a position, and with a certain key."""


_NONE: Final = frozenset[type]()


def _place(index: int, keys: Iterable[Any]) -> str:  # noqa: ARG001 - a list has none
    return f"[{index}]"


def _element(index: int, keys: Iterable[Any]) -> str:  # noqa: ARG001 - nor has a set
    return "{...}"


def lower_items(
    values: Collection[Any],
    item: Node,
    context: Context,
    step: Step = _place,
    keys: Iterable[Any] = (),
) -> Collection[Any]:
    """Lower the items of a container; return the container itself if they all stay as they are."""
    plain = _NONE if context.careful else item.plain
    if plain and plain.issuperset(map(type, values)):
        return values
    lower = item.lower
    lowered: list[Any] = []
    try:
        for value in values:
            # No comprehension: the length of the list is the place where it went wrong.
            lowered.append(value if type(value) in plain else lower(value, context))  # noqa: PERF401
    except Mismatch as mismatch:
        mismatch.within(step(len(lowered), keys))
        raise
    return lowered


def lift_items(
    wires: Collection[Any],
    item: Node,
    context: Context,
    step: Step = _place,
    keys: Iterable[Any] = (),
) -> Collection[Any]:
    """Lift the items of a decoded container; return it itself if they all stay as they are."""
    still = item.still
    if not item.lifts or (still and still.issuperset(map(type, wires))):
        return wires
    lift = item.lift
    lifted: list[Any] = []
    try:
        for wire in wires:
            lifted.append(wire if type(wire) in still else lift(wire, context))  # noqa: PERF401
    except Mismatch as mismatch:
        mismatch.within(step(len(lifted), keys))
        raise
    return lifted


class List(Node):
    """`list`."""

    classes = frozenset({list})
    arrivals = frozenset({list})

    def __init__(self, text: str, item: Node) -> None:
        super().__init__(text)
        self.item = item
        self.wire = GenericAlias(list, (item.wire,))
        self.lifts = item.lifts
        self.still = frozenset() if item.lifts else frozenset({list})

    def lower(self, value: Any, context: Context) -> Any:
        """Lower the items."""
        if not issubclass(type(value), list):
            raise Mismatch.of(self.text, value)
        return lower_items(value, self.item, context)

    def lift(self, wire: Any, context: Context) -> Any:
        """Lift the items."""
        return lift_items(wire, self.item, context)

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the items."""
        for index, part in enumerate(split_array(data)):
            yield f"[{index}]", self.item, part


class VarTuple(Node):
    """`tuple` of one type and any length."""

    classes = frozenset({tuple})
    arrivals = frozenset({tuple})

    def __init__(self, text: str, item: Node) -> None:
        super().__init__(text)
        self.item = item
        self.wire = GenericAlias(tuple, (item.wire, ...))
        self.lifts = item.lifts
        self.still = frozenset() if item.lifts else frozenset({tuple})
        self.keys = item.keys

    def lower(self, value: Any, context: Context) -> Any:
        """Lower the items."""
        if not issubclass(type(value), tuple):
            raise Mismatch.of(self.text, value)
        # A tuple again, which unlike a list can be a key.
        return tuple(lower_items(value, self.item, context))

    def lift(self, wire: Any, context: Context) -> Any:
        """Lift the items."""
        return tuple(lift_items(wire, self.item, context))

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the items."""
        for index, part in enumerate(split_array(data)):
            yield f"[{index}]", self.item, part


class Set(Node):
    """`set` and `frozenset`. An array on the wire, since extensions cannot be in a decoded set."""

    arrivals = frozenset({list})

    def __init__(self, text: str, cls: type[set[Any] | frozenset[Any]], item: Node) -> None:
        super().__init__(text)
        self.classes = frozenset({cls})
        self.item = item
        self.wire = GenericAlias(list, (item.wire,))
        self._cls = cls

    def lower(self, value: Any, context: Context) -> Any:
        """Lower the elements."""
        if not issubclass(type(value), self._cls):
            raise Mismatch.of(self.text, value)
        return lower_items(value, self.item, context, _element)

    def lift(self, wire: Any, context: Context) -> Any:
        """Lift the elements."""
        elements = lift_items(wire, self.item, context, _element)
        try:
            return self._cls(elements)
        except TypeError as error:
            pass_on_what_handlers_raise(error)
            raise Mismatch(f"must have elements that can be in a {self._cls.__name__}") from None

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the elements."""
        for part in split_array(data):
            yield _element(0, ()), self.item, part


class Deque(Node):
    """`deque`, with its greatest length."""

    classes = frozenset({deque})
    arrivals = frozenset({tuple})

    def __init__(self, text: str, item: Node) -> None:
        super().__init__(text)
        self.item = item
        self.wire = GenericAlias(tuple, (int | None, GenericAlias(list, (item.wire,))))

    def lower(self, value: Any, context: Context) -> Any:
        """Return its greatest length and the lowered items."""
        if not issubclass(type(value), deque):
            raise Mismatch.of(self.text, value)
        return value.maxlen, list(lower_items(value, self.item, context))

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the deque."""
        maxlen, items = wire
        items = lift_items(items, self.item, context)
        try:
            return deque(items, maxlen)
        except (ValueError, OverflowError) as error:
            pass_on_what_handlers_raise(error)
            raise Mismatch("must have a maxlen that is no negative number") from None

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the items."""
        for items in split_array(data)[1:]:
            for index, part in enumerate(split_array(items)):
                yield f"[{index}]", self.item, part


# --- Several types side by side


class Row:
    """Values of several types in a fixed order: fields, or the items of a tuple."""

    def __init__(self, nodes: Sequence[Node], steps: Sequence[str]) -> None:
        self.nodes = tuple(nodes)
        self._steps = tuple(steps)
        self._plains = tuple(node.plain for node in nodes)
        self._none: tuple[frozenset[type], ...] = (frozenset(),) * len(self._plains)
        self._lifting = [(index, node) for index, node in enumerate(nodes) if node.lifts]
        self.lifts = bool(self._lifting)

    def lower(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        """Lower each value."""
        plains = self._none if context.careful else self._plains
        for value, plain in zip(values, plains):  # noqa: B905 - being strict costs time
            if type(value) not in plain:
                break
        else:
            return values
        lowered: list[Any] = []
        try:
            for value, node in zip(values, self.nodes, strict=True):
                lowered.append(node.lower(value, context))
        except Mismatch as mismatch:
            mismatch.within(self._steps[len(lowered)])
            raise
        return lowered

    def lift(self, wires: Sequence[Any], context: Context) -> Sequence[Any]:
        """Lift each value."""
        lifted: list[Any] | None = None
        for index, node in self._lifting:
            wire = wires[index]
            if type(wire) in node.still:
                continue
            if lifted is None:
                lifted = list(wires)
            try:
                lifted[index] = node.lift(wire, context)
            except Mismatch as mismatch:
                mismatch.within(self._steps[index])
                raise
        return wires if lifted is None else lifted

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the items of an array of the right length."""
        items = split_array(data)
        if len(items) == len(self.nodes):
            yield from zip(self._steps, self.nodes, items, strict=True)


class Tuple(Node):
    """`tuple` of a fixed length."""

    classes = frozenset({tuple})
    arrivals = frozenset({tuple})

    def __init__(self, text: str, items: Sequence[Node]) -> None:
        super().__init__(text)
        self._row = Row(items, [f"[{index}]" for index in range(len(items))])
        self.wire = GenericAlias(tuple, tuple(item.wire for item in items))
        self.lifts = self._row.lifts
        self.still = frozenset() if self.lifts else frozenset({tuple})
        self.keys = min((item.keys for item in items), default=Keys.ALWAYS)

    def lower(self, value: Any, context: Context) -> Any:
        """Lower the items."""
        if not issubclass(type(value), tuple):
            raise Mismatch.of(self.text, value)
        values: tuple[Any, ...] = value
        if len(values) != len(self._row.nodes):
            raise Mismatch.wrong(self.text, _count(len(values)))
        return tuple(self._row.lower(values, context))

    def lift(self, wire: Any, context: Context) -> Any:
        """Lift the items."""
        return tuple(self._row.lift(wire, context))

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the items."""
        return self._row.parts(data)

    def found(self, data: Data) -> str:
        """Say how many items there are, where that is what is wrong."""
        return _count(len(split_array(data))) if kind_of(data) == "array" else super().found(data)


def _count(number: int) -> str:
    return "one of 1 item" if number == 1 else f"one of {number} items"


class Slice(Node):
    """`slice`, whose parts may be anything: an extension that holds an array of three."""

    code = 18
    wire = Ext
    classes = frozenset({slice})
    arrivals = frozenset({code})

    def __init__(self, text: str, anything: Node) -> None:
        super().__init__(text)
        self._row = Tuple(text, [anything] * 3)

    def lower(self, value: Any, context: Context) -> Any:
        """Return the extension."""
        if type(value) is not slice:
            raise Mismatch.of(self.text, value)
        bounds = (value.start, value.stop, value.step)
        return Ext(self.code, encode(self._row.lower(bounds, context)))

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the slice."""
        if wire.code != self.code:
            raise Mismatch.wrong(self.text, "an extension")
        return slice(*self._row.read(bytes(wire.data), context))
