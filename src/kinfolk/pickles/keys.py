"""The key of a private socket: a file beside it, which the server makes and its user can read.

Whoever holds the key of a server that unpickles can do with it what they like, so there is one
always, also where the kernel vouches for the user.
"""

from __future__ import annotations

import os
import secrets
import stat
import weakref
from pathlib import Path
from typing import Final

from kinfolk.addresses import Address, UnixAddress
from kinfolk.errors import AddressError, AuthenticationFailed, KinfolkError
from kinfolk.keys import check_closed
from kinfolk.server.files import because, beside, open_private
from kinfolk.signals import pass_on_what_handlers_raise

__all__ = ["ServerKey", "key_file", "read_key"]

_BYTES: Final = 32
_LONGEST: Final = 4_096
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def key_file(address: UnixAddress) -> Path:
    """Return where the key of a socket lies."""
    return beside(address, ".key")


class ServerKey:
    """The key of a server, with the file beside its socket if it made one.

    The server has to hold its address by now, since what lies there is taken for a dead one's.

    Args:
        address: Where the server listens.
        given: The key that it was given; None to make one, for a Unix socket.

    Raises:
        AddressError: The file cannot be made, or an old one not be removed.
    """

    def __init__(self, address: Address, given: bytes | None) -> None:
        self._remove: weakref.finalize[[Path, int], ServerKey] | None = None
        if isinstance(address, UnixAddress):
            path = key_file(address)
            try:
                path.unlink(missing_ok=True)
                if given is None:
                    given = _make(path)
                    self._remove = weakref.finalize(self, _remove, path, os.getpid())
            except OSError as error:
                raise AddressError(
                    f"the key file {path} cannot be made: {because(error)}"
                ) from None
        assert given is not None  # listen() does without one at a Unix socket only
        self.value: Final = given

    def remove(self) -> None:
        """Remove the file, before the address is given up; removing twice has no effect."""
        if self._remove is not None:
            self._remove()


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:
        path.unlink(missing_ok=True)


def _make(path: Path) -> bytes:
    key = secrets.token_hex(_BYTES).encode()
    try:
        with open(path, "xb", opener=open_private) as file:
            file.write(key)
    except FileExistsError:
        raise
    except OSError:
        path.unlink(missing_ok=True)  # a full disk has left a part of it
        raise
    return key


def read_key(address: UnixAddress) -> bytes | None:
    """Return the key that a server has made; None if it has made none.

    Raises:
        AuthenticationFailed: The file is not this user's own, or open to others.
    """
    path = key_file(address)
    opened: list[int] = []
    try:
        # In one call, so that no signal handler comes before the descriptor is in the list.
        opened.extend(map(os.open, [path], [_FLAGS]))
        return _read(path, opened[0])
    except FileNotFoundError as error:
        pass_on_what_handlers_raise(error)
        return None
    except OSError as error:
        if isinstance(error, KinfolkError):
            raise
        pass_on_what_handlers_raise(error)
        raise AuthenticationFailed(f"the key file {path}: {because(error)}") from None
    finally:
        for file in opened:
            os.close(file)


def _read(path: Path, file: int) -> bytes:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise AuthenticationFailed(f"the key file {path} is not yours: remove it")
    check_closed(path, found.st_mode)
    return os.read(file, _LONGEST)
