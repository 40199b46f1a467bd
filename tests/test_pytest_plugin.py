"""The fixtures for users' tests, in our own, and in a project that only installed the package."""

from __future__ import annotations

import subprocess
import sys
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import pytest
from support.programs import Program
from support.samples.manager import SampleManager

from kinfolk.addresses import UnixAddress
from kinfolk.examples.login.manager import LoginManager
from kinfolk.pickles.keys import read_key
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


def test_zero(kinfolk_serve_session):
    with kinfolk_serve_session(LoginManager) as three:
        three.dict()["session"] = "one"


def test_one(kinfolk_serve, kinfolk_serve_session):
    one, two = kinfolk_serve(LoginManager), kinfolk_serve_session(LoginManager)
    one.dict()["a"] = "1"
    assert (one.dict().get("a"), two.dict().get("a")) == ("1", None)
    assert (one.dict().get("session"), two.dict().get("session")) == (None, "one")
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


def test_a_session_has_one_server_of_a_manager(kinfolk_serve_session: Serve) -> None:
    """All who ask for it share its objects, also when one of them has closed the manager."""
    one, two = kinfolk_serve_session(SampleManager), kinfolk_serve_session(SampleManager)
    assert one is two
    assert one.frontier().push("shared")
    one.close()
    three = kinfolk_serve_session(SampleManager)
    assert (three.address, three.frontier().push("shared")) == (one.address, False)
    assert kinfolk_serve_session(LoginManager).address != one.address


@pytest.mark.parametrize("fixture", ["kinfolk_serve", "kinfolk_serve_session"])
def test_the_serializer_can_be_chosen(request: pytest.FixtureRequest, fixture: str) -> None:
    """As for any server; one that speaks pickle has a key, which the user does not see."""
    serve: Serve = request.getfixturevalue(fixture)
    manager = serve(LoginManager, serializer="pickle")
    assert manager.address != serve(LoginManager).address
    assert manager.dict().get("a") is None
    plain: Any = BaseManager(manager.address, read_key(UnixAddress(str(manager.address))))
    plain.connect()


def test_only_classes_of_managers_are_served(kinfolk_serve: Serve) -> None:
    """A manager that was made, and anything else, is refused by what would be right."""
    serve: Any = kinfolk_serve
    for other in (3, SampleManager(), dict):
        with pytest.raises(TypeError, match="a manager's class, such as CrawlManager: "):
            serve(other)


def test_nothing_is_left_after_a_test(tmp_path: Path) -> None:
    """A project that has only installed the package finds the fixtures, and pytest ends cleanly."""
    (tmp_path / "test_it.py").write_text(TEST)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
