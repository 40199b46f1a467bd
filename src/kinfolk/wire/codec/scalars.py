"""Values without parts, and the choice among a few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, Flag
from typing import Any, Final, Literal

from msgspec.msgpack import Ext

from kinfolk.wire.codec.extensions import BIG
from kinfolk.wire.codec.forms import Data, glance, name_of, union_of
from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Keys, Node
from kinfolk.wire.codec.text import describe, short

__all__ = [
    "Bits",
    "Choice",
    "Leaf",
    "Members",
    "Native",
    "Never",
    "Nothing",
    "Numbered",
    "enumeration",
    "leaf",
    "literal",
]

_SMALLEST: Final = -(2**63)
_BEYOND: Final = 2**64

_EXACT: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes.__bytes__),
)
"""How an instance of a subclass becomes one of the class itself, running none of its own code."""


class Leaf(Node):
    """None, a truth value, a number, a text, bytes, or one of several of these.

    They are what msgspec does best, but for an integer beyond 64 bits. A union of them is one leaf,
    so that a list of `int | None` is checked as quickly as one of `int`.
    """

    def __init__(self, text: str, classes: Iterable[type]) -> None:
        super().__init__(text)
        exact = frozenset(classes)
        self.classes = self.plain = self.still = exact
        self.lifts = int in exact
        self.arrivals = exact | {BIG.code} if self.lifts else exact
        self.wire = union_of([*sorted(exact, key=repr), *((Ext,) if self.lifts else ())])
        self.keys = Keys.USUALLY if self.lifts else Keys.ALWAYS

    def lower(self, value: Any, context: Context) -> Any:
        """Return the value itself, of a subclass the base."""
        if type(value) not in self.plain:
            value = self._exact(value)
        if context.careful:
            if type(value) is int and not _SMALLEST <= value < _BEYOND:
                return BIG.lower(value)
            if type(value) is str and not value.isascii():
                _check_letters(value)
        return value

    def _exact(self, value: object) -> Any:
        for cls, exact in _EXACT:
            if cls in self.plain and isinstance(value, cls):
                return exact(value)
        raise Mismatch.of(self.text, value)

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the value itself, or the integer that an extension holds."""
        if type(wire) is not Ext:
            return wire
        if wire.code != BIG.code:
            raise Mismatch.wrong(self.text, "an extension")
        return BIG.lift(wire)


def _check_letters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Mismatch("must be text that UTF-8 can hold, without lone surrogates") from None


_WIDENED: Final[dict[type, frozenset[type]]] = {
    int: frozenset({int, bool}),
    float: frozenset({float, int, bool}),
}
"""What a type checker accepts where a number is declared."""


def leaf(cls: type, text: str) -> Leaf:
    """Return the leaf of one class."""
    return Leaf(text, _WIDENED.get(cls, frozenset({cls})))


class Native(Node):
    """A class whose instances msgspec itself encodes and decodes exactly."""

    lifts = False
    keys = Keys.ALWAYS

    def __init__(self, text: str, cls: type) -> None:
        super().__init__(text)
        self.wire = cls
        self.classes = self.arrivals = self.plain = self.still = frozenset({cls})

    def lower(self, value: Any, context: Context) -> Any:
        """Return the value itself."""
        if type(value) not in self.plain:
            raise Mismatch.of(self.text, value)
        return value


class Nothing(Node):
    """A type of which only None travels: tracebacks, whose frames stay in their process."""

    wire = type(None)
    arrivals = still = frozenset({type(None)})
    lifts = False
    keys = Keys.ALWAYS

    def __init__(self, text: str, classes: Iterable[type]) -> None:
        super().__init__(text)
        self.classes = frozenset({*classes, type(None)})

    def lower(self, value: Any, context: Context) -> Any:
        """Return None for each of its values."""
        if type(value) not in (self.classes or ()):
            raise Mismatch.of(self.text, value)


class Never(Node):
    """`NoReturn` and `Never`, which have no values."""

    wire = type(None)
    classes = frozenset[type]()
    arrivals = frozenset({type(None)})

    def lower(self, value: Any, context: Context) -> Any:
        """Refuse."""
        raise Mismatch.of(self.text, value)

    def lift(self, wire: Any, context: Context) -> Any:
        """Refuse."""
        raise Mismatch.of(self.text, wire)


