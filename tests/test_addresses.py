"""Addresses as users write them, and the folder that is theirs alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import short_folder

from kinfolk.addresses import (
    TcpAddress,
    UnixAddress,
    WrittenAddress,
    check_private,
    default_address,
    is_private_address,
    parse_address,
    private_address,
    private_folder,
    resolve_address,
)
from kinfolk.errors import AddressError


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return what `KINFOLK_DIR` names: a path that is short, and where nothing is yet."""
    with short_folder() as path:
        monkeypatch.setenv("KINFOLK_DIR", str(path / "own"))
        monkeypatch.delenv("KINFOLK_ADDRESS", raising=False)
        yield path / "own"


# --- Reading and writing


@pytest.mark.parametrize(
    ("written", "address", "url"),
    [
        (("127.0.0.1", 5000), TcpAddress("127.0.0.1", 5000), "tcp://127.0.0.1:5000"),
        (("::1", 0), TcpAddress("::1", 0), "tcp://[::1]:0"),
        ("tcp://localhost:5000", TcpAddress("localhost", 5000), "tcp://localhost:5000"),
        ("tcp://[::1]:5000", TcpAddress("::1", 5000), "tcp://[::1]:5000"),
        ("/run/x.sock", UnixAddress("/run/x.sock"), "unix:///run/x.sock"),
        (Path("/run/x.sock"), UnixAddress("/run/x.sock"), "unix:///run/x.sock"),
        ("unix:///run/x.sock", UnixAddress("/run/x.sock"), "unix:///run/x.sock"),
        ("unix:/run/x.sock", UnixAddress("/run/x.sock"), "unix:///run/x.sock"),
        ("unix:///run/a%20b", UnixAddress("/run/a b"), "unix:///run/a%20b"),
        ("/run/ü%?#", UnixAddress("/run/ü%?#"), "unix:///run/%C3%BC%25%3F%23"),
    ],
)
def test_every_form_is_read_and_has_one_url(
    written: WrittenAddress, address: TcpAddress | UnixAddress, url: str
) -> None:
    """Tuples, paths and URLs say the same, and the URL can be read again."""
    assert parse_address(written) == address
    assert str(address) == url
    assert parse_address(url) == address
    assert parse_address(address.raw) == address


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a path means does not change with the working folder."""
    with short_folder() as short:
        monkeypatch.chdir(short)
        assert parse_address("x.sock").raw == str(short / "x.sock")


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("localhost:5000", "write tcp://host:port"),
        ("http://localhost:5000", "write tcp://host:port"),
        ("tcp://localhost", "tcp://host:port"),
        ("tcp://::1:5000", "IPv6 host in brackets"),
        ("tcp://localhost:70000", "a port from 0 to 65535"),
        ("tcp://me@localhost:5000", "tcp://host:port"),
        ("tcp://localhost:5000/path", "tcp://host:port"),
        ("unix://run/x.sock", "with three slashes"),
        ("unix:", "with three slashes"),
        ("", "no path of a socket"),
        ("a\0b", "no path of a socket"),
        ("\0name", "is an abstract socket, which no folder keeps from others: give a path"),
        (("localhost", 70000), "a port is from 0 to 65535"),
        (("", 5000), "0.0.0.0 for all its networks"),
        (("localhost",), "write tcp://host:port"),
        (5000, "write tcp://host:port"),
    ],
)
def test_what_is_no_address_is_refused_with_advice(written: WrittenAddress, advice: str) -> None:
    """The error says how an address is written."""
    with pytest.raises(AddressError, match=advice):
        parse_address(written)


def test_a_path_that_no_socket_can_have_is_refused(folder: Path) -> None:
    """The error gives the length, the limit and the remedy."""
    long = "/tmp/" + "x" * 200
    with pytest.raises(AddressError, match=r"205 bytes, and the system allows 10\d.*KINFOLK_DIR"):
        parse_address(long)


# --- Which one it is


def test_the_environment_stands_in_for_the_address(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`KINFOLK_ADDRESS` is used where no address is given, and only there."""
    assert resolve_address(None, "a.B").raw == str(folder / "a.B.sock")
    monkeypatch.setenv("KINFOLK_ADDRESS", "tcp://localhost:5000")
    assert resolve_address(None, "a.B") == TcpAddress("localhost", 5000)
    assert resolve_address("/run/x", "a.B") == UnixAddress("/run/x")


def test_the_default_is_a_folder_of_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the user decides where it is, so that cron and a login shell agree."""
    for name in ("KINFOLK_DIR", "HOME", "XDG_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    assert default_address("a.B").path == f"/tmp/kinfolk-{os.geteuid()}/a.B.sock"


@pytest.mark.parametrize("name", ["../x", "a/b", "", "..", "a\0b"])
def test_a_name_that_leaves_the_folder_is_refused(folder: Path, name: str) -> None:
    """A socket's name is the name of a file in the folder."""
    with pytest.raises(AddressError, match="name for a file"):
        default_address(name)


def test_private_addresses_differ(folder: Path) -> None:
    """Two servers that were started for one program each do not meet."""
    assert private_address("a.B") != private_address("a.B")


def test_private_addresses_are_known(folder: Path) -> None:
    """From the folder and the name, and from those that were named by somebody."""
    assert is_private_address(private_address("a.B"))
    assert not is_private_address(default_address("a.B"))
    assert not is_private_address(TcpAddress("localhost", 1))
    assert not is_private_address(UnixAddress("/elsewhere/a.B.1-1.sock"))


# --- The folder


def test_the_folder_is_made_for_the_user_alone(folder: Path) -> None:
    """Whatever the umask, nobody else gets in."""
    before = os.umask(0)
    try:
        assert private_folder() == folder
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert private_folder() == folder


def test_a_folder_open_to_others_is_refused(folder: Path) -> None:
    """The error names the command that mends it."""
    folder.mkdir(mode=0o755)
    with pytest.raises(AddressError, match=rf"mode 755\): run `chmod 700 {folder}`"):
        private_folder()


@pytest.mark.parametrize("target", ["..", "nowhere"])
def test_a_link_is_refused(folder: Path, target: str) -> None:
    """Who made the link could let it point elsewhere tomorrow."""
    folder.symlink_to(folder.parent / target)
    with pytest.raises(AddressError, match="is a link: remove it, or set KINFOLK_DIR"):
        private_folder()


def test_a_file_is_refused(folder: Path) -> None:
    """Whatever it holds is left alone."""
    folder.write_text("")
    with pytest.raises(AddressError, match="is no folder: remove it, or set KINFOLK_DIR to a real"):
        private_folder()


def test_a_folder_that_cannot_be_made_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says why, and what to do instead."""
    folder.parent.joinpath("file").write_text("")
    monkeypatch.setenv("KINFOLK_DIR", str(folder.parent / "file" / "folder"))
    with pytest.raises(AddressError, match=r"cannot be made \(Not a directory\): set KINFOLK_DIR"):
        private_folder()


def test_somebody_elses_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns the folder could take a socket out and put another in."""
    private_folder()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(AddressError, match="and you are 12345: set KINFOLK_DIR"):
        check_private(folder)
