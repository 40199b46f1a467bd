"""Keys, as commands are given them: in a file that nobody else can read, or in the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from kinfolk import keys
from kinfolk.errors import AuthenticationFailed

__all__ = ["find_key", "key_of_environment", "key_of_file"]

_LONGEST: Final = 4096  # bytes


def find_key(file: Path | None) -> bytes | None:
    """Return the key from a file, if one is given, else that of the environment, if it has one.

    Raises:
        AuthenticationFailed: It cannot be read, others can read it, or it is too short.
    """
    return key_of_environment() if file is None else key_of_file(file)


def key_of_environment() -> bytes | None:
    """Return what `KINFOLK_AUTHKEY` says, if anything. Raises what `find_key` does."""
    try:
        return keys.key_of_environment()
    except ValueError as error:
        raise AuthenticationFailed(str(error)) from None


def key_of_file(file: Path) -> bytes:
    """Return the key that stands in a file. Raises what `find_key` does."""
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            key = opened.read(_LONGEST + 1)  # of what may have no end
    except OSError as error:
        raise AuthenticationFailed(
            f"--authkey-file: the key file {file} cannot be read ({error.strerror}): name a file "
            "of your own that holds the key"
        ) from None
    keys.check_closed(file, mode)
    if len(key) > _LONGEST:
        raise AuthenticationFailed(
            f"--authkey-file: {file} holds more than {_LONGEST} bytes, which is no key: name a "
            "file that holds the key alone"
        )
    try:
        return keys.check_key(key.strip())
    except ValueError as error:
        raise AuthenticationFailed(f"{file}: {error}") from None
