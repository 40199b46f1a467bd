"""The key of a private socket: a file beside it, which the server makes and its user can read.

Whoever holds the key of a server that unpickles can do with it what they like, so there is one
always, also where the kernel vouches for the user.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from kinfolk.addresses import UnixAddress
from kinfolk.errors import AddressError, AuthenticationFailed

__all__ = ["key_file", "make_key", "read_key"]

_BYTES: Final = 32
_OTHERS: Final = 0o077
_LONGEST: Final = 4_096


def key_file(address: UnixAddress) -> Path:
    """Return where the key of a socket lies."""
    path = Path(address.path)
    return path.with_suffix(".key" if path.suffix == ".sock" else f"{path.suffix}.key")


def make_key(address: UnixAddress) -> bytes:
    """Make a key and its file, in place of one that a dead server left.

    Raises:
        AddressError: The file cannot be made.
    """
    path, key = key_file(address), secrets.token_hex(_BYTES).encode()
    try:
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(path, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(key)
    except OSError as error:
        raise AddressError(f"the key file {path} cannot be made: {error.strerror}") from None
    return key


def read_key(address: UnixAddress) -> bytes | None:
    """Return the key that a server has made; None if it has made none.

    Raises:
        AuthenticationFailed: The file is not this user's own, or open to others.
    """
    path = key_file(address)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AuthenticationFailed(f"the key file {path}: {error.strerror}") from None
    with open(file, "rb") as opened:  # noqa: PTH123 - a descriptor
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise AuthenticationFailed(f"the key file {path} is not yours: remove it")
        if found.st_mode & _OTHERS:
            mode = stat.S_IMODE(found.st_mode)
            raise AuthenticationFailed(
                f"the key file {path} is open to other users (mode {mode:o}): run "
                f"`chmod 600 {path}`"
            )
        return opened.read(_LONGEST)
