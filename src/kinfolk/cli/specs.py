"""Spec modules as users name them: `crawler.spec`, `crawler.spec:Crawl`, `crawler/spec.py`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kinfolk.errors import GenerateError

__all__ = ["split_spec"]


def split_spec(text: str) -> tuple[str, str | None]:
    """Return the module of a spec, and the manager that is named with it.

    A path is turned into the module that it is imported as; the folder that holds its package is
    made importable.

    Raises:
        GenerateError: There is no such file, or it cannot be imported as a module.
    """
    module, _, manager = text.partition(":")
    if module.endswith(".py") or os.sep in module:
        module = _module_of(module)
    if module == "__main__":
        raise GenerateError(
            "a spec cannot be `__main__`, since no other process can import that: "
            "name the module, as in `kinfolk generate crawler.spec`"
        )
    if not all(part.isidentifier() for part in module.split(".")):
        raise GenerateError(
            f"{text!r} is no module: name it as it is imported, as in `crawler.spec`"
        )
    return module, manager or None


def _module_of(text: str) -> str:
    path = Path(text).absolute()
    if not path.exists():
        raise GenerateError(f"there is no file {text}")
    if path.name == "__init__.py":
        path = path.parent
    root = _root(path)
    if root is None:
        raise GenerateError(
            f"{text} is outside of the folders that Python imports from; "
            "run kinfolk in the folder that holds its package"
        )
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _root(path: Path) -> Path | None:
    """Return the folder from which a file is imported, and make it importable."""
    folder = path.parent
    if (folder / "__init__.py").exists():
        while (folder / "__init__.py").exists():
            folder = folder.parent
        if str(folder) not in sys.path:
            sys.path.insert(1, str(folder))
        return folder
    # A package without __init__.py can begin anywhere; the nearest folder is the likeliest.
    folders = [Path(entry).absolute() for entry in sys.path]
    parents = [folder for folder in folders if path.is_relative_to(folder)]
    return max(parents, key=lambda folder: len(folder.parts), default=None)
