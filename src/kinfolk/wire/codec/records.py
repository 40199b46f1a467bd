"""Classes with fields: mirrored by a hidden struct, and rebuilt by their own constructors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from types import GenericAlias
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from kinfolk.signals import surely_raised_by_handler
from kinfolk.wire.codec.containers import Row
from kinfolk.wire.codec.fields import Field
from kinfolk.wire.codec.forms import Data, glance, split_map, union_of
from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Keys, Node, Part
from kinfolk.wire.codec.text import class_name

__all__ = ["Entries", "Named", "Object", "Record", "qualified"]

TAG: Final = "$"
"""The key under which an object's class stands in its map; no field can have that name."""


def qualified(cls: type) -> str:
    """Return the name of a class in messages."""
    return f"{cls.__module__}.{cls.__qualname__}"


class Record:
    """One class with fields: its mirror, and the way there and back.

    All fields are sent. One with a default may be missing on arrival, since the class may have
    gained it after the peer's spec was generated; then the default applies.
    """

    def __init__(self, cls: type, fields: Sequence[Field], nodes: Sequence[Node]) -> None:
        self.cls = cls
        self.tag = qualified(cls)
        # msgspec decodes a tag that is not ASCII only once its UTF-8 is cached in the string.
        msgspec.msgpack.encode(self.tag)
        # As msgspec wants them: those that may be missing come last.
        pairs = sorted(zip(fields, nodes, strict=True), key=lambda pair: not pair[0].required)
        self._fields = tuple(field for field, _ in pairs)
        self._names = tuple(field.name for field in self._fields)
        self._row = _row(self._names, [node for _, node in pairs])
        self._lower = self._row.lower
        self._get = _getter(self._names)
        self._make = _maker(cls, self._fields)
        required = sum(field.required for field in fields)
        self._optional = required < len(fields)
        self.mirror = mirror(cls.__name__, self._names, self._row.nodes, required, self.tag)

    def lower(self, value: Any, context: Context) -> Any:
        """Return the mirror of an instance."""
        try:
            values = self._get(value)
        except AttributeError as error:
            raise Mismatch(f"lacks a value for its field {error.name!r}") from None
        return self.mirror(*self._lower(values, context))

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the instance that a mirror stands for."""
        wires, row, make = astuple(wire), self._row, self._make
        if self._optional and msgspec.UNSET in wires:
            wires, row, make = self._without_the_missing(wires)
        values = row.lift(wires, context)
        try:
            return make(*values)
        except RecursionError:
            raise
        except Exception as error:
            if surely_raised_by_handler(error):
                raise
            raise Mismatch(f"is not a valid {class_name(self.cls)}: {reason(error)}") from error

    def _without_the_missing(
        self, wires: Sequence[Any]
    ) -> tuple[tuple[Any, ...], Row, Callable[..., Any]]:
        """Return the values of the fields that are there, and how to lift and use just those."""
        there = [index for index, wire in enumerate(wires) if wire is not msgspec.UNSET]
        fields = [self._fields[index] for index in there]
        nodes = [self._row.nodes[index] for index in there]
        row = _row([field.name for field in fields], nodes)
        return tuple(wires[index] for index in there), row, _maker(self.cls, fields)

    def parts(self, entries: Mapping[Any, Data]) -> Iterator[Part]:
        """Yield the fields that are there."""
        for name, node in zip(self._names, self._row.nodes, strict=True):
            if name in entries:
                yield f".{name}", node, entries[name]


def mirror(name: str, names: Sequence[str], nodes: Sequence[Node], required: int, tag: str) -> Any:
    """Make the struct that msgspec encodes and decodes in place of a class.

    Args:
        name: The name of the struct.
        names: The fields.
        nodes: Their types.
        required: How many of them, from the first, must be there.
        tag: What says that it is this class.
    """
    numbered = [f"f{index}" for index in range(len(names))]
    # msgspec never looks at a default, so that what is missing costs the others nothing.
    members: list[Any] = [
        (number, node.wire) if index < required else (number, node.wire, msgspec.UNSET)
        for index, (number, node) in enumerate(zip(numbered, nodes, strict=True))
    ]
    return msgspec.defstruct(
        name,
        members,
        rename=dict(zip(numbered, names, strict=True)),
        tag_field=TAG,
        tag=tag,
        forbid_unknown_fields=True,
        gc=False,
    )


def _row(names: Iterable[str], nodes: Sequence[Node]) -> Row:
    return Row(nodes, [f".{name}" for name in names])


def member(name: str, node: Node, *, required: bool) -> Any:
    """Return the definition of a struct's field, which if not required may be left out."""
    if required:
        return name, node.wire
    return name, union_of([node.wire, msgspec.UnsetType]), msgspec.UNSET


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    if names:
        get = attrgetter(*names)
        return lambda value: (get(value),)
    return lambda value: ()  # noqa: ARG005 - there is nothing to get


