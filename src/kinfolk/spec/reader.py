"""Reading a whole spec: its classes, its managers, and what the generated module must know."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from types import FunctionType, ModuleType

from kinfolk.declare import Factory, SharedMark, Singleton, offer_of, shared_mark
from kinfolk.errors import Problem, SpecError
from kinfolk.spec.clashes import check_clashes
from kinfolk.spec.classes import ClassReader
from kinfolk.spec.importing import import_spec
from kinfolk.spec.layouts import layouts
from kinfolk.spec.managers import ManagerReader
from kinfolk.spec.model import (
    Expression,
    Location,
    Method,
    Name,
    SharedClass,
    SharedName,
    Signature,
    Spec,
    SpecManager,
)
from kinfolk.spec.naming import has_generated, is_generated, output_module
from kinfolk.spec.problems import Unreadable, shown
from kinfolk.spec.reading import Reading
from kinfolk.spec.sources import Source
from kinfolk.spec.values import errors_of, values_of

__all__ = ["read"]


def read(module_name: str, *, generating: Collection[str] = ()) -> Spec:
    """Read the spec in a module.

    Args:
        module_name: The module, which must be importable.
        generating: All the specs of the same run, whose generated modules will hold the proxies
            of the shared classes they define, also where those files do not exist yet.

    Raises:
        SpecError: With every problem found, if there is any.
    """
    module = import_spec(module_name)
    reading = Reading.begin(module)
    source = reading.sources.module(module.__name__)
    if source is None:
        text = f"the source of `{module_name}` cannot be read; a spec is a file that ends in .py"
        raise SpecError([Problem(shown(getattr(module, "__file__", None) or module_name), 1, text)])
    if is_generated(source.first_line):
        text = f"`{module_name}` is generated; name the spec from which it is"
        raise SpecError([Problem(source.file, 1, text)])
    spec = _Reader(module, source, reading, generating).read()
    reading.problems.check()
    return spec


class _Reader:
    def __init__(
        self, module: ModuleType, source: Source, reading: Reading, generating: Collection[str]
    ) -> None:
        self._module = module
        self._source = source
        self._reading = reading
        self._problems = reading.problems
        self._generating = generating
        self._readers: dict[type, ClassReader] = {}
        self._homes: dict[SharedName, str] = {}

    def read(self) -> Spec:
        own = [cls for cls in self._with_nested(self._defined()) if shared_mark(cls)]
        managers = self._managers()
        classes = self._classes(own, managers)
        self._check_module(own, managers)
        check_clashes(classes, managers, self._source, self._problems)
        modules = {sys.modules[cls.module] for cls in classes} | {self._module}
        raised = [e for r in self._readers.values() for e in r.raised]
        expressions = [e for m in managers for e in _of_manager(m)]
        expressions += [e for c in classes for e in _of_class(c)]
        values = values_of(self._types(expressions), self._module, self._reading)
        names = {p for e in expressions for p in e if isinstance(p, Name)}
        return Spec(
            module=self._module.__name__,
            file=self._source.file,
            classes=tuple(_ordered(classes)),
            managers=managers,
            homes=tuple(sorted(self._homes.items())),
            values=tuple(values),
            errors=tuple(errors_of(sorted(modules, key=_name), raised, self._reading)),
            doc=self._source.doc,
            layouts=layouts(sorted({*names, *values})),
        )

    def _types(self, expressions: Iterable[Expression]) -> Iterator[object]:
        """Yield the types that expressions stand for, each once."""
        for expression in dict.fromkeys(expressions):
            try:
                yield self._reading.evaluator.evaluate(expression)
            except Unreadable:
                continue  # noted already

    # --- What the module holds

    def _defined(self) -> list[type]:
        """Return the classes that the spec defines, in the order of the source."""
        name = self._module.__name__
        found = [
            value
            for value in vars(self._module).values()
            if isinstance(value, type) and value.__module__ == name
        ]
        return sorted(dict.fromkeys(found), key=self._location)

    def _with_nested(self, classes: Iterable[type]) -> Iterator[type]:
        for cls in classes:
            yield cls
            for value in vars(cls).values():
                if isinstance(value, type) and value.__qualname__ == _nested(cls, value):
                    yield value

    def _location(self, cls: type) -> Location:
        source = self._source.class_(cls)
        return source.location if source else Location(self._source.file, 1)

    def _managers(self) -> tuple[SpecManager, ...]:
        found: list[SpecManager] = []
        for cls in self._defined():
            source = self._source.class_(cls)
            if offer_of(cls) is None:
                continue
            if source is None or "." in cls.__qualname__:
                text = f"manager `{cls.__qualname__}` is not defined by a `class` statement at the"
                self._problems.add(self._location(cls), f"{text} top level of the spec")
                continue
            found.append(ManagerReader(cls, source, self._reading, self._reader).read())
        return tuple(found)

    def _check_module(self, own: list[type], managers: tuple[SpecManager, ...]) -> None:
        """Check for what was declared and has no effect."""
        found = False
        for cls in self._defined():
            entries = [n for n, v in vars(cls).items() if isinstance(v, Singleton | Factory)]
            if entries and offer_of(cls) is None:
                found = True
                text = f"`{cls.__qualname__}` has entries and is no manager; decorate it with"
                self._problems.add(self._location(cls), f"{text} `@manager`")
        for name, value in vars(self._module).items():
            if isinstance(value, Singleton | Factory) and name in self._source.bindings:
                found = True
                text = f"`{name}` is an entry outside of a manager; move it into a class decorated"
                self._problems.add(self._place(name), f"{text} with `@manager`")
            if isinstance(value, FunctionType) and _is_marked(value):
                found = True
                text = f"`{name}` is a function, and only classes are shared; make it a method of a"
                self._problems.add(self._place(name), f"{text} class, or take `@shared` away")
        if not own and not managers and not found:
            text = (
                f"`{self._module.__name__}` declares nothing; decorate classes with `@shared`, and"
                " the class that offers them with `@manager`, both from `kinfolk`"
            )
            self._problems.add(Location(self._source.file, 1), text)

    def _place(self, name: str) -> Location:
        """Return where the module binds a name."""
        bindings = self._source.bindings.get(name)
        if not bindings:
            return Location(self._source.file, 1)
        return self._source.location(bindings[-1].node)

    # --- Shared classes

    def _reader(self, cls: type) -> ClassReader:
        if cls not in self._readers:
            self._readers[cls] = ClassReader(cls, self._reading)
        return self._readers[cls]

    def _classes(self, own: list[type], managers: tuple[SpecManager, ...]) -> list[SharedClass]:
        """Read the spec's own shared classes, and others for which no module is generated."""
        found: dict[type, SharedClass | None] = {}
        waiting = [*own, *self._elsewhere(e for m in managers for e in _of_manager(m))]
        while waiting:
            cls = waiting.pop(0)
            if cls in found:
                continue
            shared = found[cls] = self._reader(cls).read()
            if shared is not None:
                waiting += self._elsewhere(_of_class(shared))
        return [shared for shared in found.values() if shared is not None]

    def _elsewhere(self, expressions: Iterable[Expression]) -> Iterator[type]:
        """Yield the classes that are mentioned and must be generated here."""
        for expression in expressions:
            for piece in expression:
                if isinstance(piece, SharedName) and not self._has_home(piece):
                    yield self._reading.expressions.shared[piece]

    def _has_home(self, name: SharedName) -> bool:
        """Tell whether the proxy of a shared class stands in another generated module."""
        if name.module == self._module.__name__ or name.qualname == "":
            return False
        if name not in self._homes:
            if name.module not in self._generating and not has_generated(name.module):
                if not _is_spec(name.module):
                    return False
                # A copy of the proxy here would be another class than the one generated there.
                text = f"`{name.qualname}` is declared by the spec `{name.module}`, which has not"
                remedy = f"run `kinfolk generate {name.module} {self._module.__name__}`"
                location = Location(self._source.file, 1)
                self._problems.add(location, f"{text} been generated; {remedy}")
            self._homes[name] = output_module(name.module)
        return True


