"""The command `kinfolk`.

`main` alone needs no more than the runtime does: it says what to install for the rest.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Final

__all__ = ["main"]

_NEEDED: Final = ("cyclopts", "rich")


def main() -> None:
    """Run the command line, and exit."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"kinfolk: {', '.join(missing)} not installed; the commands need more than the library"
            " does: pip install 'kinfolk[codegen]'",
            file=sys.stderr,
        )
        sys.exit(2)
    import_module("kinfolk.cli.app").run()