# --- One of a few values


class Choice(Node):
    """A `Literal` of texts, integers and None, which stand for themselves."""

    lifts = False
    keys = Keys.ALWAYS

    def __init__(self, text: str, values: tuple[object, ...]) -> None:
        super().__init__(text)
        self.wire = Literal[values]  # pyright: ignore[reportInvalidTypeForm]
        self._values = frozenset((type(value), value) for value in values)
        self.classes = self.arrivals = self.still = frozenset(map(type, values))

    def lower(self, value: object, context: Context) -> Any:
        """Return the value itself."""
        cls = type(value)
        if cls not in self.still or (cls, value) not in self._values:
            raise Mismatch.wrong(self.text, short(value))
        return value

    def found(self, data: Data) -> str:
        """Show the value, where it is of a class that could have been right."""
        return _shown(data)


class Numbered(Node):
    """A `Literal` of anything else: truth values, bytes, members of enumerations. By position."""

    keys = Keys.ALWAYS
    arrivals = frozenset({int})

    def __init__(self, text: str, values: tuple[object, ...]) -> None:
        super().__init__(text)
        self.wire = Literal[tuple(range(len(values)))]
        self.classes = frozenset(map(type, values))
        self._values = values
        self._numbers: dict[tuple[type, object], int] = {
            (type(value), value): number for number, value in enumerate(values)
        }

    def lower(self, value: object, context: Context) -> Any:
        """Return its position."""
        cls = type(value)
        number = self._numbers.get((cls, value)) if cls in (self.classes or ()) else None
        if number is None:
            raise Mismatch.wrong(self.text, short(value))
        return number

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the value at a position."""
        return self._values[wire]


def literal(text: str, values: tuple[Any, ...]) -> Node:
    """Return the node of a `Literal`."""
    simple = all(
        value is None or type(value) is str or (type(value) is int and abs(value) < 2**63)
        for value in values
    )
    return Choice(text, values) if simple else Numbered(text, values)


class Members(Node):
    """An enumeration; its members travel by name, whatever their values are."""

    keys = Keys.ALWAYS
    arrivals = frozenset({str})

    def __init__(self, text: str, cls: type[Enum]) -> None:
        super().__init__(text)
        names = tuple(cls.__members__)
        self.wire = Literal[names] if names else str
        self.classes = frozenset({cls})
        self._cls = cls
        self._members: Mapping[str, Enum] = cls.__members__

    def lower(self, value: Any, context: Context) -> Any:
        """Return its name."""
        if type(value) is not self._cls:
            raise Mismatch.of(self.text, value)
        return value._name_

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the member of a name."""
        try:
            return self._members[wire]
        except KeyError:
            raise Mismatch.wrong(self.text, short(wire)) from None

    def found(self, data: Data) -> str:
        """Show the name that is none of a member."""
        return _shown(data)


class Bits(Node):
    """A `Flag`, whose combinations have no names: by value."""

    keys = Keys.USUALLY
    wire = int | Ext
    arrivals = frozenset({int, BIG.code})

    def __init__(self, text: str, cls: type[Flag]) -> None:
        super().__init__(text)
        self.classes = frozenset({cls})
        self._cls = cls
        self._bits = leaf(int, text)

    def lower(self, value: Any, context: Context) -> Any:
        """Return its value."""
        if type(value) is not self._cls:
            raise Mismatch.of(self.text, value)
        return self._bits.lower(value.value, context)

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the combination of a value."""
        bits = self._bits.lift(wire, context)
        try:
            flags = self._cls(bits)
        except ValueError:
            raise Mismatch.wrong(self.text, short(bits)) from None
        # With EJECT as its boundary, a Flag turns what it does not know into an integer.
        if type(flags) is not self._cls:
            raise Mismatch.wrong(self.text, short(bits))
        return flags


def _shown(data: Data) -> str:
    """Show a text or a number, and name anything else."""
    value = glance(data)
    return name_of(data) if value is None else short(value)


def enumeration(cls: type[Enum]) -> Node:
    """Return the node of an enumeration."""
    return Bits(describe(cls), cls) if issubclass(cls, Flag) else Members(describe(cls), cls)
