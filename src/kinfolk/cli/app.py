"""The commands, put together."""

from __future__ import annotations

import sys
from pathlib import Path

from cyclopts import App

import kinfolk
from kinfolk.cli.generate import check, generate
from kinfolk.cli.serve import serve
from kinfolk.errors import KinfolkError, SpecError

__all__ = ["app", "run"]

app = App(
    name="kinfolk",
    help="Typed objects shared between Python processes that share no parent.",
    version=kinfolk.__version__,
)
app.command(generate, usage="Usage: kinfolk generate [SPEC...] [--stubs DIR]")
app.command(check, usage="Usage: kinfolk check [SPEC...] [--stubs DIR]")
app.command(serve, usage="Usage: kinfolk serve SPEC[:MANAGER] [OPTIONS]")


def run() -> None:
    """Run the command that `sys.argv` asks for, and exit.

    A mistake of the user's is one line each on stderr, and exit code 1.
    """
    # As for `python -m`, whatever way the command was started.
    sys.path.insert(0, str(Path.cwd()))
    try:
        app()
    except SpecError as error:
        sys.exit("\n".join(map(str, error.problems)))
    except KinfolkError as error:
        sys.exit(f"kinfolk: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
