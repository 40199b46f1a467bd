"""Folders for sockets."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["short_folder"]


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a private folder with a path short enough for sockets, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kf-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
