"""`kinfolk shell`."""

from __future__ import annotations

import code
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from kinfolk.cli.opening import opened
from kinfolk.managers import Manager
from kinfolk.wire.table import type_of

__all__ = ["shell"]

_STDIN: Final = "<stdin>"


def shell(
    *, spec: str | None = None, address: str | None = None, authkey_file: Path | None = None
) -> None:
    """Open a Python prompt with a server's objects.

    Example: `kinfolk shell` at the only server of yours, and then `frontier.push("a")`. Every entry
    is there by its name, and `manager` is the manager that they come from. Tab completes. Without
    a terminal all that it reads is one program, as in `python < file`.

    The generated module is imported from the working folder.

    Args:
        spec: The server's spec, as in crawler.spec or crawler.spec:Crawl. May be left out if only
            one server runs.
        address: The server's address, in place of its spec; else KINFOLK_ADDRESS, if it is set.
        authkey_file: A file with the key, for a server that asks for one; else KINFOLK_AUTHKEY.
    """
    with opened(spec, address, authkey_file) as manager:
        names = _names(manager)
        if sys.stdin.isatty():
            _complete(names)
            code.InteractiveConsole(names).interact(banner=_banner(manager), exitmsg="")
        else:
            _run(sys.stdin.buffer.read(), names)


def _run(program: bytes, names: dict[str, Any]) -> None:
    """Run a program; if it raises, show that as Python does, and exit with 1."""
    try:
        exec(compile(program, _STDIN, "exec"), {**names, "__name__": "__main__"})  # noqa: S102 - the user's own
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != _STDIN:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        sys.exit(1)


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
