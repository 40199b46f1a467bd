"""Arguments on the wire: a map of the parameters' names to the values given for them.

`*args` is one entry, an array, and `**kwargs` one entry, a map, each under its own name. What is
left out of the map was not given, and the method's own default applies.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import GenericAlias
from typing import Any, Final, cast

import attrs
import msgspec
from msgspec.structs import astuple

from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.codec import CannotTravel, Codecs, Context, Data, Mismatch, Node, encoded
from kinfolk.wire.codec.forms import UNREADABLE, kind_of, split_map
from kinfolk.wire.codec.mismatch import NESTING_LIMIT, TooDeep
from kinfolk.wire.codec.node import encode
from kinfolk.wire.codec.records import member
from kinfolk.wire.references import References
from kinfolk.wire.unset import UNSET

__all__ = ["UNSET", "Arguments", "Parameter"]


Kind = inspect._ParameterKind  # pyright: ignore[reportPrivateUsage] - the type has no other name

_BY_POSITION: Final = frozenset({Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD})
_BY_NAME: Final = frozenset({Kind.POSITIONAL_OR_KEYWORD, Kind.KEYWORD_ONLY})
_VARIABLE: Final = frozenset({Kind.VAR_POSITIONAL, Kind.VAR_KEYWORD})


@attrs.frozen
class Parameter:
    """One parameter of a member; its type is, for `*args` and `**kwargs`, that of each value.

    `default` is what a caller's end fills in by itself; `UNSET` where that is left to the server.
    """

    name: str
    kind: inspect._ParameterKind  # pyright: ignore[reportPrivateUsage]
    type: Any
    required: bool = attrs.field(default=True, kw_only=True)
    default: object = attrs.field(default=UNSET, kw_only=True)

    @classmethod
    def of(cls, parameter: inspect.Parameter, declared: Any) -> Parameter:
        """Return a parameter of a generated function, its annotation evaluated."""
        required = parameter.default is parameter.empty and parameter.kind not in _VARIABLE
        default = UNSET if parameter.default is parameter.empty else parameter.default
        return cls(parameter.name, parameter.kind, declared, required=required, default=default)

    @property
    def wire_type(self) -> Any:
        """The type of all that is sent under its name."""
        if self.kind is Kind.VAR_POSITIONAL:
            return GenericAlias(tuple, (self.type, ...))
        if self.kind is Kind.VAR_KEYWORD:
            return GenericAlias(dict, (str, self.type))
        return self.type

    def is_left_out(self, value: object) -> bool:
        """Return whether a value is that of an argument which the caller need not have given."""
        if value is UNSET:
            return True
        if self.kind in _VARIABLE:
            return not value
        same = type(value) is type(self.default) and value == self.default
        return same or value is self.default


class Arguments:
    """The parameters of one member, compiled; threads may share it.

    Raises:
        CannotTravel: Values of a parameter's type cannot be sent.
    """

    def __init__(self, parameters: Iterable[Parameter], codecs: Codecs) -> None:
        self.parameters = tuple(parameters)
        self._nodes = {p.name: _node(p, codecs) for p in self.parameters}
        self._required = [p.name for p in self.parameters if p.required and p.kind not in _VARIABLE]
        self._entries = list(self._nodes.items())
        self._plains = {name: node.plain for name, node in self._nodes.items()}
        self._decoder = msgspec.msgpack.Decoder(_mirror(self._nodes, self._required))
        # Where nothing is to be lifted or left out, so many go by position, the others by name.
        self._still = [
            (index, node.still)
            for index, (name, node) in enumerate(self._nodes.items())
            if node.lifts or name not in self._required
        ]
        kinds = {p.kind for p in self.parameters}
        self._variable = not kinds.isdisjoint(_VARIABLE)
        self._leading = sum(p.kind in _BY_POSITION for p in self.parameters)
        self._named = list(enumerate(self._nodes))[self._leading :]
        # Those of whose values the items are sent, where they have nothing else.
        self._gathering = {p.name: p.kind for p in self.parameters if _gathers(p, codecs)}

    # --- There

    def gathered(self, values: Mapping[str, object]) -> Mapping[str, object]:
        """Return arguments with lists in place of iterators, which can be asked only once.

        To be called before `encode`, which may have to be called again.
        """
        for name, kind in self._gathering.items():
            if kind is Kind.VAR_POSITIONAL and name in values:
                given = cast("tuple[object, ...]", values[name])
                values = {**values, name: tuple(map(_listed, given))}
            elif isinstance(values.get(name), Iterator):
                values = {**values, name: _listed(values[name])}
        return values

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
            except (OverflowError, UnicodeEncodeError) as error:
                pass_on_what_handlers_raise(error)
        try:
            return encoded(self._lower, values, references)
        except TooDeep as mismatch:
            raise _blame(mismatch, None) from None

    def _lower(self, values: Mapping[str, object], context: Context) -> dict[str, Any]:
        lowered: dict[str, Any] = {}
        for name, value in values.items():
            node = self._nodes.get(name)
            if node is None:
                raise Mismatch(f"there is no argument {name!r}")
            if type(value) in node.plain and not context.careful:
                lowered[name] = value
            elif value is not UNSET:
                try:
                    lowered[name] = node.lower(value, context)
                except Mismatch as mismatch:
                    _blame(mismatch, name)
                    raise
        return lowered

    # --- And back

    def decode(
        self, data: Data, references: References, nesting: int = NESTING_LIMIT
    ) -> tuple[list[object], dict[str, object]]:
        """Return the positional and the keyword arguments to call the member with.

        Args:
            data: The message.
            references: What it may refer to.
            nesting: How deep the arguments may be nested, where their types do not say.

        Raises:
            Mismatch: One does not fit, is missing, or is none of the member's; or those given
                cannot be given together without one that is left out.
        """
        try:
            values: Sequence[Any] = astuple(self._decoder.decode(data))
        except RecursionError:
            raise _blame(TooDeep(nesting), None) from None
        except UNREADABLE as error:
            pass_on_what_handlers_raise(error)
            raise self._explain(data, error) from None
        gaps = self._variable
        for index, still in self._still:
            if type(values[index]) not in still:
                # Before, since what is lifted may compare itself in any way.
                gaps = gaps or msgspec.UNSET in values
                values = self._lift(values, Context(references, nesting=nesting))
                break
        if gaps:
            return self.arrange(values)
        if not self._named:
            return list(values), {}
        keywords = {name: values[index] for index, name in self._named}
        return list(values[: self._leading]), keywords

    def _lift(self, values: Sequence[Any], context: Context) -> list[Any]:
        lifted = list(values)
        for index, still in self._still:
            wire = values[index]
            if type(wire) in still or wire is msgspec.UNSET:
                continue
            name, node = self._entries[index]
            try:
                lifted[index] = node.lift(wire, context)
            except Mismatch as mismatch:
                _blame(mismatch, name)
                raise
            except RecursionError:
                raise _blame(TooDeep(context.nesting), name) from None
        return lifted

    def _explain(self, data: Data, error: Exception) -> Mismatch:
        """Find the argument for which the decoder refused the message."""
        if not isinstance(error, msgspec.ValidationError):
            return Mismatch("the arguments are not valid MessagePack")
        if kind_of(data) != "map":
            return Mismatch("the arguments must be a map of their names")
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

    def arrange(self, values: Sequence[Any]) -> tuple[list[object], dict[str, object]]:
        """Put arguments in the places from which the member takes them.

        Args:
            values: One for each parameter, `msgspec.UNSET` for one that is left out.

        Raises:
            Mismatch: Those given cannot be given together without one that is left out.
        """
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


def _gathers(parameter: Parameter, codecs: Codecs) -> bool:
    return parameter.kind is not Kind.VAR_KEYWORD and codecs.node(parameter.type).gathers


def _listed(value: Any) -> object:
    return list(cast("Iterator[object]", value)) if isinstance(value, Iterator) else value


def _node(parameter: Parameter, codecs: Codecs) -> Node:
    try:
        return codecs.node(parameter.wire_type)
    except CannotTravel as error:
        raise CannotTravel(f"parameter {parameter.name!r}: {error}") from None


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


def _blame(mismatch: Mismatch, name: str | None) -> Mismatch:
    """Say whose value it is, if that has not been said."""
    mismatch.subject = mismatch.subject or (f"argument {name!r}" if name else "an argument")
    return mismatch
