"""Shared objects over every engine, and managers of shared containers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.containers.manager import ContainersManager
from support.sharing.engines import ENGINES, Engine
from support.sharing.manager import SharingManager


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine[SharingManager]]:
    """Objects that nobody has used yet."""
    with ENGINES[request.param](SharingManager) as engine:
        yield engine


@pytest.fixture
def sharing(engine: Engine[SharingManager]) -> Iterator[SharingManager]:
    """A session of them."""
    with engine.open() as manager:
        yield manager


@pytest.fixture(scope="module", params=ENGINES)
def containers(request: pytest.FixtureRequest) -> Iterator[ContainersManager]:
    """Return a manager of containers; the objects of one test are of no concern to another."""
    with ENGINES[request.param](ContainersManager) as engine, engine.open() as manager:
        yield manager
