"""The fixtures for users' tests, in our own, and in a project that only installed the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.programs import Program
from support.samples.manager import SampleManager

from kinfolk.examples.login.manager import LoginManager
from kinfolk.pytest_plugin import Serve

OTHER = """
import sys
from support.samples.manager import SampleManager

with SampleManager.open(sys.argv[1]) as manager:
    manager.frontier().push("from elsewhere")
    print("pushed", flush=True)
"""

TEST = """
from kinfolk.examples.login.manager import LoginManager


def test_one(kinfolk_serve, kinfolk_serve_session):
    one, two = kinfolk_serve(LoginManager), kinfolk_serve_session(LoginManager)
    one.dict()["a"] = "1"
    assert (one.dict().get("a"), two.dict().get("a")) == ("1", None)
"""


def test_other_processes_reach_what_is_served(kinfolk_serve: Serve) -> None:
    """Through the address of the manager."""
    manager = kinfolk_serve(SampleManager)
    with Program("-c", OTHER, str(manager.address)) as other:
        other.expect("pushed")
    assert manager.frontier().pop() is not None


def test_several_are_served_at_once(kinfolk_serve: Serve) -> None:
    """Also of the same class, and each has objects of its own."""
    one, two = kinfolk_serve(LoginManager), kinfolk_serve(LoginManager)
    one.dict()["key"] = "value"
    assert two.dict().get("key") is None
    assert one.address != two.address


def test_a_session_is_served_for_long(kinfolk_serve_session: Serve) -> None:
    """The fixture of the session serves as that of a test does."""
    assert kinfolk_serve_session(LoginManager).dict().get("key") is None


def test_nothing_is_left_after_a_test(tmp_path: Path) -> None:
    """A project that has only installed the package finds the fixtures, and pytest ends cleanly."""
    (tmp_path / "test_it.py").write_text(TEST)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
