"""Files on the disk: changing several of them at once, or none.

Everything is first written beside its place, and then moved there; should the disk refuse even
that, what was moved already is put back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from difflib import unified_diff
from pathlib import Path

import attrs

from kinfolk.errors import GenerateError

__all__ = ["Change", "apply", "read_text"]


@attrs.frozen
class Change:
    """One generated file: what it holds, and what it is to hold. None stands for no file."""

    path: Path
    before: str | None
    after: str | None

    @property
    def needed(self) -> bool:
        """Whether the disk differs from what is to be."""
        return self.before != self.after

    def diff(self, name: str) -> list[str]:
        """Return the lines of a unified diff of the file, which it calls `name`."""
        return list(
            unified_diff(
                [] if self.before is None else self.before.splitlines(),
                [] if self.after is None else self.after.splitlines(),
                "/dev/null" if self.before is None else name,
                "/dev/null" if self.after is None else name,
                lineterm="",
            )
        )


def read_text(path: Path) -> str | None:
    """Return the text of a file, None if there is none.

    Raises:
        GenerateError: It cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GenerateError(f"cannot read {path}: {error.strerror}") from error


def apply(changes: Iterable[Change]) -> None:
    """Write all changes, or none of them.

    Raises:
        GenerateError: The disk refused one of them; all is as it was before.
    """
    needed = [change for change in changes if change.needed]
    staged: dict[Path, Path] = {}
    done: list[Change] = []
    try:
        for change in needed:
            with _refusals(change.path):
                if change.after is not None:
                    change.path.parent.mkdir(parents=True, exist_ok=True)
                    staged[change.path] = _stage(change.path, change.after)
        for change in needed:
            with _refusals(change.path):
                _commit(change, staged.pop(change.path, None))
            done.append(change)
    except BaseException:
        # An interrupt, too, must not leave half of it.
        for change in reversed(done):
            _undo(change)
        raise
    finally:
        for left in staged.values():
            left.unlink(missing_ok=True)


@contextmanager
def _refusals(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise GenerateError(
            f"cannot write {path}: {error.strerror or error}: nothing was changed; check that its "
            "folder is yours to write and has room"
        ) from error


def _stage(path: Path, text: str) -> Path:
    """Write the text beside its place, so that it moves there in one step."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        staged.write_bytes(text.encode("utf-8", "surrogateescape"))
        if path.exists():
            shutil.copymode(path, staged)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged


def _commit(change: Change, staged: Path | None) -> None:
    if staged is None:
        change.path.unlink(missing_ok=True)
        return
    try:
        staged.replace(change.path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def _undo(change: Change) -> None:
    with suppress(OSError):
        _commit(change, None if change.before is None else _stage(change.path, change.before))
