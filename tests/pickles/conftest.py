"""What the tests of the standard wire share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import own_settings
from support.pickling import Pickled, serve_samples


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a default folder of its own, and no other settings."""
    with own_settings(monkeypatch) as path:
        yield path


@pytest.fixture(params=["unix", "tcp"])
def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Pickled]:
    """Serve the samples in a thread of this process."""
    with serve_samples(request.param, folder) as found:
        yield found
