"""Reading managers: what each entry offers, and whether it can."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from multiprocessing.managers import BaseManager
from typing import Any, Final, cast, get_args, get_origin

import attrs

from kinfolk.declare import Factory, Offer, Singleton, offer_of, shared_mark
from kinfolk.spec.classes import ClassReader
from kinfolk.spec.model import Entry, Expression, Location, Name, SharedName, Signature, SpecManager
from kinfolk.spec.names import Scope
from kinfolk.spec.pieces import ANY, joined, substitute, text_of, variables_of
from kinfolk.spec.problems import Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.sources import ClassSource

__all__ = ["ManagerReader"]

_RESERVED: Final = frozenset(
    # `shutdown` is an attribute of managers that have started.
    {"shutdown", "open", "close", "local", "later"}
    | {name for name in dir(BaseManager) if not name.startswith("_")}
)


class ManagerReader:
    """Reads one manager.

    Args:
        cls: The class that `@manager` decorates.
        source: Its source.
        reading: What is shared while the spec is read.
        reader: Gives the reader of a shared class.
    """

    def __init__(
        self,
        cls: type,
        source: ClassSource,
        reading: Reading,
        reader: Callable[[type], ClassReader],
    ) -> None:
        self._cls = cls
        self._source = source
        self._scope = Scope(source.source, source)
        self._reading = reading
        self._problems = reading.problems
        self._reader = reader

    def read(self) -> SpecManager:
        """Read the manager, with all entries that can be read."""
        offer = offer_of(self._cls)
        assert offer is not None
        self._check_rest(offer)
        entries = [self._entry(name, entry, offer) for name, entry in offer.entries.items()]
        default = f"{self._cls.__module__}.{self._cls.__qualname__}"
        return SpecManager(
            name=self._cls.__qualname__,
            entries=tuple(entry for entry in entries if entry is not None),
            location=self._source.location,
            doc=self._source.doc,
            server=None if offer.name == default else offer.name,
        )

    def _location(self, name: str) -> Location:
        definitions = self._source.functions.get(name, ())
        statement = definitions[-1] if definitions else self._source.types.get(name)
        return self._source.source.location(statement) if statement else self._source.location

    # --- Entries

    def _entry(self, name: str, entry: Singleton | Factory, offer: Offer) -> Entry | None:
        location = self._location(name)
        self._check_name(name, location)
        label = f"`{self._cls.__qualname__}.{name}`"
        cls: Any = get_origin(entry.shared) or entry.shared
        try:
            self._check_class(cls, label)
            shared, arguments = self._shared(name, entry.shared)
        except Unreadable as error:
            self._problems.note(location, error)
            return None
        for argument in arguments:
            fault = self._reading.evaluator.fault(argument)
            if fault is not None:
                self._problems.add(location, f"{label}: {fault}")
            if variables_of(argument):
                text = f"{label} leaves open what `{text_of(argument)}` is; write a type"
                self._problems.add(location, text)
        constructor: Signature | None = None
        if isinstance(entry, Singleton):
            self._check_arguments(name, entry, cls, label, offer)
        else:
            constructor = self._constructor(cls, arguments)
        doc = self._source.docs.get(name) or self._reader(cls).doc
        return Entry(name, shared, location, doc, constructor)

    def _shared(self, name: str, declared: Any) -> tuple[Expression, list[Expression]]:
        """Read the class of an entry with its type arguments, all of them."""
        cls: Any = get_origin(declared) or declared
        shared = self._reading.expressions.shared_name(cls)
        parameters = self._reader(cls).parameters
        written = self._written(name)
        if written is not None:
            expression = self._reading.expressions.read_type(written, self._scope)
            if expression[0] == shared and len(expression) > 1:
                return expression, self._arguments(written, declared)
        arguments = [self._of_runtime(argument) for argument in get_args(declared)]
        arguments = arguments or [ANY] * len(parameters)
        return _filled(shared, arguments), arguments

    def _written(self, name: str) -> ast.expr | None:
        """Return what an entry stands for in the source: the first argument of the call."""
        statement = self._source.assigns.get(name)
        value = statement.value if statement else None
        return value.args[0] if isinstance(value, ast.Call) and value.args else None

    def _arguments(self, node: ast.expr, declared: Any) -> list[Expression]:
        if not isinstance(node, ast.Subscript):  # an alias
            return [self._of_runtime(argument) for argument in get_args(declared)]
        nodes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [self._reading.expressions.read_type(argument, self._scope) for argument in nodes]

    def _of_runtime(self, declared: Any) -> Expression:
        """Read a type that does not stand in the source, as in a class made by a loop."""
        if declared is None or declared is type(None):
            return ("None",)
        origin = get_origin(declared)
        if isinstance(origin, type):
            return _filled(
                self._of_runtime(origin)[0], [self._of_runtime(a) for a in get_args(declared)]
            )
        if not isinstance(declared, type):
            raise Unreadable(
                f"the type `{declared}` does not stand in the source; write the entry out in the"
                f" body of `{self._cls.__qualname__}`"
            )
        if shared_mark(declared):
            return (self._reading.expressions.shared_name(declared),)
        return (Name(declared.__module__, declared.__qualname__),)

    def _constructor(self, cls: type, arguments: list[Expression]) -> Signature:
        reader = self._reader(cls)
        constructor = reader.constructor
        self._problems.include(reader.constructor_problems)
        names = [parameter.name for parameter in reader.parameters]
        values = dict(zip(names, arguments, strict=False))
        return attrs.evolve(
            constructor,
            parameters=tuple(
                attrs.evolve(p, annotation=substitute(p.annotation, values))
                for p in constructor.parameters
            ),
            result=substitute(constructor.result, values),
        )

    # --- Checks

    def _check_name(self, name: str, location: Location) -> None:
        if name in _RESERVED:
            text = f"entry `{name}` has a name that every manager needs for itself; rename it"
            self._problems.add(location, text)
        elif name.startswith("_"):
            text = f"entry `{name}` is offered, and its name says that it is private; rename it"
            self._problems.add(location, text)

    def _check_class(self, cls: Any, label: str) -> None:
        if not isinstance(cls, type):
            name = getattr(cls, "__name__", None) or repr(cls)
            raise Unreadable(f"{label} offers `{name}`, which is no class; name a shared class")
        if shared_mark(cls) is None:
            raise Unreadable(
                f"{label} offers `{cls.__qualname__}`, which is no shared class; decorate"
                f" `{cls.__qualname__}` with `@shared`"
            )
        if inspect.isabstract(cls):
            names = ", ".join(f"`{n}`" for n in sorted(getattr(cls, "__abstractmethods__", ())))
            raise Unreadable(
                f"{label} offers `{cls.__qualname__}`, which is abstract; offer a shared subclass"
                f" that defines {names}"
            )

    def _check_arguments(
        self, name: str, entry: Singleton, cls: type, label: str, offer: Offer
    ) -> None:
        location = self._location(name)
        for other, value in offer.entries.items():
            if other == name:
                break
            if value is entry:
                text = f"{label} is the entry `{other}` under a second name; take one away"
                self._problems.add(location, text)
        for argument in (*entry.args, *entry.kwargs.values()):
            if isinstance(argument, Singleton) and argument not in offer.entries.values():
                text = f"an argument of {label} is no entry of `{self._cls.__qualname__}`"
                self._problems.add(location, f"{text}; define it as one above, and name it here")
        try:
            inspect.signature(cls).bind(*entry.args, **entry.kwargs)
        except TypeError as error:
            text = f"the arguments of {label} do not fit `{cls.__qualname__}`: {error}"
            self._problems.add(location, text)
        except ValueError:
            pass  # a constructor written in C says nothing of itself

    def _check_rest(self, offer: Offer) -> None:
        """Check what stands in a manager beside its entries."""
        cls = self._cls.__qualname__
        if not offer.entries:
            text = f"manager `{cls}` offers nothing; write `name = singleton(SharedClass)` in it"
            self._problems.add(self._source.location, text)
        for name, reason in self._strangers(offer):
            self._problems.add(self._location(name), f"`{cls}.{name}` {reason}")
        for base in self._cls.__mro__[1:]:
            inherited = [n for n, v in vars(base).items() if isinstance(v, Singleton | Factory)]
            if inherited:
                names = ", ".join(f"`{name}`" for name in inherited)
                text = f"`{cls}` does not offer the entries {names} of `{base.__qualname__}`"
                self._problems.add(self._source.location, f"{text}; write them out in `{cls}`")

    def _strangers(self, offer: Offer) -> Iterator[tuple[str, str]]:
        for name in dict.fromkeys([*vars(self._cls), *self._source.assigns]):
            value: Any = vars(self._cls).get(name)
            if name.startswith("_") or name in offer.entries:
                continue
            if name in self._source.functions:
                yield name, "is a method, and managers offer entries only; put it in a shared class"
            elif shared_mark(value) or shared_mark(cast("object", type(value))):
                yield name, "is not offered; write it as `singleton(...)` or `factory(...)`"
            elif value is None and self._is_shared_annotation(name):
                yield name, "has a type and no value; write it as `name = singleton(...)`"

    def _is_shared_annotation(self, name: str) -> bool:
        statement = self._source.assigns.get(name)
        if not isinstance(statement, ast.AnnAssign) or statement.value is not None:
            return False
        found = self._reading.expressions.found(statement.annotation, self._scope)
        return found is not None and shared_mark(found.value) is not None


def _filled(head: str | Name | SharedName | Any, arguments: list[Expression]) -> Expression:
    if not arguments:
        return (head,)
    inner = [piece for argument in arguments for piece in (", ", *argument)]
    return joined((head, "[", *inner[1:], "]"))
