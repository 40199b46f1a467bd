"""The table [tool.kinfolk] of pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinfolk.codegen.settings import Settings, find_settings
from kinfolk.errors import GenerateError


def write(folder: Path, text: str) -> Path:
    """Write a pyproject.toml."""
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    """It is looked for in the folder and in those above it; paths are relative to it."""
    write(tmp_path, '[tool.kinfolk]\nspecs = ["app.spec"]\nstubs = "stubs"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_settings(below) == Settings(("app.spec",), tmp_path / "stubs", tmp_path)
    write(below, "[project]\n")
    assert find_settings(below) == Settings(folder=below)


@pytest.mark.parametrize(
    ("text", "found"), [("true", True), ("false", False), ('["app.spec"]', ("app.spec",))]
)
def test_read_only_copies(tmp_path: Path, text: str, found: bool | tuple[str, ...]) -> None:
    """They are for all specs, for none, or for those that are named."""
    write(tmp_path, f"[tool.kinfolk]\nread_only_copies = {text}\n")
    assert find_settings(tmp_path).read_only_copies == found


def test_there_need_not_be_any(tmp_path: Path) -> None:
    """Without a table nothing is set."""
    write(tmp_path, "")
    assert find_settings(tmp_path) == Settings(folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.kinfolk", "cannot read"),
        ("[tool.kinfolk]\nspecs = 'app.spec'", r"in \[tool.kinfolk\]: Expected `array`"),
        ("[tool.kinfolk]\nstubs = 1", r"in \[tool.kinfolk\]: Expected `str \| null`, got `int`"),
        ("[tool.kinfolk]\nspec = []", r"in \[tool.kinfolk\]: .* unknown field `spec`"),
        ("[tool]\nkinfolk = 3", r"in \[tool.kinfolk\]: Expected `object`"),
        ("tool = 3", "in \\[tool.kinfolk\\]"),
    ],
)
def test_mistakes_name_the_file(tmp_path: Path, text: str, message: str) -> None:
    """The message says where the mistake is, and what is expected there."""
    path = write(tmp_path, text)
    with pytest.raises(GenerateError, match=message) as caught:
        find_settings(tmp_path)
    assert str(path) in str(caught.value)
