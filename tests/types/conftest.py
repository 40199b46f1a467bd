"""Shared objects over every engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
