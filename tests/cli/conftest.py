"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Project
from support.folders import short_folder
from support.programs import Program


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a spec, and what is generated from it."""
    path = tmp_path_factory.mktemp("home")
    Project(path, path / "none").generate()
    return path


@pytest.fixture
def project(home: Path) -> Iterator[Project]:
    """The folder, with a folder for sockets of its own for each test."""
    with short_folder() as sockets:
        yield Project(home, sockets)


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Project]:
    """The folder, and a server that all tests of a module share."""
    with short_folder() as sockets:
        project = Project(home, sockets)
        with project.serve():
            yield project


@pytest.fixture
def served(project: Project) -> Iterator[Program]:
    """A server of the test's own."""
    with project.serve() as server:
        yield server
