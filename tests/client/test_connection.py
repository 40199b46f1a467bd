"""Reaching a server, and what is wrong where that fails."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from support.folders import short_folder
from support.programs import PATIENCE
from support.samples.manager import SampleManager
from support.serving import Served, serve_here

from kinfolk.addresses import Address, TcpAddress, UnixAddress
from kinfolk.client.connection import Connection
from kinfolk.client.reaching import Destination
from kinfolk.errors import (
    AddressError,
    AuthenticationFailed,
    CallTimeout,
    HandshakeFailed,
    LimitExceeded,
    NotRunning,
    SpecMismatch,
)
from kinfolk.sockets import Credentials
from kinfolk.wire.handshake import ClientHandshake, Identity, farewell

IDENTITY = Identity.of(SampleManager._offer)
KEY = b"a key for tests only"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


def reach(address: Address, timeout: float = 10.0, identity: Identity = IDENTITY) -> Connection:
    """Connect."""
    destination = Destination(address, identity, KEY, timeout, remedy="kinfolk serve app.spec")
    return Connection(destination, b"", time.monotonic() + timeout)


@contextmanager
def listening(address: Address, answer: Callable[[socket.socket], object]) -> Iterator[Address]:
    """Run something that accepts one connection and answers in its own way."""
    unix = isinstance(address, UnixAddress)
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as listener:
        listener.bind(address.raw)
        listener.listen()
        held: list[socket.socket] = []

        def accept() -> None:
            held.append(listener.accept()[0])
            answer(held[0])

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield address if unix else TcpAddress(*listener.getsockname())
        finally:
            thread.join()
            held[0].close()


# --- Nobody there, or no room


def test_without_a_server_the_error_says_how_to_start_one(folder: Path) -> None:
    """Neither a socket that is not there, nor one that a killed server left, is a mystery."""
    address = UnixAddress(str(folder / "x.sock"))
    with pytest.raises(NotRunning, match=r"no server .* start it with `kinfolk serve app\.spec`"):
        reach(address)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(address.path)
    with pytest.raises(NotRunning, match="Connection refused"):
        reach(address)


def test_a_port_where_nobody_listens_is_named() -> None:
    """Over TCP too the error says what to start."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = TcpAddress(*sock.getsockname())
    with pytest.raises(NotRunning, match=str(address)):
        reach(address)


def test_a_host_that_does_not_exist_is_an_error_in_the_address() -> None:
    """The address is what has to be mended."""
    with pytest.raises(AddressError, match="cannot be reached"):
        reach(TcpAddress("no.such.host.invalid", 1))


def test_a_default_folder_that_is_not_there_means_nobody_serves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who never served anything is told how to."""
    monkeypatch.setenv("KINFOLK_DIR", str(folder / "nothing"))
    with pytest.raises(NotRunning, match="kinfolk serve"):
        SampleManager.open()


def test_an_unsafe_default_folder_is_not_trusted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket in a folder that is open to others may be anybody's."""
    monkeypatch.setenv("KINFOLK_DIR", str(folder))
    folder.chmod(0o777)
    with pytest.raises(AddressError, match="chmod 700"):
        SampleManager.open()


# --- Somebody else there


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_server_that_says_nothing_is_given_up(folder: Path, kind: str) -> None:
    """Connecting has a timeout that covers the handshake."""
    address = UnixAddress(str(folder / "x")) if kind == "unix" else TcpAddress("127.0.0.1", 0)
    with listening(address, lambda _: None) as found:
        with pytest.raises(CallTimeout, match=r"said nothing within 0\.1 s") as caught:
            reach(found, timeout=0.1)
        assert caught.value.executed == "no"


