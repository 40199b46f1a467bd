"""The table `[tool.kinfolk]` of pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import attrs
import msgspec

from kinfolk.errors import GenerateError

__all__ = ["Settings", "find_settings"]


@attrs.frozen
class Settings:
    """What is generated when nothing else is asked for.

    `read_only_copies` says for all specs, or names those, that results are typed by read-only
    protocols. `folder` is where pyproject.toml stands; None where there is none.
    """

    specs: tuple[str, ...] = ()
    stubs: Path | None = None
    folder: Path | None = None
    read_only_copies: bool | tuple[str, ...] = False


def find_settings(start: Path) -> Settings:
    """Return the settings of the nearest pyproject.toml, in `start` or a folder above it.

    Raises:
        GenerateError: The file cannot be read, or the table holds something else.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _settings(path)
    return Settings()


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    specs: list[str] = []
    stubs: str | None = None
    read_only_copies: bool | list[str] = False


class _Tool(msgspec.Struct):
    kinfolk: _Table = msgspec.field(default_factory=_Table)


class _Document(msgspec.Struct):
    tool: _Tool = msgspec.field(default_factory=_Tool)


def _settings(path: Path) -> Settings:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        table = msgspec.convert(document, _Document).tool.kinfolk
    except msgspec.ValidationError as error:
        raise GenerateError(f"{path}: in [tool.kinfolk]: {error}") from error
    except (OSError, ValueError) as error:
        raise GenerateError(f"cannot read {path}: {error}") from error
    stubs = None if table.stubs is None else path.parent / table.stubs
    copies = table.read_only_copies
    return Settings(
        tuple(table.specs),
        stubs,
        path.parent,
        copies if isinstance(copies, bool) else tuple(copies),
    )
