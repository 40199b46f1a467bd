"""From the names of spec modules to the files on the disk: the whole pipe."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from kinfolk.codegen.files import Change, apply
from kinfolk.codegen.outputs import plan
from kinfolk.codegen.render import render
from kinfolk.errors import GenerateError, Problem, SpecError
from kinfolk.spec.model import Spec
from kinfolk.spec.reader import read

__all__ = ["changes", "generate"]


def changes(
    modules: Iterable[str],
    stubs: Path | None = None,
    read_only: Collection[str] = (),
    begin: Callable[[str], object] | None = None,
) -> list[Change]:
    """Return every generated file of the specs, as it is and as it is to be.

    Args:
        modules: The names of spec modules.
        stubs: The root of a tree of stubs, instead of the folders of the modules.
        read_only: Those modules whose stubs type results by read-only protocols.
        begin: Called with the name of each module before it is read.

    Raises:
        SpecError: A spec has mistakes; all of them are reported.
        GenerateError: A file that is not generated stands in the way.
    """
    specs = _read(list(modules), begin)
    planned = [
        change
        for spec in specs
        for change in plan(spec, render(spec, read_only_copies=spec.module in read_only), stubs)
    ]
    found: dict[Path, Change] = {}
    for change in planned:
        if found.setdefault(change.path, change) != change:
            raise GenerateError(f"two specs are generated into {change.path}: rename one of them")
    return list(found.values())


def _read(modules: list[str], begin: Callable[[str], object] | None) -> list[Spec]:
    """Read all specs, and report the mistakes of all of them together."""
    specs: list[Spec] = []
    problems: list[Problem] = []
    for module in modules:
        if begin is not None:
            begin(module)
        try:
            specs.append(read(module, generating=modules))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(dict.fromkeys(problems))
    return specs


def generate(modules: Iterable[str], stubs: Path | None = None) -> list[Change]:
    """Write the generated files of the specs, all or none, and return them.

    Raises:
        SpecError: A spec has mistakes; all of them are reported, and nothing is written.
        GenerateError: A file cannot be written; nothing was.
    """
    found = changes(modules, stubs)
    apply(found)
    return found