def test_a_server_that_does_not_accept_is_given_up(folder: Path) -> None:
    """A queue that stays full is waited for no longer than the timeout."""
    path = str(folder / "x")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        crowd: list[socket.socket] = []
        try:
            for _ in range(20):
                sock = socket.socket(socket.AF_UNIX)
                crowd.append(sock)
                sock.setblocking(False)
                sock.connect(path)
        except BlockingIOError:
            pass
        with pytest.raises(CallTimeout, match=r"within 0\.1 s"):
            reach(UnixAddress(path), timeout=0.1)
        for sock in crowd:
            sock.close()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak Kinfolk's protocol"),
        (b"", "closed the connection during the handshake"),
        (b"KINFOLK\x63", "version 99"),
        (b"KINFOLK\x01\xff\xff\xff\xff", "limit of 4096 bytes"),
        (b"KINFOLK\x01\0\0\0\x01\xc0", "message of the handshake"),
    ],
)
def test_something_else_that_listens_is_no_server(
    folder: Path, answer: bytes, complaint: str
) -> None:
    """What is not a server of ours is named as such, with the address."""

    def respond(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(answer)
        sock.shutdown(socket.SHUT_WR)

    with listening(UnixAddress(str(folder / "x")), respond) as address:
        with pytest.raises(HandshakeFailed, match=complaint) as caught:
            reach(address)
        assert str(caught.value).startswith(f"{address}: ")


def test_a_server_that_reflects_is_no_server(folder: Path) -> None:
    """A peer that sends back what it is sent does not pass for one that has the key."""

    def reflect(sock: socket.socket) -> None:
        while data := sock.recv(4096):
            sock.sendall(data)

    with (
        listening(TcpAddress("127.0.0.1", 0), reflect) as address,
        pytest.raises(HandshakeFailed),
    ):
        reach(address)


def test_a_server_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says whose the socket is, and nothing is sent to a stranger's."""
    stranger = Credentials(os.geteuid() + 1, 1)
    received: list[bytes] = []
    monkeypatch.setattr("kinfolk.client.reaching.peer_credentials", lambda _: stranger)
    with (
        listening(UnixAddress(str(folder / "x")), lambda s: received.append(s.recv(9))) as address,
        pytest.raises(AuthenticationFailed, match=rf"another user \({stranger.uid}\)"),
    ):
        reach(address)
    assert received == [b""]


def test_a_client_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server asks the kernel too."""
    stranger = Credentials(os.geteuid() + 1, 1)
    monkeypatch.setattr("kinfolk.sockets.peer_credentials", lambda _: stranger)
    with (
        serve_here("unix", folder) as served,
        pytest.raises(AuthenticationFailed, match="belongs to another user"),
    ):
        served.open()


# --- Kinfolk there


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    """Run a server."""
    with serve_here("unix", folder) as found:
        yield found


def test_a_server_of_another_version_says_of_which(served: Served) -> None:
    """Both are welcome to each other, and the client knows the server's fingerprint."""
    stale = attrs.evolve(IDENTITY, fingerprint="0123456789abcdef")
    connection = reach(UnixAddress(str(served.here.address)), identity=stale)
    assert connection.fingerprint == IDENTITY.fingerprint
    connection.close()


def test_another_manager_is_refused(served: Served) -> None:
    """The error names both."""
    other = attrs.evolve(IDENTITY, manager="shop.spec:Shop")
    with pytest.raises(SpecMismatch, match=r"offers support\.samples.*, not shop\.spec:Shop"):
        reach(UnixAddress(str(served.here.address)), identity=other)


def test_a_connection_is_alive_until_the_server_closes_it(served: Served) -> None:
    """An idle connection shows whether it is still of use."""
    connection = reach(UnixAddress(str(served.here.address)))
    assert connection.alive
    served.here.stop()
    connection._sock.settimeout(10)
    connection._sock.recv(1, socket.MSG_PEEK)
    assert not connection.alive
    connection.close()
    assert not connection.alive


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_server_that_refuses_at_once_is_heard(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have closed the connection before the client said a word, which then is in vain."""
    address = UnixAddress(f"{folder}/x.sock") if kind == "unix" else TcpAddress("127.0.0.1", 0)
    closed = threading.Event()

    def refuse(sock: socket.socket) -> None:
        sock.sendall(farewell(LimitExceeded("there is no room (limit 3)")))
        sock.close()
        closed.set()

    start = ClientHandshake.start

    def start_late(handshake: ClientHandshake) -> bytes:
        assert closed.wait(PATIENCE)
        return start(handshake)

    monkeypatch.setattr(ClientHandshake, "start", start_late)
    with (
        listening(address, refuse) as place,
        pytest.raises(LimitExceeded, match=r": there is no room \(limit 3\)"),
    ):
        reach(place)
