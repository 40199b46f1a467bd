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
from typing import Any

import attrs
from support.goldens import MANAGERS, TESTS

__all__ = ["Message", "mypy", "mypy_of_modules", "pyright", "stubtest"]

SOURCES = TESTS.parent / "src"
CHECKED = (TESTS / "golden", TESTS / "typing")


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


def _mypy(targets: list[str], folder: Path) -> list[Message]:
    options = ["--strict", "--config-file=", "--follow-imports=silent", "--explicit-package-bases"]
    options += ["--python-version=3.11", "--output=json", "--cache-dir=.mypy"]
    with tempfile.TemporaryDirectory() as cache:
        options[-1] = f"--cache-dir={cache}"
        printed = _run(["mypy", *options, *targets], path=[folder, SOURCES], folder=folder)
    found = [json.loads(line) for line in printed.splitlines()]
    return sorted(
        Message(item["file"], item["line"], item["message"])
        for item in found
        if item["severity"] == "error"
    )


@cache
def mypy() -> list[Message]:
    """Return what mypy --strict says of the stubs, the specs and the typing tests."""
    return _mypy([path.name for path in CHECKED], TESTS)


@cache
def mypy_of_modules() -> list[Message]:
    """Return what mypy --strict says of the generated modules themselves, their stubs aside."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            TESTS / "golden", folder / "golden", ignore=shutil.ignore_patterns("*.pyi", "__pyc*")
        )
        return _mypy(["golden"], folder)


@cache
def pyright() -> list[Message]:
    """Return what pyright says in strict mode of all of them: modules, stubs and tests."""
    settings: dict[str, Any] = {
        "include": [str(path) for path in CHECKED],
        "extraPaths": [str(SOURCES), str(TESTS)],
        "pythonVersion": "3.11",
        "typeCheckingMode": "strict",
        "venvPath": str(Path(sys.prefix).parent),
        "venv": Path(sys.prefix).name,
    }
    with tempfile.TemporaryDirectory() as name:
        project = Path(name, "pyrightconfig.json")
        project.write_text(json.dumps(settings))
        arguments = ["pyright", "--outputjson", "--project", str(project)]
        found = json.loads(_run(arguments, path=[SOURCES, TESTS], folder=TESTS))
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
    return _run(["mypy.stubtest", *MANAGERS], path=[TESTS, SOURCES], folder=TESTS)
