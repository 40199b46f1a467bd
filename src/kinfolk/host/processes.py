"""Processes and their users, as the system knows them: for people who read of them."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final

__all__ = ["program_of", "user_of"]

_WITH_VALUE: Final = frozenset({"-W", "-X", "--check-hash-based-pycs"})


def user_of(uid: int) -> str:
    """Return the name of a user, or the number of one that the system does not know."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def program_of(pid: int) -> str:
    """Return what people call the program of a process; empty if the system does not tell."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    words = line.rstrip(b"\0").decode(errors="replace").split("\0")
    # It is the process's own word, and goes to a terminal.
    return "".join(c if c.isprintable() else "?" for c in _program(words))


def _program(words: list[str]) -> str:
    name = PurePath(words[0]).name
    return _python_program(iter(words[1:])) or name if name.startswith("python") else name


def _python_program(words: Iterator[str]) -> str:
    """Return what Python was told to run; empty if it was told nothing."""
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif word == "-m":
            return f"python -m {next(words, '')}"
        elif word == "-c":
            return "python -c"
        elif not word.startswith("-"):
            return PurePath(word).name
    return ""
