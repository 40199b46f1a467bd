"""The type checkers, each run once over the golden modules and the typing tests.

Starting one takes longer than checking everything, so what they say is kept for all tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import attrs
from support.goldens import MANAGERS, TESTS

__all__ = ["Message", "mypy", "mypy_of_modules", "pyright", "stubtest"]


@attrs.frozen(order=True)
class Message:
    """An error that a checker reports; `file` is relative to the folder of the tests."""

    file: str
    line: int
    text: str


def _run(arguments: list[str], *, path: list[Path], folder: Path) -> str:
    """Run a checker as a module of this Python, and return what it prints."""
    places = os.pathsep.join(map(str, path))
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "MYPYPATH": places, "PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr + done.stdout
    return done.stdout


def _mypy(targets: list[str], path: list[Path], folder: Path) -> list[Message]:
    options = ["--strict", "--config-file=", "--follow-imports=silent", "--explicit-package-bases"]
    options += ["--python-version=3.11", "--output=json"]
    with tempfile.TemporaryDirectory() as cache:
        options.append(f"--cache-dir={cache}")
        printed = _run(["mypy", *options, *targets], path=path, folder=folder)
    found = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return sorted(
        Message(item["file"], item["line"], item["message"])
        for item in found
        if item["severity"] == "error"
    )


@cache
def mypy() -> list[Message]:
    """Return what mypy --strict says of the stubs, the specs and the typing tests."""
    # The second folder is a base of its own, since a package `typing` is something else.
    return _mypy(["golden", "typing"], [TESTS / "typing", TESTS], TESTS)


@cache
def mypy_of_modules() -> list[Message]:
    """Return what mypy --strict says of the generated modules themselves, their stubs aside."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            TESTS / "golden", folder / "golden", ignore=shutil.ignore_patterns("*.pyi", "__pyc*")
        )
        return _mypy(["golden"], [folder], folder)


@cache
def pyright() -> list[Message]:
    """Return what pyright says in strict mode of all of them: modules, stubs and tests."""
    arguments = ["--outputjson", "--pythonpath", sys.executable, "--project", str(TESTS)]
    found = json.loads(_run(["pyright", *arguments], path=[TESTS], folder=TESTS))
    assert found["summary"]["filesAnalyzed"] > len(MANAGERS), "pyright found nothing to check"
    return sorted(
        Message(
            Path(item["file"]).relative_to(TESTS).as_posix(),
            item["range"]["start"]["line"] + 1,
            item["message"],
        )
        for item in found["generalDiagnostics"]
        if item["severity"] == "error"
    )


@cache
def stubtest() -> str:
    """Return what stubtest says of the generated modules, with no allowlist."""
    return _run(["mypy.stubtest", *MANAGERS], path=[TESTS], folder=TESTS)
