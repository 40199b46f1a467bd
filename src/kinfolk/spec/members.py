"""Choosing what a shared class exposes: methods, properties, fields and operators."""

from __future__ import annotations

import functools
import sys
from collections.abc import Collection, Iterator

from kinfolk.declare import SharedMark
from kinfolk.spec.attributes import Attributes
from kinfolk.spec.fields import fields_of, is_of_field
from kinfolk.spec.lineage import Ancestor, Lineage
from kinfolk.spec.methods import Methods
from kinfolk.spec.model import Location, Member
from kinfolk.spec.operators import role
from kinfolk.spec.problems import Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.signatures import Signatures
from kinfolk.spec.sources import ClassSource
from kinfolk.spec.wrapping import combined_marks, is_method

__all__ = ["Members"]


class Members:
    """Reads the members of one shared class.

    `raised` are the exceptions that `@raises` names on them.

    Args:
        lineage: The class and its bases.
        parameters: The names of the type parameters of the class.
        mark: What `@shared` says of the class.
        reading: What is shared while the spec is read.
    """

    def __init__(
        self, lineage: Lineage, parameters: Collection[str], mark: SharedMark, reading: Reading
    ) -> None:
        self._lineage = lineage
        self._problems = reading.problems
        self._fields = {n: f for n, f in fields_of(lineage.cls).items() if f.kept}
        signatures = Signatures(reading, reading.problems, parameters)
        self._methods = Methods(lineage, signatures, mark, reading)
        self._attributes = Attributes(lineage, signatures, reading)
        self.raised: list[type[BaseException]] = []

    def read(self) -> tuple[Member, ...]:
        """Read all members, in the order of the source, the class's own first."""
        found: list[Member] = []
        for ancestor in self._lineage.ancestors:
            if ancestor.source is None or _is_standard(ancestor.cls):
                self._refuse(ancestor)
            else:
                own = [m for m in self._of(ancestor, ancestor.source) if m is not None]
                found += sorted(own, key=lambda member: member.location)
        for name in self._fields:
            if not name.startswith("_") and self._lineage.definer(name) is None:
                text = f"field `{self._lineage.cls.__qualname__}.{name}` is declared nowhere in the"
                self._problems.add(
                    self._lineage.location, f"{text} source; declare it in the body of the class"
                )
        return tuple(found)

    def _refuse(self, ancestor: Ancestor) -> None:
        """Note public methods that come from a class whose types cannot be read."""
        names = [
            f"`{name}`"
            for name, value in vars(ancestor.cls).items()
            if not name.startswith("_")
            and (callable(value) or isinstance(value, property | classmethod | staticmethod))
            and self._lineage.definer(name) is ancestor
        ]
        if names:
            base, cls = ancestor.cls.__qualname__, self._lineage.cls.__qualname__
            self._problems.add(
                self._lineage.location,
                f"`{cls}` inherits {', '.join(names)} from `{base}`, whose types cannot be read;"
                f" keep a `{base}` in a private field, and define in `{cls}` what is to be shared",
            )

    def _of(self, ancestor: Ancestor, source: ClassSource) -> Iterator[Member | None]:
        for name in dict.fromkeys([*vars(ancestor.cls), *source.assigns, *source.functions]):
            if not _is_exposed(name) or self._lineage.definer(name) is not ancestor:
                continue
            try:
                yield self._member(name, ancestor, source)
            except Unreadable as error:
                self._problems.note(_location(name, source), error)

    def _member(self, name: str, ancestor: Ancestor, source: ClassSource) -> Member | None:
        value = vars(ancestor.cls).get(name)
        if name in self._fields:
            return self._attributes.read_field(self._fields[name], ancestor, source)
        if name.startswith("__") and (name not in source.names or role(name) == "local"):
            return None  # what attrs adds by itself is not for clients
        if is_of_field(name, source):
            return None
        marks = combined_marks(value)
        self.raised += marks.raises
        if marks.hidden:
            self._check_hidden(name, ancestor)
            return None
        if isinstance(value, property):
            return self._attributes.read_property(name, value, marks, ancestor)
        if isinstance(value, functools.cached_property) or _may_be_cached(name, value, source):
            return self._attributes.read_cached_property(name, ancestor, source)
        if is_method(value):
            return self._methods.read(name, value, marks, ancestor)
        return None

    def _check_hidden(self, name: str, ancestor: Ancestor) -> None:
        """What a shared base exposes, its proxies pass on to those of the class."""
        for base in self._lineage.inherited:
            exposed = base.source is not None and name in base.source.names
            if exposed and not combined_marks(vars(base.cls).get(name)).hidden:
                raise Unreadable(
                    f"`{ancestor.cls.__qualname__}.{name}` is `@hidden`, and proxies inherit it"
                    f" from that of `{base.cls.__qualname__}` all the same; hide it there too, or"
                    " derive from a class that is not shared"
                )


def _is_exposed(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_standard(cls: type) -> bool:
    """Tell whether a class belongs to the standard library, whose source has no annotations."""
    return cls.__module__.partition(".")[0] in sys.stdlib_module_names


def _may_be_cached(name: str, value: object, source: ClassSource) -> bool:
    """Tell whether a definition may be a `cached_property` that attrs turned into a slot."""
    return name in source.functions and not is_method(value)


def _location(name: str, source: ClassSource) -> Location:
    """Return where a name is bound in the body of a class."""
    nodes = [*source.functions.get(name, ()), *filter(None, [source.assigns.get(name)])]
    return source.source.location(nodes[-1]) if nodes else source.location
