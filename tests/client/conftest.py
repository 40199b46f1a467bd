"""What the tests of clients share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.arena.manager import ArenaManager
from support.arena.serving import Served, serve_arena
from support.folders import short_folder


@pytest.fixture
def short() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield Path(path)


@pytest.fixture(params=["unix", "tcp"])
def arena(request: pytest.FixtureRequest, short: Path) -> Iterator[Served]:
    """Serve an arena in a process of its own."""
    with serve_arena(request.param, short, lent=60.0) as served:
        yield served


@pytest.fixture
def client(arena: Served) -> Iterator[ArenaManager]:
    """Connect to the arena."""
    with arena.open() as manager:
        yield manager


@pytest.fixture
def other(arena: Served) -> Iterator[ArenaManager]:
    """Connect to it once more, as another session."""
    with arena.open() as manager:
        yield manager
