"""Managers of shared containers, whatever carries the calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.containers.manager import ContainersManager

ENGINES = ["local", "typed"]
"""The local engine, and the serializers behind a server of its own process."""


@pytest.fixture(scope="session", params=ENGINES)
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
