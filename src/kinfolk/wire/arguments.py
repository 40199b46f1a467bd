"""Arguments on the wire: a map of the parameters' names to the values given for them.

`*args` is one entry, an array, and `**kwargs` one entry, a map, each under its own name. What is
left out of the map was not given, and the method's own default applies.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from types import GenericAlias
from typing import Any, Final

import attrs
import msgspec
from msgspec.structs import astuple

from kinfolk.wire.codec import CannotTravel, Codecs, Context, Data, Mismatch, Node, encoded
from kinfolk.wire.codec.forms import UNREADABLE, split_map
from kinfolk.wire.codec.mismatch import TooDeep
from kinfolk.wire.codec.node import encode
from kinfolk.wire.codec.records import member
from kinfolk.wire.references import References
from kinfolk.wire.unset import UNSET

__all__ = ["UNSET", "Arguments", "Parameter"]


Kind = inspect._ParameterKind  # pyright: ignore[reportPrivateUsage] - the type has no other name

_BY_POSITION: Final = frozenset({Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD})
_BY_NAME: Final = frozenset({Kind.POSITIONAL_OR_KEYWORD, Kind.KEYWORD_ONLY})


@attrs.frozen
class Parameter:
    """One parameter of a member; its type is, for `*args` and `**kwargs`, that of each value."""

    name: str
    kind: inspect._ParameterKind  # pyright: ignore[reportPrivateUsage]
    type: Any
    required: bool = attrs.field(default=True, kw_only=True)


class Arguments:
    """The parameters of one member, compiled; threads may share it.

    Raises:
        CannotTravel: Values of a parameter's type cannot be sent.
    """

    def __init__(self, parameters: Iterable[Parameter], codecs: Codecs) -> None:
        self.parameters = tuple(parameters)
        self._nodes = {p.name: _node(p, codecs) for p in self.parameters}
        required = [p.required and p.kind in _BY_POSITION | _BY_NAME for p in self.parameters]
        self._required = [p.name for p, r in zip(self.parameters, required, strict=True) if r]
        self._lifting = [
            (index, name, node)
            for index, (name, node) in enumerate(self._nodes.items())
            if node.lifts
        ]
        self._decoder = msgspec.msgpack.Decoder(_mirror(self._nodes, self._required))
        # Without `*args` and `**kwargs`, and with nothing left out, it is so many by position and
        # the others by name.
        self._optional = [i for i, name in enumerate(self._nodes) if name not in self._required]
        self._leading = _leading(self.parameters)
        self._names = [p.name for p in self.parameters if p.kind is Kind.KEYWORD_ONLY]
        self._plains = {name: node.plain for name, node in self._nodes.items()}

    # --- There

    def encode(self, values: Mapping[str, object], references: References) -> bytes:
        """Return arguments as MessagePack; those that are `UNSET` are left out.

        Raises:
            Mismatch: One does not fit; the text begins with which.
        """
        # Nearly every call: what the encoder takes as it is.
        plains = self._plains
        for name, value in values.items():
            if type(value) not in plains.get(name, ()):
                break
        else:
            try:
                return encode(values)
            except (OverflowError, UnicodeEncodeError):
                pass
        return encoded(self._lower, values, references)

    def _lower(self, values: Mapping[str, object], context: Context) -> dict[str, Any]:
        lowered: dict[str, Any] = {}
        for name, value in values.items():
            node = self._nodes.get(name)
            if node is None:
                raise Mismatch(f"there is no argument {name!r}")
            if value is not UNSET:
                try:
                    lowered[name] = node.lower(value, context)
                except Mismatch as mismatch:
                    raise _blame(mismatch, name) from mismatch.__cause__
        return lowered

    # --- And back

    def decode(self, data: Data, references: References) -> tuple[list[object], dict[str, object]]:
        """Return the positional and the keyword arguments to call the member with.

        Raises:
            Mismatch: One does not fit, is missing, or is none of the member's; or those given
                cannot be given together without one that is left out.
        """
        try:
            values: Sequence[Any] = astuple(self._decoder.decode(data))
            for index, _, node in self._lifting:
                if type(values[index]) not in node.still:
                    values = self._lift(values, Context(references))
                    break
        except RecursionError:
            raise TooDeep from None
        except UNREADABLE as error:
            raise self._explain(data, error) from None
        for index in self._optional:
            if values[index] is msgspec.UNSET:
                return self._arrange(values)
        if self._leading is None:
            return self._arrange(values)
        return list(values[: self._leading]), dict(
            zip(self._names, values[self._leading :], strict=True)
        )

    def _lift(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        lifted: list[Any] | None = None
        for index, name, node in self._lifting:
            wire = values[index]
            if type(wire) in node.still or wire is msgspec.UNSET:
                continue
            if lifted is None:
                lifted = list(values)
            try:
                lifted[index] = node.lift(wire, context)
            except Mismatch as mismatch:
                raise _blame(mismatch, name) from mismatch.__cause__
        return values if lifted is None else lifted

    def _explain(self, data: Data, error: Exception) -> Mismatch:
        """Find the argument for which the decoder refused the message."""
        if not isinstance(error, msgspec.ValidationError):
            return Mismatch("the arguments are not valid MessagePack")
        given = split_map(data)
        for name, part in given.items():
            node = self._nodes.get(name) if isinstance(name, str) else None
            if node is None:
                return Mismatch(f"there is no argument {name!r}")
            refusal = node.refusal(part)
            if refusal is not None:
                return _blame(node.explain(part, refusal), name)
        for name in self._required:
            if name not in given:
                return Mismatch("is missing", subject=f"argument {name!r}")
        return Mismatch("the arguments must be a map of their names")

    def _arrange(self, values: Sequence[Any]) -> tuple[list[object], dict[str, object]]:
        """Put arguments in the places from which the member takes them."""
        positional: list[object] = []
        keywords: dict[str, object] = {}
        missing = ""
        for parameter, value in zip(self.parameters, values, strict=True):
            name, kind = parameter.name, parameter.kind
            if value is msgspec.UNSET:
                missing = missing or (name if kind in _BY_POSITION else "")
            elif kind is Kind.VAR_KEYWORD:
                self._merge(keywords, name, value)
            elif kind is Kind.KEYWORD_ONLY or (missing and kind is Kind.POSITIONAL_OR_KEYWORD):
                keywords[name] = value
            elif not missing:
                # By position, and `*args` is all the rest of them.
                positional += value if kind is Kind.VAR_POSITIONAL else (value,)
            elif value or kind is not Kind.VAR_POSITIONAL:
                complaint = f"cannot be given without {missing!r}, which is left out"
                raise Mismatch(complaint, subject=f"argument {name!r}")
        return positional, keywords

    def _merge(self, keywords: dict[str, object], name: str, more: Mapping[str, object]) -> None:
        """Add the entries of `**kwargs`, none of which may be a parameter of its own."""
        for parameter in self.parameters:
            if parameter.kind in _BY_NAME and parameter.name in more:
                complaint = f"cannot hold {parameter.name!r}, which is a parameter of its own"
                raise Mismatch(complaint, subject=f"argument {name!r}")
        keywords.update(more)


def _node(parameter: Parameter, codecs: Codecs) -> Node:
    declared = parameter.type
    if parameter.kind is Kind.VAR_POSITIONAL:
        declared = GenericAlias(tuple, (declared, ...))
    elif parameter.kind is Kind.VAR_KEYWORD:
        declared = GenericAlias(dict, (str, declared))
    try:
        return codecs.node(declared)
    except CannotTravel as error:
        raise CannotTravel(f"parameter {parameter.name!r}: {error}") from None


def _leading(parameters: Iterable[Parameter]) -> int | None:
    """Return how many parameters take arguments by position; None if others are variable."""
    kinds = [p.kind for p in parameters]
    if Kind.VAR_POSITIONAL in kinds or Kind.VAR_KEYWORD in kinds:
        return None
    return sum(kind in _BY_POSITION for kind in kinds)


def _mirror(nodes: Mapping[str, Node], required: Iterable[str]) -> Any:
    """Return the struct that arguments are decoded to."""
    return msgspec.defstruct(
        "Arguments",
        [
            member(f"f{index}", node, required=name in required)
            for index, (name, node) in enumerate(nodes.items())
        ],
        rename={f"f{index}": name for index, name in enumerate(nodes)},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def _blame(mismatch: Mismatch, name: str) -> Mismatch:
    mismatch.subject = f"argument {name!r}"
    return mismatch
