"""From declared types to nodes, each compiled once."""

from __future__ import annotations

import contextlib
import inspect
import sys
import threading
from collections.abc import Iterable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

import msgspec
import typing_extensions
from typing_extensions import NoDefault, get_type_hints, is_typeddict

from kinfolk.declare import shared_mark
from kinfolk.wire.codec.anything import Anything
from kinfolk.wire.codec.builders import BUILDERS
from kinfolk.wire.codec.constraints import Checked
from kinfolk.wire.codec.exceptions import ExceptionClass, Raised, known_errors
from kinfolk.wire.codec.extensions import extended
from kinfolk.wire.codec.fields import (
    bound_arguments,
    fields_of,
    has_fields,
    hints_of,
    is_required_key,
    substitute,
)
from kinfolk.wire.codec.known import known_classes
from kinfolk.wire.codec.mismatch import CannotTravel
from kinfolk.wire.codec.node import Late, Node
from kinfolk.wire.codec.records import Entries, Named, Object, Record
from kinfolk.wire.codec.references import Shared
from kinfolk.wire.codec.refusals import why_not
from kinfolk.wire.codec.scalars import Never, enumeration, leaf, literal
from kinfolk.wire.codec.text import class_name, describe
from kinfolk.wire.codec.unions import unite
from kinfolk.wire.shared import shared_type

__all__ = ["Compiler"]


