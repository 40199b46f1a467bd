"""Unions: a value of one of several types.

Where msgspec can tell the members apart by their form, a member stands in the message as it is.
Otherwise each stands in an array behind its position in the union.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec.msgpack import Ext

from kinfolk.wire.codec.forms import Data, glance, kinds_of, split_array, union_of
from kinfolk.wire.codec.mismatch import Mismatch, TooDeep
from kinfolk.wire.codec.node import Context, Node, Part
from kinfolk.wire.codec.references import Shared
from kinfolk.wire.codec.scalars import Leaf

__all__ = ["unite"]


def unite(text: str, nodes: Sequence[Node]) -> Node:
    """Return the node of a union of members that are compiled."""
    members = _fold(text, list(dict.fromkeys(nodes)))
    for member in members:
        if member.wire is Any:
            # All else is a value of it too; but of a shared object it does not know the type.
            shared = [each for each in members if isinstance(each, Shared)]
            return Tagged(text, [*shared, member]) if shared else member
    if len(members) == 1:
        return members[0]
    return Tagged(text, members) if _clash(members) else Direct(text, members)


def _fold(text: str, nodes: list[Node]) -> list[Node]:
    """Make one leaf of all leaves; bytes stay alone, which msgspec cannot tell from text."""
    leaves = [node for node in nodes if isinstance(node, Leaf)]
    classes = frozenset[type]().union(*(leaf.plain for leaf in leaves))
    if str in classes:
        leaves = [leaf for leaf in leaves if bytes not in leaf.plain]
        classes = classes - {bytes}
    if len(leaves) < 2:
        return nodes
    rest = [node for node in nodes if node not in leaves]
    return [Leaf(text, classes), *rest]


def _clash(nodes: Sequence[Node]) -> bool:
    """Return whether two members of a union would have the same form."""
    seen: set[str] = set()
    tags: set[object] = set()
    objects = False
    for node in nodes:
        kinds = kinds_of(node.arrivals)
        if "object" in kinds:
            own = {
                arrival.__struct_config__.tag
                for arrival in node.arrivals
                if isinstance(arrival, type) and issubclass(arrival, msgspec.Struct)
            }
            if tags & own:
                return True
            tags |= own
            objects = True
            kinds.discard("object")
        if seen & kinds:
            return True
        seen |= kinds
    return objects and bool(seen & {"map", "struct"})


class _Union(Node):
    """What both forms share: finding the member to which a value belongs."""

    def __init__(self, text: str, nodes: Sequence[Node]) -> None:
        super().__init__(text)
        self.nodes = tuple(nodes)
        if all(node.classes is not None for node in nodes):
            self.classes = frozenset[type]().union(*(node.classes or () for node in nodes))
        self._positions: dict[type, tuple[int, ...]] = {}
        self.gathers = any(node.gathers for node in nodes)

    def accepts(self, cls: type) -> bool:
        """See `Node.accepts`."""
        return super().accepts(cls) or (self.gathers and issubclass(cls, Iterable))

    def _candidates(self, cls: type) -> tuple[int, ...]:
        """Return the positions of the members that a value of a class may belong to."""
        found = self._positions.get(cls)
        if found is None:
            accepting = [index for index, node in enumerate(self.nodes) if node.accepts(cls)]
            # First those that name the very class, and last those that take anything with items.
            accepting.sort(key=lambda index: self._rank(self.nodes[index], cls))
            found = tuple(accepting)
            if len(self._positions) < _REMEMBERED:
                self._positions[cls] = found
        return found

    def _rank(self, node: Node, cls: type) -> tuple[bool, bool]:
        return cls not in (node.classes or ()), node.gathers

    def _lower(self, value: object, context: Context) -> tuple[int, Any]:
        candidates = self._candidates(type(value))
        if len(candidates) == 1:
            try:
                return candidates[0], self.nodes[candidates[0]].lower(value, context)
            except Mismatch as mismatch:
                raise mismatch.instead(self.text) from mismatch.__cause__
        for position in candidates:
            try:
                return position, self.nodes[position].lower(value, context)
            except TooDeep:
                raise
            except Mismatch:
                continue
        if self.gathers and not candidates:
            return self._gathered(value, context)
        raise Mismatch.of(self.text, value)

    def _gathered(self, value: object, context: Context) -> tuple[int, Any]:
        # An iterator could be asked for its items only once, and they may be needed again.
        if not issubclass(type(value), Iterable) or issubclass(type(value), Iterator):
            raise Mismatch.of(self.text, value)
        return self._lower(list(cast("Iterable[object]", value)), context)


_REMEMBERED: Final = 256


class Direct(_Union):
    """A union whose members differ in form."""

    def __init__(self, text: str, nodes: Sequence[Node]) -> None:
        super().__init__(text, nodes)
        self.wire = union_of(node.wire for node in nodes)
        self.arrivals = frozenset[type | int]().union(*(node.arrivals for node in nodes))
        self.plain = frozenset[type]().union(*(node.plain for node in nodes))
        self.still = frozenset[type]().union(*(node.still for node in nodes))
        self.lifts = any(node.lifts for node in nodes)
        self.keys = min(node.keys for node in nodes)
        self._by_arrival = {arrival: node for node in nodes for arrival in node.arrivals}

    def lower(self, value: Any, context: Context) -> Any:
        """Lower it as the member it belongs to."""
        return self._lower(value, context)[1]

    def lift(self, wire: object, context: Context) -> Any:
        """Lift it as the member that its form tells."""
        if type(wire) in self.still:
            return wire
        node = self._by_arrival.get(wire.code if isinstance(wire, Ext) else type(wire))
        if node is None:
            raise Mismatch.wrong(self.text, "an extension")
        try:
            return node.lift(wire, context)
        except Mismatch as mismatch:
            raise mismatch.instead(self.text) from mismatch.__cause__

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the parts of the one member that has the form of the data."""
        claiming = [node for node in self.nodes if node.claims(data)]
        return claiming[0].parts(data) if len(claiming) == 1 else iter(())


class Tagged(_Union):
    """A union with members of the same form, told apart by position."""

    def __init__(self, text: str, nodes: Sequence[Node]) -> None:
        super().__init__(text, nodes)
        self._members = [
            msgspec.defstruct(
                "Member",
                [("value", node.wire)],
                array_like=True,
                forbid_unknown_fields=True,
                gc=False,
                tag=position,
            )
            for position, node in enumerate(nodes)
        ]
        self.wire = union_of(self._members)
        self.arrivals = frozenset(self._members)
        self._by_member = dict(zip(self._members, self.nodes, strict=True))

    def lower(self, value: Any, context: Context) -> Any:
        """Return the position of the member it belongs to, and it lowered as that."""
        position, lowered = self._lower(value, context)
        return position, lowered

    def lift(self, wire: Any, context: Context) -> Any:
        """Lift it as the member at its position."""
        node = self._by_member[type(wire)]
        try:
            return node.lift(wire.value, context)
        except Mismatch as mismatch:
            raise mismatch.instead(self.text) from mismatch.__cause__

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the value as the member at its position."""
        items = split_array(data)
        if len(items) == 2:
            position = glance(items[0])
            if isinstance(position, int) and 0 <= position < len(self.nodes):
                yield "", self.nodes[position], items[1]
