"""Declared types as run-time objects, to ask whether their values can travel.

Shared classes are replaced by stand-ins that look like generated proxies, since no proxy exists
yet, and type variables by `Any`.
"""

from __future__ import annotations

import ast
import importlib
import threading
from collections.abc import Generator, Iterable, Iterator
from types import CodeType, GenericAlias
from typing import Any, Final, cast, get_args, get_origin

from kinfolk.spec.kinds import shared_in
from kinfolk.spec.model import Expression, Name, SharedName, Variable
from kinfolk.spec.pieces import text_of
from kinfolk.spec.problems import Unreadable
from kinfolk.wire.codec import CannotTravel, Codecs, Mismatch
from kinfolk.wire.references import Reference
from kinfolk.wire.shared import SharedType, shared_type

__all__ = ["SELF", "Evaluator"]

SELF: Final = frozenset({("typing", "Self"), ("typing_extensions", "Self")})


_LOCKS: Final[dict[Name, type]] = {
    Name("threading", "Lock"): type(threading.Lock()),
    Name("threading", "RLock"): type(threading.RLock()),
}
_SUBSCRIPT: Final = cast("Any", classmethod)(GenericAlias)


class Evaluator:
    """Evaluates expressions, each once.

    Args:
        known: Classes that stand in the place of their bases, where these are abstract.
    """

    def __init__(self, known: Iterable[type] = ()) -> None:
        alone = Codecs()
        self._codecs = Codecs([cls for cls in known if _refusal(alone, cls) is None])
        self._types: dict[Expression, Any] = {}
        self._names: dict[Name, Any] = {}
        self._proxies: dict[SharedName, type] = {}
        self._faults: dict[Expression, str | None] = {}
        self._misfits: dict[tuple[Expression, Expression], str | None] = {}

    def evaluate(self, expression: Expression) -> Any:
        """Return the run-time type that an expression stands for.

        Raises:
            Unreadable: Evaluating it fails.
        """
        if expression not in self._types:
            self._types[expression] = self._evaluate(expression)
        return self._types[expression]

    def fault(self, expression: Expression) -> str | None:
        """Say why values of a type cannot travel; None if they can."""
        if expression not in self._faults:
            self._faults[expression] = self._fault(expression)
        return self._faults[expression]

    def misfit(self, expression: Expression, literal: Expression) -> str | None:
        """Say why a literal is no value of a type that can travel; None if it is one."""
        key = (expression, literal)
        if key not in self._misfits:
            self._misfits[key] = self._misfit(*key)
        return self._misfits[key]

    def streams(self, expression: Expression) -> bool:
        """Tell whether a result is an iterator, whose items travel one by one."""
        try:
            declared = self.evaluate(expression)
        except Unreadable:
            return False
        origin = get_origin(declared) or declared
        return origin is Iterator or origin is Generator

    def stream_fault(self, expression: Expression) -> str | None:
        """Say why the items of a stream cannot travel; None if they can."""
        items = get_args(self.evaluate(expression))
        if not items:
            return f"its items have no type; write `{text_of(expression)}[...]`"
        return _refusal(self._codecs, list[items[0]])  # type: ignore[valid-type]

    def _fault(self, expression: Expression) -> str | None:
        try:
            return _refusal(self._codecs, self.evaluate(expression))
        except Unreadable as error:
            return error.text

    def _misfit(self, expression: Expression, literal: Expression) -> str | None:
        codec = self._codecs.codec(self.evaluate(expression))
        value = ast.literal_eval("".join(str(piece) for piece in literal))
        try:
            codec.encode(value, _NoReferences())
        except Mismatch as error:
            return str(error)
        return None

    def _evaluate(self, expression: Expression) -> Any:
        names: dict[str, Any] = {}
        text = "".join(self._piece(piece, names) for piece in expression)
        try:
            declared = eval(_compiled(text), names)  # noqa: S307 - the types of the spec itself
        except Exception as error:
            raise Unreadable(f"it cannot be evaluated: {type(error).__name__}: {error}") from None
        self._check(declared)
        return type(None) if declared is None else declared

    def _check(self, declared: Any) -> None:
        shared = shared_in(declared)
        if shared is not None:
            raise Unreadable(
                f"it means the shared class `{shared.__qualname__}` in a way that cannot be read;"
                f" write `{shared.__qualname__}` itself"
            )

    def _piece(self, piece: str | Name | SharedName | Variable, names: dict[str, Any]) -> str:
        match piece:
            case str():
                return piece
            case Name():
                value = self._name(piece)
            case SharedName():
                value = self._proxy(piece)
            case _:
                value = Any
        local = f"_{len(names)}"
        names[local] = value
        return local

    def _name(self, name: Name) -> Any:
        if name not in self._names:
            if (name.module, name.qualname) in SELF:
                self._names[name] = self._proxy(SharedName("", "Self"))
            else:
                value: Any = importlib.import_module(name.module)
                for part in name.qualname.split("."):
                    value = getattr(value, part)
                # Functions and no classes before Python 3.13.
                self._names[name] = _LOCKS.get(name, value)
        return self._names[name]

    def _proxy(self, name: SharedName) -> type:
        if name not in self._proxies:
            mark = SharedType(f"{name.module}.{name.qualname}")
            members: dict[str, Any] = {"_shared": mark, "__class_getitem__": _SUBSCRIPT}
            self._proxies[name] = type(name.qualname, (), members)
        return self._proxies[name]


def _refusal(codecs: Codecs, declared: Any) -> str | None:
    """Say why values of a run-time type cannot travel; None if they can."""
    try:
        codecs.codec(declared)
        for argument in _shared_arguments(declared):
            codecs.codec(argument)
    except CannotTravel as error:
        return str(error)
    return None


def _shared_arguments(declared: object) -> Iterator[object]:
    """Yield the type arguments of shared classes, whose members mention them."""
    shared = shared_type(declared) is not None
    # Parameters of a Callable stand in a list.
    listed = cast("list[object]", declared) if isinstance(declared, list) else ()
    for argument in (*get_args(declared), *listed):
        if shared:
            yield argument
        yield from _shared_arguments(argument)


def _compiled(text: str) -> CodeType:
    return compile(text, "<a declared type>", "eval", dont_inherit=True)


class _NoReferences:
    """Stands where a literal is encoded, in which no shared object can be."""

    def lower(self, value: object, proxy_type: object) -> Reference:
        mark = shared_type(proxy_type)
        name = mark.name.rpartition(".")[2] if mark else repr(proxy_type)
        raise TypeError(f"{name}, not {value!r}")

    def lift(self, reference: Reference, proxy_type: object) -> object:
        raise TypeError(f"{proxy_type!r}, not {reference!r}")
