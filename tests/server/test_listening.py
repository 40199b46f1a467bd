"""Taking an address, holding it, and leaving nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import short_folder
from support.programs import Program

from kinfolk.addresses import TcpAddress, UnixAddress, default_address
from kinfolk.errors import AddressError, AlreadyRunning
from kinfolk.server.listening import listen

KEY = b"a key for tests only"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture
def address(folder: Path) -> UnixAddress:
    """Return the address of a socket in that folder."""
    return UnixAddress(str(folder / "a.B.sock"))


def names(folder: Path) -> list[str]:
    """Return what stands in a folder."""
    return sorted(path.name for path in folder.iterdir())


HOLDER = """
import sys
from kinfolk.addresses import parse_address
from kinfolk.server.listening import listen

listener = listen(parse_address(sys.argv[1]), key=b"a key for tests only")
print(listener.address, flush=True)
sys.stdin.read()
"""


# --- Unix sockets


def test_a_socket_and_its_pid_file_go_together(folder: Path, address: UnixAddress) -> None:
    """Both are there while a server listens, and neither afterwards."""
    listener = listen(address, key=None)
    assert names(folder) == ["a.B.pid", "a.B.sock"]
    assert (folder / "a.B.pid").read_text() == f"{os.getpid()}\n"
    listener.close()
    listener.close()
    assert names(folder) == []


@pytest.mark.parametrize(("name", "pid"), [("x", "x.pid"), ("x.y", "x.y.pid"), ("x.sock", "x.pid")])
def test_the_pid_file_is_named_after_the_socket(folder: Path, name: str, pid: str) -> None:
    """Only the ending of ours is replaced."""
    listener = listen(UnixAddress(str(folder / name)), key=None)
    assert names(folder) == sorted([name, pid])
    listener.close()


def test_nobody_else_may_use_the_files(folder: Path, address: UnixAddress) -> None:
    """Both are the user's alone, whatever the umask."""
    before = os.umask(0)
    try:
        listener = listen(address, key=None)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600, 0o600]
    listener.close()


def test_the_default_folder_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first server of a user needs nothing to be there."""
    monkeypatch.setenv("KINFOLK_DIR", str(folder / "own"))
    listener = listen(default_address("a.B"), key=None)
    assert (folder / "own").stat().st_mode & 0o777 == 0o700
    listener.close()


def test_an_unsafe_default_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket where others can interfere is not made."""
    folder.chmod(0o777)
    monkeypatch.setenv("KINFOLK_DIR", str(folder))
    with pytest.raises(AddressError, match="chmod 700"):
        listen(default_address("a.B"), key=None)
    assert names(folder) == []


def test_a_second_server_is_refused_naming_the_first(address: UnixAddress) -> None:
    """The error says which process serves already, and leaves it in peace."""
    with Program("-c", HOLDER, str(address)) as holder:
        holder.line()
        with pytest.raises(AlreadyRunning, match=f"the server with pid {holder.pid} already"):
            listen(address, key=None)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(address.path)


def test_what_a_killed_server_left_is_taken_over(folder: Path, address: UnixAddress) -> None:
    """Neither its socket nor its pid file is in the way."""
    with Program("-c", HOLDER, str(address)) as holder:
        holder.line()
        holder.kill()
    assert names(folder) == ["a.B.pid", "a.B.sock"]
    listener = listen(address, key=None)
    assert (folder / "a.B.pid").read_text() == f"{os.getpid()}\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address.path)
    listener.close()


def test_a_forked_child_does_not_hold_the_address(address: UnixAddress) -> None:
    """A server's child that outlives it is not taken for a server."""
    listener = listen(address, key=None)
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        listener.close()
        listen(address, key=None).close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_forked_child_removes_nothing(folder: Path, address: UnixAddress) -> None:
    """What a child closes is only its own copy."""
    listener = listen(address, key=None)
    child = os.fork()
    if child == 0:
        listener.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert names(folder) == ["a.B.pid", "a.B.sock"]
    listener.close()


def test_a_link_is_refused(folder: Path, address: UnixAddress) -> None:
    """Wherever it leads; it is left alone, and clients would refuse it too."""
    Path(address.path).symlink_to(folder / "elsewhere")
    with pytest.raises(AddressError, match="is a link, which is refused: remove it, or give"):
        listen(address, key=None)
    assert names(folder) == ["a.B.sock"]


