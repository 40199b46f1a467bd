"""Shared objects over every engine, and managers of shared containers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.containers.manager import ContainersManager
from support.sharing.engines import ENGINES, Engine
from support.sharing.manager import SharingManager


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Objects that nobody has used yet."""
    with ENGINES[request.param]() as engine:
        yield engine


@pytest.fixture
def sharing(engine: Engine) -> Iterator[SharingManager]:
    """A session of them."""
    with engine.open() as manager:
        yield manager


CONTAINER_ENGINES = ["local", "typed"]
"""The local engine, and the serializers behind a server of its own process."""


@pytest.fixture(scope="module", params=CONTAINER_ENGINES)
def containers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ContainersManager]:
    """Return a manager of containers; the objects of one test are of no concern to another."""
    if request.param == "local":
        with ContainersManager.local() as manager:
            yield manager
        return
    path = tmp_path_factory.mktemp("containers") / "server.sock"
    with ContainersManager(address=f"unix://{path}", serializer=request.param) as manager:
        yield manager
