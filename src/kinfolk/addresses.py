"""Addresses: where a server listens, as users write it and as sockets take it.

A user writes what `multiprocessing.managers` takes, a tuple `(host, port)` or the path of a Unix
socket, or a URL: `tcp://host:port`, `unix:///path`. Without an address there is the user's own
folder, which this module makes and checks, and in it one socket for each manager.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
import sys
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote, unquote, urlsplit

import attrs

from kinfolk.errors import AddressError
from kinfolk.signals import pass_on_what_handlers_raise

__all__ = [
    "Address",
    "TcpAddress",
    "UnixAddress",
    "WrittenAddress",
    "check_kept",
    "check_private",
    "default_address",
    "default_folder",
    "is_private_address",
    "parse_address",
    "private_address",
    "private_folder",
    "resolve_address",
]

WrittenAddress: TypeAlias = str | os.PathLike[str] | tuple[str, int]
"""An address as users give it."""

_LONGEST_PATH: Final = 107 if sys.platform == "linux" else 103  # sun_path without its last zero
_LARGEST_PORT: Final = 65535
_OTHERS: Final = 0o077
_OTHERS_MAY_WRITE: Final = 0o002
_numbers = itertools.count(1)
_PRIVATE: Final = re.compile(r".+\.\d+-\d+\.sock")


@attrs.frozen
class UnixAddress:
    """A Unix socket; `path` is absolute and short enough for the system."""

    path: str

    def __str__(self) -> str:
        return f"unix://{quote(self.path, safe='/@:+~')}"

    @property
    def raw(self) -> str:
        """The address as `multiprocessing.managers` writes it."""
        return self.path


@attrs.frozen
class TcpAddress:
    """A TCP port; `host` is a name or a number, without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    @property
    def raw(self) -> tuple[str, int]:
        """The address as `multiprocessing.managers` writes it."""
        return self.host, self.port


Address: TypeAlias = UnixAddress | TcpAddress
"""Its `str()` is its URL."""


# --- What users write


def resolve_address(address: WrittenAddress | None, name: str) -> Address:
    """Return the address given, else that in `KINFOLK_ADDRESS`, else the default of a manager.

    Args:
        address: What the user wrote, if anything.
        name: The name of the manager's socket.

    Raises:
        AddressError: It cannot be read.
    """
    address = address or os.environ.get("KINFOLK_ADDRESS")
    return parse_address(address) if address else default_address(name)


def parse_address(address: WrittenAddress) -> Address:
    """Read an address in any of the forms that users write.

    Raises:
        AddressError: It is in none of them, or the path is too long for a socket.
    """
    match address:
        case (str() as host, int() as port):
            return _tcp(host, port, address)
        case str() | os.PathLike():
            text = os.fspath(address)
        case _:
            raise AddressError(f"{address!r} is no address: write {_FORMS}")
    if text.startswith("unix:"):
        return _unix_url(text)
    if text.startswith("tcp:"):
        return _tcp_url(text)
    scheme, separator, rest = text.partition(":")
    if "://" in text or (separator and rest.isdigit() and "/" not in scheme):
        raise AddressError(f"{text!r} is no address: write {_FORMS}")
    return _unix(text)


_FORMS: Final = "tcp://host:port, unix:///path, (host, port), or the path of a Unix socket"


def _unix_url(text: str) -> UnixAddress:
    parts = urlsplit(text)
    if parts.netloc or parts.query or parts.fragment or not parts.path.startswith("/"):
        raise AddressError(f"{text!r} is no address: write unix:///path, with three slashes")
    return _unix(unquote(parts.path))


def _unix(path: str) -> UnixAddress:
    if path.startswith("\0"):
        raise AddressError(
            f"{path!r} is an abstract socket, which no folder keeps from others: give a path"
        )
    if not path or "\0" in path:
        raise AddressError(f"{path!r} is no path of a socket")
    path = str(Path(path).absolute())
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        raise AddressError(
            f"the socket's path {path} has {length} bytes, and the system allows {_LONGEST_PATH}: "
            "give a shorter address, or set KINFOLK_DIR to a folder with a shorter path"
        )
    return UnixAddress(path)


