"""Listening: taking an address, holding it for life, and leaving nothing behind.

A Unix socket's file says nothing about whether anybody still listens. So each has a pid file beside
it, `<name>.pid`, which its server keeps locked: the lock ends with the process, however it ends,
and who holds it may take over what a dead server left.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
import stat
import weakref
from pathlib import Path
from typing import IO, Final

from kinfolk.addresses import (
    Address,
    TcpAddress,
    UnixAddress,
    check_kept,
    default_folder,
    private_folder,
)
from kinfolk.errors import AddressError, AlreadyRunning
from kinfolk.host.processes import listener_at, program_of
from kinfolk.server.files import because, beside
from kinfolk.sockets import close_in_children

__all__ = ["Listener", "listen", "running"]

_LONGEST: Final = 8192
_HERE: Final = ": give an address of this machine"


class Listener:
    """A listening socket, and what is removed with it.

    `address` is the one that clients use: the port is the real one also where any was asked for.
    What nobody closes is given up with it, or when the program ends.
    """

    def __init__(self, sock: socket.socket, address: Address, lock: _Lock | None = None) -> None:
        self.sock = sock
        self.address = address
        self._give_up = weakref.finalize(self, _give_up, sock, address, lock, os.getpid())
        close_in_children(sock)

    def close(self) -> None:
        """Stop listening, and remove the files of a Unix socket; closing twice has no effect."""
        self._give_up()


def _give_up(sock: socket.socket, address: Address, lock: _Lock | None, owner: int) -> None:
    sock.close()
    if lock is None or os.getpid() != owner:
        return
    assert isinstance(address, UnixAddress)
    Path(address.path).unlink(missing_ok=True)
    lock.release()


def listen(
    address: Address, *, key: bytes | None, insecure: bool = False, about: str = ""
) -> Listener:
    """Take an address and listen there.

    Args:
        address: Where to listen. Port 0 takes any that is free.
        key: The key that clients will have to hold, if any.
        insecure: Listen also where others can read along.
        about: What is served there, for those who find the address taken: the file of the spec.

    Raises:
        AlreadyRunning: Another server listens there.
        AddressError: The address cannot be used, or not without a key or `insecure`.
    """
    if isinstance(address, UnixAddress):
        return _listen_unix(address, about)
    if key is None:
        raise AddressError(
            f"{address} can be reached by every user of this machine: give an authkey, in "
            "KINFOLK_AUTHKEY or a file (`--authkey-file`)"
        )
    return _listen_tcp(address, insecure=insecure)


# --- Unix sockets


def _listen_unix(address: UnixAddress, about: str) -> Listener:
    folder = Path(address.path).parent
    if folder == default_folder():
        private_folder()
    else:
        with contextlib.suppress(FileNotFoundError):  # which the lock will meet
            check_kept(folder)
    lock = _Lock(address, about)
    try:
        _remove_stale(address)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(address.path)
            # Nobody can connect before listen(), so the mode holds from the first connection on.
            Path(address.path).chmod(0o600)
            sock.listen(socket.SOMAXCONN)
        except OSError as error:
            sock.close()
            raise AddressError(f"cannot listen at {address}: {because(error)}") from None
    except BaseException:
        lock.release()
        raise
    return Listener(sock, address, lock)


def _remove_stale(address: UnixAddress) -> None:
    path = Path(address.path)
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise AddressError(
            f"{path} is a link, which is refused: remove it, or give the address that it leads to"
        )
    if not stat.S_ISSOCK(found.st_mode):
        raise AddressError(f"{path} is there and no socket: remove it, or give another address")
    if found.st_uid != os.geteuid():
        raise AddressError(
            f"the socket {path} belongs to user {found.st_uid}, and you are {os.geteuid()}: give "
            "another address"
        )
    try:
        used = _is_listened_at(address)
    except OSError as error:
        raise AddressError(
            f"{path} is a socket of another kind ({error.strerror}): remove it, or give another "
            "address"
        ) from None
    if used:
        raise AlreadyRunning(
            f"another program, which has no pid file, listens at {address}: end it, or give "
            "another address"
        )
    path.unlink(missing_ok=True)


def _is_listened_at(address: UnixAddress) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # Where many wait already to be accepted, this one does not.
        probe.setblocking(False)  # noqa: FBT003 - named so by the standard library
        try:
            probe.connect(address.path)
        except BlockingIOError:
            return True
        except (ConnectionRefusedError, FileNotFoundError):
            return False
    return True


class _Lock:
    """The pid file of a server, locked for as long as it lives.

    Raises:
        AlreadyRunning: Another server has it.
        AddressError: It cannot be made.
    """

    def __init__(self, address: UnixAddress, about: str) -> None:
        self._path = beside(address, ".pid")
        try:
            self._file = self._take(address, about)
            self._write(about)
        except OSError as error:
            if isinstance(error, AlreadyRunning):
                raise
            raise AddressError(
                f"cannot listen at {address}: {self._path}: {because(error)}"
            ) from None
        # The lock belongs to the open file, which a forked child would keep open.
        close_in_children(self._file)

    def _take(self, address: UnixAddress, about: str) -> IO[str]:
        while True:
            file = open(  # noqa: SIM115 - an opener is needed, and it stays open
                self._path, "r+", encoding="utf-8", opener=_open_lock
            )
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with file:
                    raise AlreadyRunning(_held(address, about, file.read())) from None
            if self._is(file):
                return file
            file.close()

    def _write(self, about: str) -> None:
        text = "".join(f"{line}\n" for line in (os.getpid(), about) if line)
        self._file.truncate()
        try:
            # Unbuffered: a full disk would refuse the rest of a buffer once more on closing.
            os.write(self._file.fileno(), text.encode())
        except OSError:
            self.release()
            raise

    def _is(self, file: IO[str]) -> bool:
        # The one who held it may have removed it between our opening and our locking it.
        try:
            return os.path.samestat(self._path.lstat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Remove the file, and then let go of it: nobody takes a file that is about to go."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def _open_lock(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _held(address: UnixAddress, ours: str, content: str) -> str:
    pid, theirs = _parsed(content)
    server = f"the server with pid {pid}" if pid else "another server"
    found = f"{server} already serves {address}"
    stop = f"stop it with `kinfolk stop {address}`"
    if not theirs or theirs == ours:
        return f"{found}{theirs and f' from {theirs}'}: {stop}"
    other = "give one of the two another name with @manager(name=…)"
    return f"{found} from {theirs}, and this would from {ours}: {stop}, or {other}"


def _parsed(content: str) -> tuple[int, str]:
    pid, _, rest = content.partition("\n")
    return int(pid) if pid.isdecimal() else 0, rest.strip()


def running(address: UnixAddress) -> tuple[int, str]:
    """Return the pid of the server at an address, and what it said to be about.

    0 and "" are for what is not known, and for a server that is gone.
    """
    try:
        with open(beside(address, ".pid"), encoding="utf-8", opener=_open_to_read) as file:
            return _parsed(file.read(_LONGEST))
    except (OSError, ValueError):
        return 0, ""


def _open_to_read(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


# --- TCP


def _listen_tcp(address: TcpAddress, *, insecure: bool) -> Listener:
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise AddressError(
            f"cannot listen at {address}: {error.strerror}: check the name of the host"
        ) from None
    family, _, _, _, where = found[0]
    if not insecure and not ipaddress.ip_address(where[0]).is_loopback:
        raise AddressError(
            f"{address} is reached over a network, where others can read along: listen at "
            "127.0.0.1 and tunnel, or allow it with `--insecure`"
        )
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
        sock.listen(socket.SOMAXCONN)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            pid = listener_at(address.port)
            program = f"process {pid} ({program_of(pid)})" if pid else "another program"
            raise AlreadyRunning(
                f"{program} listens at {address}: give another port, or 0 for any that is free"
            ) from None
        remedy = _HERE if error.errno == errno.EADDRNOTAVAIL else ""
        raise AddressError(f"cannot listen at {address}: {error.strerror}{remedy}") from None
    with contextlib.suppress(OSError):  # not every kind of socket knows it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Listener(sock, TcpAddress(address.host, sock.getsockname()[1]))
