"""What the tests of the reader share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.reading import Folder, importable


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """A folder for specs written by the test, which is importable and the working folder."""
    monkeypatch.chdir(tmp_path)
    with importable(tmp_path) as folder:
        yield folder


@pytest.fixture
def specs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """The folder of sample specs, which is importable and the working folder."""
    path = Path(__file__).parents[1] / "support" / "specs"
    monkeypatch.chdir(path)
    with importable(path) as folder:
        yield folder
