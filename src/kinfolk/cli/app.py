"""The commands, put together."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cyclopts import App, CycloptsError, MissingArgumentError

import kinfolk
from kinfolk.cli.problems import one_line
from kinfolk.errors import KinfolkError, SpecError

__all__ = ["app", "run"]

app = App(
    name="kinfolk",
    help="Typed objects shared between Python processes that share no parent.",
    version=kinfolk.__version__,
)


def _add(name: str, usage: str, module: str = "") -> None:
    """Add a command by its name, so that no other one is imported when it runs."""
    app.command(
        f"kinfolk.cli.{module or name}:{name}", name, usage=f"Usage: kinfolk {name} {usage}"
    )


_add("generate", "[SPEC...] [--stubs DIR]")
_add("check", "[SPEC...] [--stubs DIR]", module="generate")
_add("serve", "SPEC[:MANAGER] [OPTIONS]")
_add("status", "[SPEC[:MANAGER]|ADDRESS] [--json] [--watch]")
_add("stop", "[SPEC[:MANAGER]|ADDRESS]")
_add("call", "EXPRESSION [OPTIONS]")
_add("shell", "[OPTIONS]")
app.register_install_completion_command(  # pyright: ignore[reportUnknownMemberType]
    help="Have the shell complete kinfolk's commands and options: bash, zsh or fish."
)


def run() -> None:
    """Run the command that `sys.argv` asks for, and exit.

    A mistake of the user's is one line each on stderr, and exit code 1.
    """
    # As for `python -m`, whatever way the command was started.
    sys.path.insert(0, str(Path.cwd()))
    if not sys.argv[1:] or sys.argv[1] in app.help_flags:
        for name in app:
            app[name]  # imported, since the list of all says what each does
    try:
        app(print_error=False, exit_on_error=False)
    except SpecError as error:
        sys.exit("\n".join(map(str, error.problems)))
    except KinfolkError as error:
        sys.exit(f"kinfolk: {one_line(error)}")
    except CycloptsError as error:
        sys.exit(f"kinfolk: {one_line(error)}{_usage(error)} See `kinfolk --help`.")
    except BrokenPipeError:
        # Whoever read what was printed has seen enough. At exit, Python would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        # Such as a folder for completions that cannot be written.
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"kinfolk: {where}{error.strerror or one_line(error)}")
    except KeyboardInterrupt:
        sys.exit(130)


def _usage(error: CycloptsError) -> str:
    """Return how to write a command of which something is missing."""
    if not isinstance(error, MissingArgumentError) or not error.command_chain:
        return ""
    return f" {app[error.command_chain[0]].usage}."
