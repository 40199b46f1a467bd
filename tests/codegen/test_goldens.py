"""The golden modules: generated as committed, and accepted by every checker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.checkers import mypy, mypy_of_modules, pyright, stubtest
from support.goldens import MANAGERS, TESTS, golden_changes

FILES = [
    TESTS.joinpath(*module.split(".")).with_suffix(suffix)
    for module in MANAGERS
    for suffix in (".py", ".pyi")
]


def test_the_golden_modules_are_what_is_generated() -> None:
    """Every byte is as committed; `tests/support/goldens.py` writes them anew."""
    stale = [change for change in golden_changes() if change.needed]
    assert [line for change in stale for line in change.diff(change.path.name)] == []


def test_mypy_accepts_the_stubs() -> None:
    """In strict mode, mypy has nothing to say of specs and stubs."""
    assert [message for message in mypy() if message.file.startswith("golden/")] == []


def test_mypy_accepts_the_modules() -> None:
    """In strict mode, mypy has nothing to say of the modules either, their stubs aside."""
    assert mypy_of_modules() == []


def test_pyright_accepts_both() -> None:
    """In strict mode, pyright accepts specs, modules and stubs."""
    assert [message for message in pyright() if message.file.startswith("golden/")] == []


def test_stubtest_finds_no_difference() -> None:
    """The stubs say of names, parameters and defaults what the modules have."""
    assert stubtest() == f"Success: no issues found in {len(MANAGERS)} modules\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_generated_code_is_laid_out_like_formatted_code(path: Path, tmp_path: Path) -> None:
    """A formatter would leave every file as it is, were it not told so by a comment."""
    text = path.read_text()
    copy = tmp_path / path.name
    copy.write_text(text.replace("# fmt: off\n", "", 1))
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=100", "--diff"]
    done = subprocess.run([*command, copy], capture_output=True, text=True, check=False)
    assert done.stdout == ""