def _nested(cls: type, inner: type) -> str:
    return f"{cls.__qualname__}.{inner.__name__}"


def _is_spec(name: str) -> bool:
    """Tell whether a module is a spec itself, by its name or by what it offers."""
    offers = any(offer_of(value) for value in vars(sys.modules[name]).values())
    return offers or name.rpartition(".")[2].endswith("spec")


def _name(module: ModuleType) -> str:
    return module.__name__


def _is_marked(function: FunctionType) -> bool:
    return any(isinstance(mark, SharedMark) for mark in vars(function).values())


def _of_manager(manager: SpecManager) -> Iterator[Expression]:
    """Yield the types that a manager mentions."""
    for entry in manager.entries:
        yield entry.shared
        if entry.constructor is not None:
            yield from _of_signature(entry.constructor)


def _of_class(shared: SharedClass) -> Iterator[Expression]:
    """Yield the types that a class mentions; its constructor's matter to factories only."""
    yield from shared.bases
    for member in shared.members:
        if isinstance(member, Method):
            yield from _of_signature(member.signature)
            for overload in member.overloads:
                yield from _of_signature(overload)
        else:
            yield member.annotation
            yield from filter(None, [member.settable])


def _of_signature(signature: Signature) -> Iterator[Expression]:
    yield from (parameter.annotation for parameter in signature.parameters)
    yield signature.result


def _ordered(classes: Iterable[SharedClass]) -> list[SharedClass]:
    """Put bases before what derives from them, and keep the order otherwise."""
    named = {SharedName(cls.module, cls.name): cls for cls in classes}
    found: dict[SharedName, SharedClass] = {}
    seen: set[SharedName] = set()

    def place(name: SharedName) -> None:
        if name in seen or name not in named:
            return
        seen.add(name)
        for base in named[name].bases:
            for piece in base[:1]:
                assert isinstance(piece, SharedName)
                place(piece)
        found[name] = named[name]

    for name in named:
        place(name)
    return list(found.values())
