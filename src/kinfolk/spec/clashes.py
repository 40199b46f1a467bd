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
    clashing: set[tuple[str, str]] = set()
    for name, what, location in _generated(classes, managers):
        other = taken.setdefault(name, what)
        if other != what and (other, what) not in clashing:
            clashing.add((other, what))
            text = f"{what} and {other} would both be generated as `{name}`; rename one"
            problems.add(location, text)
    _check_servers(managers, source, problems)
    for manager in managers:
        for entry in manager.entries:
            if entry.name in taken:
                text = f"entry `{entry.name}` is what is generated for {taken[entry.name]}"
                problems.add(entry.location, f"{text}; give it another name")
    for name, bindings in source.bindings.items():
        if name in taken:
            problems.add(
                source.location(bindings[-1].node),
                f"`{name}` is what is generated for {taken[name]}; give this one another name",
            )


def _check_servers(managers: Iterable[SpecManager], source: Source, problems: Problems) -> None:
    taken: dict[str, str] = {}
    for manager in managers:
        server = manager.server or f"{source.name}.{manager.name}"
        other = taken.setdefault(server, manager.name)
        if other != manager.name:
            text = f"managers `{other}` and `{manager.name}` are both served as `{server}`"
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
