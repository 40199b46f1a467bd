"""The key file of a private socket."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from support.pickling import serve_samples
from support.samples.manager import SampleManager
from support.samples.spec import Frontier

from kinfolk.addresses import UnixAddress
from kinfolk.errors import AlreadyRunning, AuthenticationFailed, KinfolkError
from kinfolk.pickles.keys import ServerKey, key_file, read_key


@pytest.fixture
def place(folder: Path) -> UnixAddress:
    """Return an address that nobody has."""
    return UnixAddress(str(folder / "samples.sock"))


def test_it_lies_beside_its_socket(folder: Path) -> None:
    """Under the same name, whatever that ends with."""
    assert key_file(UnixAddress("/run/crawl.sock")) == Path("/run/crawl.key")
    assert key_file(UnixAddress("/run/crawl")) == Path("/run/crawl.key")


def test_only_its_user_can_read_it(place: UnixAddress) -> None:
    """Whatever the umask says; and no two servers have the same."""
    before = os.umask(0)
    try:
        key = ServerKey(place, None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(key_file(place).stat().st_mode) == 0o600
    assert read_key(place) == key.value
    assert len(key.value) == 64
    assert ServerKey(place, None).value != key.value


def test_what_lies_in_its_place_is_not_followed(place: UnixAddress, folder: Path) -> None:
    """A link, and a file that others can read, make way for a new file."""
    other = folder / "other"
    other.write_text("mine")
    key_file(place).symlink_to(other)
    key = ServerKey(place, None)
    assert other.read_text() == "mine"
    assert read_key(place) == key.value


def test_a_folder_in_its_place_is_told(place: UnixAddress) -> None:
    """In one line, with the name of the file."""
    key_file(place).mkdir()
    with pytest.raises(KinfolkError, match=r"the key file .*samples\.key cannot be made"):
        ServerKey(place, None)


def test_there_is_none_where_a_key_is_given(place: UnixAddress) -> None:
    """An old one goes, which would be the wrong key for everybody."""
    old = ServerKey(place, None)
    assert ServerKey(place, b"a key of its own").value == b"a key of its own"
    assert read_key(place) is None
    old.remove()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_one_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    """The client says how to mend it."""
    with serve_samples("unix", folder) as served:
        path = key_file(UnixAddress(str(served.server.address)))
        path.chmod(mode)
        with pytest.raises(AuthenticationFailed, match=rf"mode {mode:o}\): run `chmod 600 {path}`"):
            SampleManager.open(served.server.url, serializer="pickle")
        path.chmod(0o600)
        SampleManager.open(served.server.url, serializer="pickle").close()


def test_a_link_is_refused(folder: Path) -> None:
    """Also one to the very key."""
    with serve_samples("unix", folder) as served:
        path = key_file(UnixAddress(str(served.server.address)))
        real = path.rename(folder / "real")
        path.symlink_to(real)
        with pytest.raises(AuthenticationFailed, match=r"the key file .*samples\.key"):
            SampleManager.open(served.server.url, serializer="pickle")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_one_of_another_user_is_refused(folder: Path) -> None:
    """It need not be the server's."""
    with serve_samples("unix", folder) as served:
        os.chown(key_file(UnixAddress(str(served.server.address))), 12345, -1)
        with pytest.raises(AuthenticationFailed, match="is not yours: remove it"):
            SampleManager.open(served.server.url, serializer="pickle")


def test_a_server_that_is_refused_leaves_the_key_of_the_first(folder: Path) -> None:
    """It takes the address before it touches what lies beside it."""
    with serve_samples("unix", folder) as served:
        address = str(served.server.address)
        with pytest.raises(AlreadyRunning, match=str(os.getpid())):
            SampleManager(address, serializer="pickle").get_server()
        with SampleManager.open(address, serializer="pickle") as manager:
            assert manager.frontier().push("u")


def test_it_goes_with_its_server(folder: Path) -> None:
    """As the socket and the pid file do."""
    with serve_samples("unix", folder) as served:
        assert key_file(UnixAddress(str(served.server.address))).exists()
    assert list(folder.iterdir()) == []


def test_it_goes_when_an_object_cannot_be_made(
    place: UnixAddress, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the object raised is raised, and nothing is left behind."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("no room")

    monkeypatch.setattr(Frontier, "__init__", fail)
    with pytest.raises(ZeroDivisionError, match="no room"):
        SampleManager(place.path, serializer="pickle").get_server()
    assert list(folder.iterdir()) == []
