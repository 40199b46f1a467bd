"""The files of modules, which may lie in a zipped package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["read_module"]


def read_module(path: str, loader: object) -> bytes | None:
    """Return what the file of a module holds; None if nobody can read it.

    Args:
        path: Where the module says that it comes from.
        loader: What has imported it, or would; one for archives reads inside of them.
    """
    read = getattr(loader, "get_data", None)
    try:
        data: bytes = Path(path).read_bytes() if read is None else read(path)
    except OSError:
        return None
    return data
