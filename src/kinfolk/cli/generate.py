"""`kinfolk generate` and `kinfolk check`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kinfolk.cli.progress import progress
from kinfolk.cli.specs import split_spec
from kinfolk.codegen.files import Change, apply
from kinfolk.codegen.generate import changes
from kinfolk.codegen.settings import find_settings
from kinfolk.errors import GenerateError

__all__ = ["check", "generate"]


def generate(*specs: str, stubs: Path | None = None, read_only_copies: bool = False) -> None:
    """Write the managers and proxies of spec modules.

    Example: `kinfolk generate crawler.spec` writes crawler/manager.py and, beside it, its types
    in crawler/manager.pyi.

    Without a spec, those that `[tool.kinfolk]` in pyproject.toml lists are generated.

    Args:
        specs: Modules, as in crawler.spec, or their files.
        stubs: The root of a tree of stubs, in place of the folders of the modules.
        read_only_copies: Type results by read-only protocols (`list` by `Sequence`, and so on), so
            that checkers refuse to change what is only a copy.
    """
    found = _changes(specs, stubs, read_only_copies)
    apply(found)
    console = Console(highlight=False, soft_wrap=True)
    for change in found:
        console.print(Text(f"{_done(change)} {_shown(change.path)}"))


def check(*specs: str, stubs: Path | None = None, read_only_copies: bool = False) -> None:
    """Say whether the generated files still fit their specs; write nothing.

    Example: `kinfolk check crawler.spec` prints what would change as a diff, and exits with 1 if
    anything would.

    Without a spec, those that `[tool.kinfolk]` in pyproject.toml lists are checked.

    Args:
        specs: Modules, as in crawler.spec, or their files.
        stubs: The root of a tree of stubs, in place of the folders of the modules.
        read_only_copies: Type results by read-only protocols (`list` by `Sequence`, and so on), so
            that checkers refuse to change what is only a copy.
    """
    found = _changes(specs, stubs, read_only_copies)
    stale = [change for change in found if change.needed]
    console = Console(highlight=False, soft_wrap=True)
    for change in stale:
        for line in change.diff(_shown(change.path)):
            console.print(Text(line, style=_style(line)))
    if stale:
        sys.exit(f"kinfolk: {_count(stale)} stale; run `kinfolk generate`")
    console.print(Text(f"{_count(found)} up to date"))


def _changes(specs: Iterable[str], stubs: Path | None, read_only: bool) -> list[Change]:
    settings = find_settings(Path.cwd())
    if settings.folder is not None and str(settings.folder) not in sys.path:
        sys.path.insert(1, str(settings.folder))
    modules = dict.fromkeys(split_spec(spec)[0] for spec in specs or settings.specs)
    if not modules:
        raise GenerateError(
            "which spec? Name a module, as in `kinfolk generate crawler.spec`, "
            'or list it in pyproject.toml: [tool.kinfolk] specs = ["crawler.spec"]'
        )
    asked = read_only or settings.read_only_copies
    copies = modules if asked is True else asked or ()
    with progress("reading", len(modules)) as begin:
        return changes(modules, stubs or settings.stubs, copies, begin)


def _done(change: Change) -> str:
    if not change.needed:
        return "unchanged"
    return "removed" if change.after is None else "wrote"


def _shown(path: Path) -> str:
    here = Path.cwd()
    path = path.absolute()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _count(changes: list[Change]) -> str:
    return f"{len(changes)} generated file{' is' if len(changes) == 1 else 's are'}"


def _style(line: str) -> str:
    if line.startswith(("---", "+++")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
