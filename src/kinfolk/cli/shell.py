"""`kinfolk shell`."""

from __future__ import annotations

import code
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from kinfolk.cli.opening import opened
from kinfolk.managers import Manager
from kinfolk.wire.table import type_of

__all__ = ["shell"]


def shell(
    *, spec: str | None = None, address: str | None = None, authkey_file: Path | None = None
) -> None:
    """Open a Python prompt with a server's objects.

    Example: `kinfolk shell` at the only server of yours, and then `frontier.push("a")`. Every entry
    is there by its name, and `manager` is the manager that they come from. Tab completes. Without
    a terminal it runs the lines that it reads.

    The generated module is imported from the working folder.

    Args:
        spec: The server's spec, as in crawler.spec or crawler.spec:Crawl. May be left out if only
            one server runs.
        address: The server's address, in place of its spec; else KINFOLK_ADDRESS, if it is set.
        authkey_file: A file with the key, for a server that asks for one; else KINFOLK_AUTHKEY.
    """
    with opened(spec, address, authkey_file) as manager:
        names = _names(manager)
        console = code.InteractiveConsole(names)
        if sys.stdin.isatty():
            _complete(names)
            console.interact(banner=_banner(manager), exitmsg="")
        else:
            _run(sys.stdin, console)


def _run(lines: Iterable[str], console: code.InteractiveConsole) -> None:
    for line in lines:
        console.push(line.rstrip("\n"))
    console.push("")  # ends the last block


def _names(manager: Manager) -> dict[str, Any]:
    offer = type_of(type(manager))
    singletons = {name: getattr(manager, name)() for name in offer.singletons}
    factories = {name: getattr(manager, name) for name in offer.root.names}
    return {"__name__": "__console__", **factories, **singletons, "manager": manager}


def _banner(manager: Manager) -> str:
    offer = type_of(type(manager))
    names = [*offer.singletons, *(f"{name}(…)" for name in sorted(offer.root.names))]
    return f"{manager!r} is manager; with it come {', '.join(names)}"


def _complete(names: dict[str, Any]) -> None:
    """Have Tab complete names, where Python was built with what that takes."""
    try:
        readline = import_module("readline")
        rlcompleter = import_module("rlcompleter")
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(names).complete)
    own = "libedit" in (readline.__doc__ or "")  # macOS
    readline.parse_and_bind("bind ^I rl_complete" if own else "tab: complete")
