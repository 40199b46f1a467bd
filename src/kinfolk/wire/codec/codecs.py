"""Codecs: what the rest of Kinfolk encodes and decodes values with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.codec.compiler import Compiler
from kinfolk.wire.codec.forms import Data
from kinfolk.wire.codec.mismatch import CannotTravel, Mismatch, TooDeep
from kinfolk.wire.codec.node import Context, Node, encode
from kinfolk.wire.codec.text import describe
from kinfolk.wire.references import References

__all__ = ["Codec", "Codecs", "encoded"]


class Codec:
    """Encodes and decodes values of one declared type; threads may share it."""

    __slots__ = ("_node", "_still", "plain")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._still = node.still
        # The exact classes of values that nearly always are sent as they are.
        self.plain = node.plain

    @property
    def text(self) -> str:
        """The declared type, as its author wrote it."""
        return self._node.text

    def encode(self, value: object, references: References) -> bytes:
        """Return a value as MessagePack.

        Raises:
            Mismatch: It is not of the declared type.
        """
        if type(value) in self.plain:
            try:
                return encode(value)
            except (OverflowError, UnicodeEncodeError) as error:
                pass_on_what_handlers_raise(error)
        return encoded(self._node.lower, value, references)

    def decode(self, data: Data, references: References) -> Any:
        """Return the value that MessagePack stands for.

        Raises:
            Mismatch: It stands for none of the declared type.
        """
        node = self._node
        try:
            wire = node.decode(data)
            return wire if type(wire) in self._still else node.lift(wire, Context(references))
        except RecursionError:
            raise TooDeep from None


def encoded(lower: Callable[[Any, Context], Any], value: Any, references: References) -> bytes:
    """Lower a value and encode it; once more, and with care, if the encoder refuses it.

    How deep the value is nested is counted, so a `RecursionError` is the caller's, whose own calls
    are nested deep.
    """
    try:
        return encode(lower(value, Context(references)))
    except (OverflowError, UnicodeEncodeError) as error:
        pass_on_what_handlers_raise(error)
    try:
        return encode(lower(value, Context(references, careful=True)))
    except (OverflowError, ValueError) as error:
        pass_on_what_handlers_raise(error)
        raise Mismatch(f"cannot be encoded: {error}") from None


class Codecs:
    """Compiles declared types, each once; threads may share it.

    Args:
        values: The attrs classes, dataclasses and enumerations that a value of type `Any`, or of a
            base of theirs, may turn out to be, beside those that the types of their fields
            mention. Both ends must name the same.
        errors: Exceptions that arrive as their own class, beside builtins and those of Kinfolk.
    """

    def __init__(
        self, values: Iterable[type] = (), errors: Iterable[type[BaseException]] = ()
    ) -> None:
        self._compiler = Compiler(values, errors)

    @property
    def errors(self) -> Mapping[str, type[BaseException]]:
        """Exceptions that arrive as their own class, by qualified name."""
        return self._compiler.errors

    def codec(self, declared: object) -> Codec:
        """Return the codec of a declared type.

        Raises:
            CannotTravel: Values of this type cannot be sent.
        """
        return Codec(self.node(declared))

    def node(self, declared: object) -> Node:
        """Return what `codec` wraps, for those who encode several values into one message.

        Raises:
            CannotTravel: Values of this type cannot be sent.
        """
        try:
            return self._compiler.node(declared)
        except RecursionError:
            raise CannotTravel(f"`{describe(declared)}` cannot travel: it never ends") from None
