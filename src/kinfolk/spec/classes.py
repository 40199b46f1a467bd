"""Reading shared classes, each once."""

from __future__ import annotations

from functools import cached_property

from kinfolk.declare import SharedMark, shared_mark
from kinfolk.spec.constructors import Constructors
from kinfolk.spec.kinds import look_up
from kinfolk.spec.lineage import Lineage
from kinfolk.spec.members import Members
from kinfolk.spec.model import Attribute, Member, SharedClass, Signature, TypeParameter
from kinfolk.spec.parameters import class_parameters
from kinfolk.spec.problems import Problems, Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.wrapping import combined_marks, is_method

__all__ = ["ClassReader"]


class ClassReader:
    """Reads one shared class.

    `raised` are the exceptions that `@raises` names in it, once it has been read; what is wrong
    with its constructor is kept in `constructor_problems`, since only a factory needs one.
    """

    def __init__(self, cls: type, reading: Reading) -> None:
        self.cls = cls
        self.raised: list[type[BaseException]] = [*combined_marks(cls).raises]
        self.constructor_problems = Problems()
        self._reading = reading
        self._problems = reading.problems
        self._lineage = Lineage(cls, reading)

    @property
    def doc(self) -> str | None:
        """The docstring of the class."""
        source = self._lineage.ancestors[0].source
        return source.doc if source else None

    @cached_property
    def parameters(self) -> tuple[TypeParameter, ...]:
        """The type parameters of the class."""
        source = self._lineage.ancestors[0].source
        if source is None:
            return ()
        try:
            return class_parameters(self.cls, source, self._reading)
        except Unreadable as error:
            self._problems.note(source.location, error)
            return ()

    @cached_property
    def constructor(self) -> Signature:
        """What a factory takes; without parameters if that cannot be read."""
        constructors = Constructors(self._lineage, self._names, self._reading)
        signature = constructors.read(self.constructor_problems)
        return signature or Signature((), constructors.result())

    @property
    def _names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters]

    def read(self) -> SharedClass | None:
        """Read the class; None if it has no source, which is noted."""
        cls, lineage = self.cls, self._lineage
        mark = shared_mark(cls)
        assert mark is not None
        if not self._is_importable():
            return None
        return SharedClass(
            module=cls.__module__,
            name=cls.__qualname__,
            members=self._members(mark),
            constructor=self.constructor,
            location=lineage.location,
            doc=self.doc,
            bases=tuple(lineage.shared),
            mixins=tuple(lineage.mixins),
            type_parameters=self.parameters,
            concurrent=mark.concurrent,
        )

    def _is_importable(self) -> bool:
        """Check that the class, and the shared ones it derives from, are where they say."""
        shared = [cls for cls in self.cls.__mro__ if shared_mark(cls)]
        strangers = [cls for cls in shared if not self._is_at_the_top(cls)]
        for cls in strangers:
            self._problems.add(
                self._lineage.location,
                f"the shared class `{cls.__qualname__}` is not what `{cls.__module__}` has under"
                " that name at its top level; define it there by a `class` statement, with a name"
                " of its own",
            )
        return not strangers

    def _is_at_the_top(self, cls: type) -> bool:
        return (
            "." not in cls.__qualname__
            and look_up(cls.__module__, cls.__qualname__) is cls
            and self._reading.sources.class_(cls) is not None
        )

    def _members(self, mark: SharedMark) -> tuple[Member, ...]:
        before = self._problems.count
        members = Members(self._lineage, self._names, mark, self._reading)
        found = members.read()
        self.raised += members.raised
        self._check_waiting(mark)
        self._check_views(found)
        if not found and not self._lineage.shared and self._problems.count == before:
            self._problems.add(
                self._lineage.location,
                f"`{self.cls.__qualname__}` is shared and has nothing public; add a method, or"
                " take `@shared` away",
            )
        return found

    def _check_waiting(self, mark: SharedMark) -> None:
        """A class that lets one call at a time in inherits no method that waits for another."""
        if mark.concurrent:
            return
        for base in self.cls.__mro__[1:]:
            for name, value in vars(base).items() if shared_mark(base) else ():
                if is_method(value) and combined_marks(value).blocking:
                    self._problems.add(
                        self._lineage.location,
                        f"`{self.cls.__qualname__}` inherits `{name}` from `{base.__qualname__}`,"
                        " which is `@blocking`; write `@shared(concurrent=True)`, and let it guard"
                        " itself",
                    )

    def _check_views(self, members: tuple[Member, ...]) -> None:
        """Check for names that proxies, and their async and later views, need for themselves."""
        named = {member.name: member for member in members}
        cls = self.cls.__qualname__
        if "later" in named:
            self._problems.add(
                named["later"].location,
                f"`{cls}.later` has a name that proxies need for themselves; rename it",
            )
        for member in members:
            setter = f"set_{member.name}"
            if isinstance(member, Attribute) and member.settable and setter in named:
                self._problems.add(
                    named[setter].location,
                    f"`{cls}.{setter}` clashes with the attribute `{member.name}`, which the async"
                    f" and later views set by that name; rename one, or make `_{member.name}` of"
                    " the attribute",
                )