def _maker(cls: type, fields: Sequence[Field]) -> Callable[..., Any]:
    """Return a function that makes an instance from the values of all fields, in their order."""
    own = _order(cls)
    by_parameter = [field.parameter.name for field in fields if field.parameter is not None]
    if len(by_parameter) == len(fields) and by_parameter == own[: len(fields)]:
        return cls
    return _Maker(cls, fields, own)


def _order(cls: Any) -> list[str]:
    """Return the parameters of a constructor that are given by position, in their order."""
    by_position = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [p.name for p in parameters if p.kind in by_position]


class _Maker:
    """Makes instances of a class whose constructor takes only some fields, or in another order.

    Fields that it does not take are set afterwards, as attrs itself would set them: past the
    class's own `__setattr__`, and then validated.
    """

    def __init__(self, cls: type, fields: Sequence[Field], own: list[str]) -> None:
        self._cls = cls
        places = {f.parameter.name: i for i, f in enumerate(fields) if f.parameter is not None}
        # By position up to the first parameter that is no field, by keyword from there.
        leading = next((n for n, name in enumerate(own) if name not in places), len(own))
        self._positional = [places[name] for name in own[:leading]]
        self._keywords = [(n, places[n]) for n in places if n not in own[:leading]]
        self._rest = [
            (index, field) for index, field in enumerate(fields) if field.parameter is None
        ]

    def __call__(self, *values: Any) -> Any:
        made = self._cls(
            *[values[index] for index in self._positional],
            **{name: values[index] for name, index in self._keywords},
        )
        for index, field in self._rest:
            object.__setattr__(made, field.name, values[index])
        for index, field in self._rest:
            if field.validate is not None:
                field.validate(made, values[index])
        return made


def reason(error: Exception) -> str:
    """Return why a class refused its values, in its own words."""
    name = class_name(type(error))
    if isinstance(error, TypeError | ValueError) and error.args and type(error.args[0]) is str:
        # attrs puts the attribute and the value behind the text, and `str` would show them all.
        return error.args[0] or name
    try:
        return f"{name}: {error}"
    except Exception:
        return name


