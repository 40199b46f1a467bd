"""The login example: a server, clients, and the demo with real processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from support.folders import short_folder

from kinfolk import AuthenticationFailed
from kinfolk.examples.login.client import ManagerClient
from kinfolk.examples.login.server import ManagerServer

KEY = "a key of some length"


@pytest.fixture
def server() -> Iterator[ManagerServer]:
    """Serve the login over loopback TCP, and stop it from another thread."""
    server = ManagerServer("127.0.0.1", 0, KEY)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.stop()
    thread.join()


def _connect(server: ManagerServer, key: str | bytes) -> ManagerClient:
    host, _, port = server.address.removeprefix("tcp://").rpartition(":")
    return ManagerClient(host, int(port), key)


@pytest.mark.parametrize("key", [KEY, KEY.encode()], ids=["str", "bytes"])
def test_clients_share_the_dictionary(server: ManagerServer, key: str | bytes) -> None:
    """What one client sets, by method or by item, another one gets."""
    with _connect(server, KEY) as one, _connect(server, key) as other:
        one.get_dict().set("qq", "cookie")
        one.get_dict()["other"] = "biscuit"
        assert other.get_dict().get("qq") == "cookie"
        assert other.get_dict().items == {"qq": "cookie", "other": "biscuit"}
        assert other.get_dict().get("nobody") is None


def test_the_lock_keeps_others_out(server: ManagerServer) -> None:
    """While one client holds the lock another cannot take it, and afterwards it can."""
    with _connect(server, KEY) as one, _connect(server, KEY) as other:
        with one.get_open_qq_login_lock():
            assert not other.get_open_qq_login_lock().acquire(blocking=False)
        assert other.get_open_qq_login_lock().acquire(blocking=False)
        other.get_open_qq_login_lock().release()


def test_a_wrong_key_is_refused(server: ManagerServer) -> None:
    """A client with another key is refused, and says so."""
    with pytest.raises(AuthenticationFailed):
        _connect(server, "another key of some length")


@pytest.fixture
def private_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a folder of their own to private sockets."""
    with short_folder() as folder:
        monkeypatch.setenv("KINFOLK_DIR", str(folder))
        yield


@pytest.mark.usefixtures("private_folder")
def test_a_private_socket_needs_no_key() -> None:
    """Without a domain both ends meet at this user's private socket."""
    server = ManagerServer()
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with ManagerClient() as client:
            client.get_dict()["qq"] = "cookie"
            assert client.get_dict().get("qq") == "cookie"
    finally:
        server.stop()
        thread.join()


def test_the_demo_shows_what_it_promises() -> None:
    """One login, a freed lock and a refused call, with a crawler killed on the way."""
    demo = subprocess.run(
        [sys.executable, "-m", "kinfolk.examples.login.demo"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "logins counted by the witness: 1" in demo.stdout
    assert 'Missing positional argument "value"' in demo.stdout
