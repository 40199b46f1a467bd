"""Checking that no two things in a generated module have one name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kinfolk.spec.model import Location, SharedClass, SpecManager
from kinfolk.spec.naming import class_names, manager_names
from kinfolk.spec.problems import Problems
from kinfolk.spec.sources import Source

__all__ = ["check_clashes"]


def check_clashes(
    classes: Iterable[SharedClass],
    managers: Sequence[SpecManager],
    source: Source,
    problems: Problems,
) -> None:
    """Check the names of generated classes against each other and against the spec's own."""
    taken: dict[str, str] = {}
    for name, what, location in _generated(classes, managers):
        if name in taken and taken[name] != what:
            text = f"{what} and {taken[name]} would both be generated as `{name}`; rename one"
            problems.add(location, text)
        taken.setdefault(name, what)
    _check_servers(managers, problems)
    for name, bindings in source.bindings.items():
        if name in taken:
            problems.add(
                source.location(bindings[-1].node),
                f"`{name}` is what is generated for {taken[name]}; give this one another name",
            )


def _check_servers(managers: Iterable[SpecManager], problems: Problems) -> None:
    taken: dict[str, str] = {}
    for manager in managers:
        other = taken.setdefault(manager.server, manager.name) if manager.server else manager.name
        if other != manager.name:
            text = f"managers `{other}` and `{manager.name}` are both served as `{manager.server}`"
            problems.add(manager.location, f"{text}; give one another name")


def _generated(
    classes: Iterable[SharedClass], managers: Iterable[SpecManager]
) -> Iterator[tuple[str, str, Location]]:
    for manager in managers:
        for name in manager_names(manager.name):
            yield name, f"manager `{manager.name}`", manager.location
    for cls in classes:
        for name in class_names(cls.name):
            yield name, f"shared class `{cls.module}.{cls.name}`", cls.location
