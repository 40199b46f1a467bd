"""Folders for sockets."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["own_settings", "short_folder"]


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a private folder with a path short enough for sockets, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kf-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def own_settings(patch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a default folder for sockets, and see that there are no other settings."""
    with short_folder() as folder:
        patch.setenv("KINFOLK_DIR", str(folder))
        for name in ("KINFOLK_ADDRESS", "KINFOLK_AUTHKEY"):
            patch.delenv(name, raising=False)
        yield folder
