"""Servers on a disk that is full, or fills up: one of a few kilobytes, where one can be mounted."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import short_folder
from support.programs import Program

from kinfolk.errors import AddressError
from kinfolk.examples.login.manager import LoginManager

SERVE = ["-m", "kinfolk", "serve", "kinfolk.examples.login.spec"]
REMEDY = "No space left on device: free some space, or set KINFOLK_DIR to a folder on another disk"


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Mount a small disk of the test's own, and have the sockets there."""
    if sys.platform != "linux":
        pytest.skip("a disk in memory is mounted on Linux only")
    with short_folder() as folder, contextlib.ExitStack() as undo:
        options = "size=8k,nr_inodes=20,mode=700"
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        undo.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        monkeypatch.setenv("KINFOLK_DIR", str(folder))
        yield folder


def fill(disk: Path) -> None:
    """Leave no room for a single byte; empty files can still be made."""
    with contextlib.suppress(OSError), (disk / "filling").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))


def test_a_server_says_what_the_disk_lacks(disk: Path) -> None:
    """In one line, and leaves nothing behind."""
    fill(disk)
    with Program(*SERVE) as server:
        assert server.wait() == 1
        assert server.errors.startswith("kinfolk: cannot listen at unix://")
        assert server.errors.endswith(f".pid: {REMEDY}\n")
        assert server.errors.count("\n") == 1
    assert [path.name for path in disk.iterdir()] == ["filling"]


def test_a_client_that_starts_one_is_told_the_same(disk: Path) -> None:
    """By the error that `open` raises."""
    fill(disk)
    with pytest.raises(AddressError, match=REMEDY):
        LoginManager.open(start=True, idle=0, timeout=60)


def test_a_client_is_told_where_not_even_the_log_can_be_opened(disk: Path) -> None:
    """Since the disk has no place for another file."""
    with contextlib.suppress(OSError):
        for number in range(100):
            (disk / f"{number}").touch()
    with pytest.raises(AddressError, match=REMEDY):
        LoginManager.open(start=True, idle=0, timeout=60)


def test_a_server_whose_log_is_full_goes_on(disk: Path) -> None:
    """What it would have said is lost, and nothing else."""
    with LoginManager.open(start=True, idle=0, timeout=60) as login:
        login.dict()["before"] = "1"
        fill(disk)
        with LoginManager.open() as other:
            other.dict()["after"] = "2"
        assert login.dict().get("before") == "1"
        assert login.dict().get("after") == "2"
