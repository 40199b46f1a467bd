"""The open files that a server needs, and what it leaves beside its socket."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import resource
from pathlib import Path
from typing import IO, Final

from kinfolk.addresses import UnixAddress
from kinfolk.limits import Limits

__all__ = ["because", "beside", "open_log", "open_private", "raise_file_limit", "spec_file"]

# A connection costs one, and on Linux another with which its process is watched.
_FILES_EACH: Final = 2
_OTHER_FILES: Final = 200
_LONG: Final = 2**20
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def raise_file_limit(limits: Limits) -> None:
    """Let the process open what its limits need, as far as the system allows that."""
    wanted = _FILES_EACH * limits.connections + limits.handshakes + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        # Where the system has a limit of its own, shortages are met as they come.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def spec_file(module: str) -> str:
    """Return the file of a spec module, without importing it; empty where there is none."""
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ""
    return "" if found is None or found.origin is None else str(Path(found.origin).absolute())


def beside(address: UnixAddress, suffix: str) -> Path:
    """Return the path of a file that belongs to a socket: `crawl.sock` has `crawl.pid`."""
    path = Path(address.path)
    return path.with_suffix(suffix if path.suffix == ".sock" else path.suffix + suffix)


def because(error: OSError) -> str:
    """Return why a file beside a socket cannot be used, and what to do about it."""
    if error.errno == errno.ELOOP:
        return "it is a link, which is refused: remove it"
    reason = error.strerror or str(error)
    if error.errno == errno.ENOENT:
        reason += ": make its folder first"
    if error.errno in _FULL:
        reason += ": free some space, or set KINFOLK_DIR to a folder on another disk"
    return reason


def open_log(address: UnixAddress) -> IO[bytes]:
    """Return the log of a server that has no terminal, to be added to.

    A long one is kept as `<name>.log.old`, in place of the one before.

    Raises:
        OSError: It cannot be opened, or is a link.
    """
    path = beside(address, ".log")
    with contextlib.suppress(FileNotFoundError):
        if path.lstat().st_size > _LONG:
            path.replace(path.with_suffix(".log.old"))
    return open(path, "ab", opener=open_private)


def open_private(path: str, flags: int) -> int:
    """Open a file as one that nobody else can read, and never a link."""
    # A pipe that lies there is not waited for.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
