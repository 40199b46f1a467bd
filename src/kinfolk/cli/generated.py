"""Generated modules, as commands find them: by the name of the spec, in the working folder."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from kinfolk.cli.problems import CommandError, one_line
from kinfolk.managers import Manager
from kinfolk.spec.naming import output_module
from kinfolk.wire.reports import ServerReport
from kinfolk.wire.table import type_of

__all__ = ["manager_of", "managers_in"]


def managers_in(generated: str) -> dict[str, type[Manager]]:
    """Return the managers of a generated module, by the names that their spec gives them."""
    found = [
        value
        for value in vars(import_module(generated)).values()
        if isinstance(value, type) and issubclass(value, Manager) and value.__module__ == generated
    ]
    return {type_of(manager).name: manager for manager in found}


def manager_of(report: ServerReport) -> type[Manager]:
    """Return the generated class with which to call a server.

    Raises:
        CommandError: It cannot be imported here, or its module has no such manager.
    """
    generated = output_module(report.spec)
    try:
        managers = managers_in(generated)
    except ModuleNotFoundError as error:
        raise CommandError(_missing(report, generated, error)) from None
    except Exception as error:
        name = type(error).__name__
        raise CommandError(
            f"{generated} cannot be imported: {name}: {one_line(error)}; run "
            f"`kinfolk generate {report.spec}` if it is not up to date"
        ) from None
    if report.manager not in managers:
        raise CommandError(
            f"the server offers {report.spec}:{report.manager}, which {generated} here does not "
            f"have: run `kinfolk generate {report.spec}`"
        )
    return managers[report.manager]


def _missing(report: ServerReport, generated: str, error: ModuleNotFoundError) -> str:
    if error.name is None or not f"{generated}.".startswith(f"{error.name}."):
        return f"{generated} cannot be imported: {one_line(error)}: install what it needs"
    depth = report.spec.count(".")
    file = Path(report.file)
    if report.file and len(file.parents) > depth:
        return (
            f"{generated} is not found here: run the command in the folder that holds it, with "
            f"`cd {file.parents[depth]}`, or run `kinfolk generate {report.spec}` there"
        )
    return f"{generated} is not found here: run the command in the folder that holds it"