class Object(Node):
    """An attrs class or dataclass, and the classes known to be derived from it."""

    def __init__(self, text: str, records: Sequence[Record]) -> None:
        super().__init__(text)
        self._by_class = {record.cls: record for record in records}
        self._by_mirror = {record.mirror: record for record in records}
        self._by_tag = {record.tag: record for record in records}
        self.wire = union_of(self._by_mirror)
        self.arrivals = frozenset(self._by_mirror)
        self.classes = frozenset(self._by_class)

    def lower(self, value: object, context: Context) -> Any:
        """Return the mirror of an instance."""
        record = self._by_class.get(type(value))
        if record is None:
            raise Mismatch.of(self.text, value)
        return record.lower(value, context)

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the instance that a mirror stands for."""
        return self._by_mirror[type(wire)].lift(wire, context)

    def accepts(self, cls: type) -> bool:
        """Return whether a class is one of those known; a base says nothing of the others."""
        return cls in self._by_class

    def claims(self, data: Data) -> bool:
        """Return whether data says that it is of one of these classes."""
        return self._record(split_map(data)) is not None

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the fields."""
        entries = split_map(data)
        record = self._record(entries)
        return iter(()) if record is None else record.parts(entries)

    def found(self, data: Data) -> str:
        """Name the class that an object says it has."""
        tag = self._tag(split_map(data))
        return super().found(data) if tag is None or tag in self._by_tag else tag

    def _record(self, entries: Mapping[Any, Data]) -> Record | None:
        tag = self._tag(entries)
        if tag is None and len(self._by_tag) == 1:
            # msgspec takes it for the only class that it could be.
            (tag,) = self._by_tag
        return self._by_tag.get(tag or "")

    def _tag(self, entries: Mapping[Any, Data]) -> str | None:
        tag = glance(entries[TAG]) if TAG in entries else None
        return tag if isinstance(tag, str) else None


class Named(Node):
    """A NamedTuple: an array."""

    arrivals = frozenset({tuple})

    def __init__(self, text: str, cls: Any, nodes: Sequence[Node]) -> None:
        super().__init__(text)
        names: tuple[str, ...] = cls._fields
        self._cls = cls
        self._row = Row(nodes, [f".{name}" for name in names])
        self.classes = frozenset({cls})
        self.wire = GenericAlias(tuple, tuple(node.wire for node in nodes))
        self.keys = min((node.keys for node in nodes), default=Keys.ALWAYS)

    def lower(self, value: Any, context: Context) -> Any:
        """Lower the items."""
        if type(value) is not self._cls:
            raise Mismatch.of(self.text, value)
        return tuple(self._row.lower(value, context))

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the named tuple of the items."""
        return self._cls._make(self._row.lift(wire, context))

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the items."""
        return self._row.parts(data)


class Entries(Node):
    """A TypedDict: a map with known keys."""

    classes = frozenset({dict})

    def __init__(self, text: str, nodes: Mapping[str, Node], required: frozenset[str]) -> None:
        super().__init__(text)
        self._nodes = nodes
        self._required = required
        self._names = tuple(nodes)
        self.wire = msgspec.defstruct(
            "Entries",
            [
                member(f"f{index}", node, required=name in required)
                for index, (name, node) in enumerate(nodes.items())
            ],
            rename={f"f{index}": name for index, name in enumerate(nodes)},
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )
        self.arrivals = frozenset({self.wire})

    def lower(self, value: Any, context: Context) -> Any:
        """Return a dict of the lowered entries."""
        if not issubclass(type(value), dict):
            raise Mismatch.of(self.text, value)
        entries: dict[Any, Any] = value
        lowered: dict[str, Any] = {}
        for key, item in entries.items():
            node = self._nodes.get(key) if isinstance(key, str) else None
            if node is None:
                raise Mismatch.wrong(self.text, f"a dict with the key {key!r}")
            try:
                lowered[key] = node.lower(item, context)
            except Mismatch as mismatch:
                mismatch.within(f"[{key!r}]")
                raise
        for key in self._names:
            if key in self._required and key not in lowered:
                raise Mismatch.wrong(self.text, f"a dict without the key {key!r}")
        return lowered

    def lift(self, wire: Any, context: Context) -> Any:
        """Return a dict of the lifted entries."""
        lifted: dict[str, Any] = {}
        for key, item in zip(self._names, astuple(wire), strict=True):
            if item is msgspec.UNSET:
                continue
            try:
                lifted[key] = self._nodes[key].lift(item, context)
            except Mismatch as mismatch:
                mismatch.within(f"[{key!r}]")
                raise
        return lifted

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield the entries that are there."""
        for key, part in split_map(data).items():
            if key in self._nodes:
                yield f"[{key!r}]", self._nodes[key], part
