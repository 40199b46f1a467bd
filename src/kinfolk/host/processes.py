"""Processes and their users, as the system knows them: for people who read of them."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Final

__all__ = ["listener_at", "program_of", "user_of"]

# In the tables of /proc/net.
_LISTENING: Final = "0A"

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


def listener_at(port: int) -> int:
    """Return the pid of a process that listens at a TCP port of this machine.

    0 if the system does not tell, which it does of this user's own processes only.
    """
    sockets = set[str]()
    for table in "/proc/net/tcp", "/proc/net/tcp6":
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{fields[9]}]")
    for descriptor in Path("/proc").glob("[0-9]*/fd/*") if sockets else ():
        with suppress(OSError):
            if str(descriptor.readlink()) in sockets:
                return int(descriptor.parts[2])
    return 0


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