class Compiler:
    """Compiles declared types.

    Args:
        values: Classes that a value of type `Any`, or of a base of theirs, may turn out to be.
        errors: Exceptions that arrive as their own class, beside those that always do.
    """

    def __init__(self, values: Iterable[type], errors: Iterable[type[BaseException]]) -> None:
        self.errors = known_errors(errors)
        self._values = tuple(values)
        self._known: Mapping[str, type] | None = None
        self._nodes: dict[object, Node] = {}
        self._under_way: set[object] = set()
        # Types are compiled on first use, by whichever thread comes first.
        self._lock = threading.RLock()

    @property
    def known(self) -> Mapping[str, type]:
        """The classes that a value of type `Any` may be of, by name in messages."""
        if self._known is None:
            self._known = known_classes(self._values)
        return self._known

    def node(self, declared: Any) -> Node:
        """Return the node of a declared type.

        Raises:
            CannotTravel: Values of this type cannot be sent.
        """
        declared = NoneType if declared is None else declared
        try:
            hash(declared)
        except TypeError:  # Annotated with metadata that has no hash
            return self._compile(declared, describe(declared))
        with self._lock:
            found = self._nodes.get(declared)
            if found is not None:
                return found
            if declared in self._under_way:
                return self._late(declared)
            try:
                # Within, since a signal handler may raise as soon as it is there, and a type that
                # stayed in would never be compiled.
                self._under_way.add(declared)
                node = self._compile(declared, describe(declared))
            finally:
                self._under_way.discard(declared)
            return node if node.late else self._nodes.setdefault(declared, node)

    def _late(self, declared: Any) -> Late:
        return Late(describe(declared), lambda: self.node(declared))

    # --- Which kind of type it is

    def _compile(self, declared: Any, text: str) -> Node:
        if declared is Any or declared is object:
            return Anything(text, self)
        if isinstance(declared, str | ForwardRef):
            raise CannotTravel(
                f"`{text}` is a recursive type that cannot be followed;"
                f" define it as `type {text} = ...`, or with typing_extensions.TypeAliasType"
            )
        if isinstance(declared, TypeVar):
            return self._variable(declared, text)
        if hasattr(declared, "__supertype__"):  # a NewType
            return self._compile(declared.__supertype__, text)
        if hasattr(declared, "__value__") and get_origin(declared) is None:
            return self._compile(_followed(declared, ()), text)
        if declared in _NEVER:
            return Never(text)
        if declared is typing_extensions.LiteralString:
            return leaf(str, text)
        origin, arguments = get_origin(declared), get_args(declared)
        if origin is not None:
            return self._parametrised(declared, text, origin, arguments)
        if isinstance(declared, type):
            return self._class(declared, declared, text, ())
        raise CannotTravel(why_not(declared, text))

    def _parametrised(
        self, declared: Any, text: str, origin: Any, arguments: tuple[Any, ...]
    ) -> Node:
        if origin in {Union, UnionType}:
            return self._union(declared, text, arguments)
        if origin is Annotated:
            return self._annotated(declared, text, *arguments)
        if origin in _LITERALS:
            return literal(text, arguments)
        if origin in _QUALIFIERS:
            return self._compile(arguments[0], text)
        if hasattr(origin, "__value__"):
            return self._compile(_followed(origin, arguments), text)
        if origin is type:
            return self._exception_class(declared, text, arguments[0])
        if isinstance(origin, type):
            return self._class(declared, origin, text, arguments)
        raise CannotTravel(why_not(declared, text))

    def _class(self, declared: Any, cls: Any, text: str, arguments: tuple[Any, ...]) -> Node:
        build = BUILDERS.get(cls)
        if build is not None:
            return build(self, text, arguments)
        if shared_type(declared) is not None or shared_mark(declared) is not None:
            return Shared(text, declared)
        bases: tuple[type, ...] = cls.__mro__
        if BaseException in bases:
            return Raised(text, cls, self.errors, lambda: self.node(Any))
        if Enum in bases and cls.__members__:
            return enumeration(cls)
        if is_typeddict(cls):
            return self._typed_dict(cls, text, arguments)
        if tuple in bases and hasattr(cls, "_fields"):
            return self._named(cls, text, arguments)
        if has_fields(cls):
            return self._object(cls, text, arguments)
        found = extended(text, cls)
        if found is None:
            raise CannotTravel(why_not(declared, text))
        return found

    # --- Types made of others

    def _variable(self, variable: Any, text: str) -> Node:
        default = getattr(variable, "__default__", NoDefault)
        if default is not NoDefault:
            return self._compile(NoneType if default is None else default, text)
        if variable.__constraints__:
            return self._union(variable, text, variable.__constraints__)
        return self._compile(Any if variable.__bound__ is None else variable.__bound__, text)

    def _union(self, declared: Any, text: str, members: tuple[Any, ...]) -> Node:
        nodes = [self.node(member) for member in members]
        # Its form depends on that of every member, and one is not known yet.
        return self._late(declared) if any(n.late for n in nodes) else unite(text, nodes)

    def _annotated(self, declared: Any, text: str, inner: Any, *metadata: Any) -> Node:
        metas = [each for each in metadata if isinstance(each, msgspec.Meta)]
        node = self._compile(inner, text)
        if not metas:
            return node
        return self._late(declared) if node.late else Checked(text, node, metas)

    def _exception_class(self, declared: Any, text: str, cls: Any) -> Node:
        if isinstance(cls, TypeVar):
            cls = cls.__bound__
        if not isinstance(cls, type) or not issubclass(cls, BaseException):
            raise CannotTravel(why_not(declared, text))
        return ExceptionClass(text, cls, self.errors)

    # --- Classes with fields

    def _object(self, cls: type, text: str, arguments: tuple[Any, ...]) -> Node:
        records = [] if inspect.isabstract(cls) else [self._record(cls, arguments)]
        for each in self.known.values():
            if each is not cls and issubclass(each, cls) and not inspect.isabstract(each):
                # One that cannot travel itself is not accepted in its base's place either.
                with contextlib.suppress(CannotTravel):
                    records.append(self._record(each, bound_arguments(each, cls, arguments)))
        if not records:
            raise CannotTravel(
                f"`{text}` cannot travel: it is abstract, and no class derived from it is known;"
                " import one into the spec"
            )
        return Object(text, records)

    def _record(self, cls: type, arguments: tuple[Any, ...]) -> Record:
        fields = fields_of(cls, arguments)
        hints = {field.name: field.declared for field in fields}
        return Record(cls, fields, list(self._nodes_of(cls, hints).values()))

    def _nodes_of(self, cls: type, hints: Mapping[str, Any]) -> dict[str, Node]:
        nodes: dict[str, Node] = {}
        for name, declared in hints.items():
            try:
                nodes[name] = self.node(declared)
            except CannotTravel as error:
                raise CannotTravel(f"{class_name(cls)}.{name}: {error}") from None
        return nodes

    def _named(self, cls: Any, text: str, arguments: tuple[Any, ...]) -> Node:
        names: tuple[str, ...] = cls._fields
        # What collections.namedtuple makes has no types.
        typed = any("__annotations__" in vars(base) for base in cls.__mro__)
        hints = hints_of(cls, arguments, list(names)) if typed else {}
        nodes = self._nodes_of(cls, {name: hints.get(name, Any) for name in names})
        return Named(text, cls, list(nodes.values()))

    def _typed_dict(self, cls: Any, text: str, arguments: tuple[Any, ...]) -> Node:
        try:
            hints = get_type_hints(cls, include_extras=True)
        except NameError as error:
            raise CannotTravel(
                f"{class_name(cls)} names {error.name!r}, which is not there at run time;"
                " import it outside of `if TYPE_CHECKING`"
            ) from None
        variables = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
        declared = {key: substitute(hint, variables) for key, hint in hints.items()}
        required = frozenset(
            key for key, hint in declared.items() if is_required_key(cls, key, hint)
        )
        return Entries(text, self._nodes_of(cls, declared), required)


# --- Helpers


_NEVER: Final = (typing_extensions.NoReturn, typing_extensions.Never)
_LITERALS: Final = (Literal, typing_extensions.Literal)
_QUALIFIERS: Final = (
    typing_extensions.Required,
    typing_extensions.NotRequired,
    typing_extensions.ReadOnly,
    typing_extensions.Final,
    typing_extensions.ClassVar,
)


def _followed(alias: Any, arguments: tuple[Any, ...]) -> Any:
    """Return what a type alias stands for, with type arguments filled in."""
    variables = dict(zip(alias.__type_params__, arguments, strict=False))
    module = sys.modules.get(alias.__module__)
    holder = type("holder", (), {"__annotations__": {"value": alias.__value__}})
    try:
        value = get_type_hints(
            holder, vars(module) if module else {}, {alias.__name__: alias}, include_extras=True
        )["value"]
    except NameError as error:
        raise CannotTravel(
            f"`{alias.__name__}` names {error.name!r}, which is not there at run time;"
            " import it outside of `if TYPE_CHECKING`"
        ) from None
    return substitute(value, variables)