def test_a_file_that_is_no_socket_is_left_alone(folder: Path, address: UnixAddress) -> None:
    """A mistyped address does not cost the user a file."""
    Path(address.path).write_text("precious")
    with pytest.raises(AddressError, match="is there and no socket"):
        listen(address, key=None)
    assert Path(address.path).read_text() == "precious"
    assert names(folder) == ["a.B.sock"]


def test_another_programs_socket_is_left_alone(folder: Path, address: UnixAddress) -> None:
    """A socket at which somebody listens is not stale, pid file or not."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(address.path)
        other.listen()
        with pytest.raises(AlreadyRunning, match="another program"):
            listen(address, key=None)
    assert names(folder) == ["a.B.sock"]


def test_a_socket_of_another_kind_is_left_alone(folder: Path, address: UnixAddress) -> None:
    """Whoever sends there may not find a stream."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(address.path)
        with pytest.raises(AddressError, match=r"is a socket of another kind .*: remove it, or"):
            listen(address, key=None)
    assert names(folder) == ["a.B.sock"]


def test_a_program_that_accepts_nobody_is_left_alone(folder: Path, address: UnixAddress) -> None:
    """Nor is it waited for."""
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(address.path)
        other.listen(0)
        waiting.connect(address.path)
        with pytest.raises(AlreadyRunning, match=r"another program, .*: end it, or give another"):
            listen(address, key=None)
    assert names(folder) == ["a.B.sock"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_socket_of_another_user_is_left_alone(folder: Path, address: UnixAddress) -> None:
    """Nobody listens there, but it is not ours to remove."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(address.path)
    os.chown(address.path, 65534, -1)
    with pytest.raises(AddressError, match="belongs to user 65534, and you are 0: give another"):
        listen(address, key=None)
    assert names(folder) == ["a.B.sock"]


def test_a_link_in_place_of_the_pid_file_is_refused(folder: Path, address: UnixAddress) -> None:
    """Nothing is written where a link points."""
    (folder / "precious").write_text("precious")
    (folder / "a.B.pid").symlink_to(folder / "precious")
    with pytest.raises(AddressError, match=r"a\.B\.pid: it is a link, which is refused"):
        listen(address, key=None)
    assert (folder / "precious").read_text() == "precious"


def test_a_folder_that_everybody_can_clear_is_refused(folder: Path, address: UnixAddress) -> None:
    """Whoever takes the files away makes room for a second server."""
    folder.chmod(0o777)
    with pytest.raises(AddressError, match=r"everybody may .*\(mode 777\): run `chmod o-w"):
        listen(address, key=None)
    assert not list(folder.iterdir())
    folder.chmod(0o1777)  # as /tmp
    listen(address, key=None).close()


def test_a_folder_that_is_not_there_is_named(folder: Path) -> None:
    """The error says what is missing."""
    with pytest.raises(AddressError, match="No such file or directory: make its folder first"):
        listen(UnixAddress(str(folder / "nowhere" / "x.sock")), key=None)


# --- TCP


def test_port_0_is_any_that_is_free() -> None:
    """The listener's address has the real port."""
    listener = listen(TcpAddress("127.0.0.1", 0), key=KEY)
    assert isinstance(listener.address, TcpAddress)
    assert listener.address.port > 0
    socket.create_connection(listener.address.raw).close()
    listener.close()


def test_a_port_in_use_is_refused() -> None:
    """The error names the address, and who listens there, if the system tells."""
    listener = listen(TcpAddress("127.0.0.1", 0), key=KEY)
    who = rf"process {os.getpid()} \(.+\)" if sys.platform == "linux" else "another program"
    with pytest.raises(AlreadyRunning, match=f"{who} listens at {listener.address}: give another"):
        listen(listener.address, key=KEY)
    listener.close()


def test_a_port_without_a_key_is_refused() -> None:
    """Every user of the machine could connect."""
    with pytest.raises(AddressError, match="every user of this machine: give an authkey"):
        listen(TcpAddress("127.0.0.1", 0), key=None)


def test_a_network_is_refused_unless_insecure() -> None:
    """Beyond this machine what is said can be read."""
    with pytest.raises(AddressError, match="others can read along"):
        listen(TcpAddress("0.0.0.0", 0), key=KEY)
    listen(TcpAddress("0.0.0.0", 0), key=KEY, insecure=True).close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    """The error names the address that could not be taken."""
    with pytest.raises(AddressError, match=f"cannot listen at tcp://{host}:0"):
        listen(TcpAddress(host, 0), key=KEY, insecure=True)