def _tcp_url(text: str) -> TcpAddress:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        pass_on_what_handlers_raise(error)
        host = port = None
    else:
        if parts.path or parts.query or parts.fragment or parts.username is not None:
            host = None
    if not host or port is None:
        raise AddressError(
            f"{text!r} is no address: write tcp://host:port, with a port from 0 to "
            f"{_LARGEST_PORT}, and an IPv6 host in brackets"
        )
    return TcpAddress(host, port)


def _tcp(host: str, port: int, written: object) -> TcpAddress:
    if not host:
        raise AddressError(
            f"{written!r} names no host: write 127.0.0.1 for this machine only, or 0.0.0.0 for all "
            "its networks"
        )
    if not 0 <= port <= _LARGEST_PORT:
        raise AddressError(f"{written!r} is no address: a port is from 0 to {_LARGEST_PORT}")
    return TcpAddress(host, port)


# --- The user's own folder


def default_address(name: str) -> UnixAddress:
    """Return the address of a manager that nobody gave one.

    Raises:
        AddressError: The name cannot be a file's, or the path is too long.
    """
    if "/" in name or "\0" in name or name in {"", ".", ".."}:
        raise AddressError(f"{name!r} cannot name a socket: it has to be a name for a file")
    return _unix(str(default_folder() / f"{name}.sock"))


def private_address(name: str) -> UnixAddress:
    """Return an address that no other server has, for a server that only its starter knows."""
    return default_address(f"{name}.{os.getpid()}-{next(_numbers)}")


def is_private_address(address: Address) -> bool:
    """Return whether an address is one that only the starter of its server knows."""
    if not isinstance(address, UnixAddress):
        return False
    path = Path(address.path)
    return path.parent == default_folder() and _PRIVATE.fullmatch(path.name) is not None


def default_folder() -> Path:
    """Return the folder for the sockets of this user, which need not be there.

    It is `$KINFOLK_DIR`, else `/tmp/kinfolk-<uid>/`: the same under a login shell and under cron.
    """
    given = os.environ.get("KINFOLK_DIR")
    if given:
        return Path(given).absolute()
    # Anybody can write to /tmp; that is why the folder is checked before each use.
    return Path(f"/tmp/kinfolk-{os.geteuid()}")  # noqa: S108


def private_folder() -> Path:
    """Return the default folder, made if it was not there.

    Raises:
        AddressError: It is somebody else's, open to others, or no folder.
    """
    folder = default_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:  # a file, or a link that leads nowhere
        pass_on_what_handlers_raise(error)
    except OSError as error:
        pass_on_what_handlers_raise(error)
        raise AddressError(
            f"the folder {folder} cannot be made ({error.strerror}): "
            "set KINFOLK_DIR to a folder of your own"
        ) from None
    check_private(folder)
    return folder


def check_private(folder: Path) -> None:
    """Make sure that nobody else can put a socket into a folder, nor take one out.

    Raises:
        AddressError: It is somebody else's, open to others, or no folder.
        FileNotFoundError: It is not there.
    """
    found = folder.lstat()
    user = os.geteuid()
    if not stat.S_ISDIR(found.st_mode):
        what = "a link" if stat.S_ISLNK(found.st_mode) else "no folder"
        raise AddressError(f"{folder} is {what}: remove it, or set KINFOLK_DIR to a real folder")
    if found.st_uid != user:
        raise AddressError(
            f"the folder {folder} belongs to user {found.st_uid}, and you are {user}: "
            "set KINFOLK_DIR to a folder of your own"
        )
    if found.st_mode & _OTHERS:
        raise AddressError(
            f"the folder {folder} is open to others (mode {stat.S_IMODE(found.st_mode):o}): "
            f"run `chmod 700 {folder}`"
        )


def check_kept(folder: Path) -> None:
    """Make sure that not everybody can take away what others put into a folder.

    Raises:
        AddressError: Everybody can.
        FileNotFoundError: It is not there.
    """
    mode = folder.stat().st_mode
    if mode & _OTHERS_MAY_WRITE and not mode & stat.S_ISVTX:
        raise AddressError(
            f"everybody may take away what lies in the folder {folder} (mode "
            f"{stat.S_IMODE(mode):o}): run `chmod o-w {folder}`, or give an address in a folder of "
            "your own"
        )
