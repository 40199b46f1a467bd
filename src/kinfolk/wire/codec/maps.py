"""Maps, whose keys may be of types that are no keys in MessagePack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import GenericAlias
from typing import Any, Final

from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.codec.containers import lift_items, lower_items
from kinfolk.wire.codec.forms import Data, kind_of, split_array, split_map, union_of
from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Keys, Node, Part, encode
from kinfolk.wire.codec.text import short

__all__ = ["Default", "Dict"]


_EXACT: Final = frozenset({dict})


class Dict(Node):
    """`dict`, `Counter` and `OrderedDict`.

    Where what keys are lowered to can be keys again, it is a map, otherwise an array of pairs; for
    key types such as `int` either, as the keys of each value need.
    """

    def __init__(self, text: str, key: Node, value: Node, cls: type[dict[Any, Any]] = dict) -> None:
        super().__init__(text)
        self._key, self._value, self._cls = key, value, cls
        self.classes = frozenset({cls})
        self._maps = key.keys is not Keys.NEVER
        entries = GenericAlias(dict, (key.wire, value.wire))
        pairs = GenericAlias(list, (GenericAlias(tuple, (key.wire, value.wire)),))
        if key.keys is Keys.NEVER:
            self.wire, self.arrivals = pairs, frozenset({list})
        elif key.keys is Keys.ALWAYS:
            self.wire, self.arrivals = entries, frozenset({dict})
        else:
            self.wire, self.arrivals = union_of([pairs, entries]), frozenset({list, dict})
        if cls is dict and self._maps and not (key.lifts or value.lifts):
            self.lifts, self.still = False, frozenset({dict})

    def lower(self, value: Any, context: Context) -> Any:
        """Lower keys and values."""
        if not issubclass(type(value), self._cls):
            raise Mismatch.of(self.text, value)
        # msgspec would encode an OrderedDict in another order than its own.
        entries: dict[Any, Any] = value if type(value) in _EXACT else dict(value)
        own_keys, own_values = entries.keys(), entries.values()
        keys = lower_items(own_keys, self._key, context, _key, entries)
        values = lower_items(own_values, self._value, context, _value, entries)
        if self._maps:
            if keys is own_keys and values is own_values:
                return entries
            try:
                return dict(zip(keys, values, strict=True))
            except TypeError as error:  # an extension is no key
                pass_on_what_handlers_raise(error)
        return list(zip(keys, values, strict=True))

    def lift(self, wire: Any, context: Context) -> Any:
        """Lift keys and values."""
        if type(wire) in _EXACT:
            keys, values = wire.keys(), wire.values()
        else:
            keys, values = [key for key, _ in wire], [value for _, value in wire]
        lifted = lift_items(keys, self._key, context, _key, keys)
        found = lift_items(values, self._value, context, _value, keys)
        if lifted is keys and found is values and type(wire) is self._cls:
            return wire
        try:
            entries = dict(zip(lifted, found, strict=True))
        except TypeError as error:
            pass_on_what_handlers_raise(error)
            raise Mismatch("must have keys that can be in a dict") from None
        return entries if self._cls is dict else self._cls(entries)

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield keys and values."""
        if kind_of(data) == "map":
            for key, part in split_map(data).items():
                yield f" key {short(key)}", self._key, encode(key)
                yield f"[{short(key)}]", self._value, part
        for index, pair in enumerate(split_array(data)):
            for step, node, part in zip(
                ("key", "value"), (self._key, self._value), split_array(pair), strict=False
            ):
                yield f" {step} {index}", node, part


def _key(index: int, keys: Iterable[Any]) -> str:
    return f" key {short(list(keys)[index])}"


def _value(index: int, keys: Iterable[Any]) -> str:
    return f"[{short(list(keys)[index])}]"


class Default(Node):
    """`defaultdict`, with the name of the builtin class that makes its defaults."""

    classes = frozenset({defaultdict})
    arrivals = frozenset({tuple})

    def __init__(self, text: str, entries: Dict) -> None:
        super().__init__(text)
        self._entries = entries
        self.wire = GenericAlias(tuple, (str | None, entries.wire))

    def lower(self, value: Any, context: Context) -> Any:
        """Return the name of the factory and the lowered entries."""
        if not issubclass(type(value), defaultdict):
            raise Mismatch.of(self.text, value)
        factory = value.default_factory
        name = getattr(factory, "__name__", "") if factory is not None else None
        if _FACTORIES.get(name) is not factory:
            raise Mismatch("must have a builtin class as its default_factory, or None")
        return name, self._entries.lower(value, context)

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the defaultdict."""
        name, entries = wire
        if name not in _FACTORIES:
            raise Mismatch("must have a builtin class as its default_factory, or None")
        return defaultdict(_FACTORIES[name], self._entries.lift(entries, context))

    def parts(self, data: Data) -> Iterator[Part]:
        """Yield keys and values."""
        for entries in split_array(data)[1:]:
            yield from self._entries.parts(entries)


_FACTORIES: Final[Mapping[str | None, Callable[[], Any] | None]] = {
    None: None,
    **{
        cls.__name__: cls
        for cls in (bool, bytes, complex, dict, float, frozenset, int, list, set, str, tuple)
    },
}
