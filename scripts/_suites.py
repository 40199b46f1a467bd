"""Runs the test-suite against the built wheel, on every Python that is found, side by side."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from _venv import DEVELOPMENT, ROOT, Environment

VERSIONS = ("3.11", "3.12", "3.13")
BUILD = ROOT / "build"
# Seconds for one test, which shares the machine with those of the other suites.
_PATIENCE = 300
_ASK = """
import ensurepip, sys  # not every system has both
print(f"{sys.version_info.major}.{sys.version_info.minor}", sys.executable)
"""


def run() -> list[str]:
    """Build the wheel and run the suites; return what failed."""
    pythons = _pythons()
    wheel = _build()
    if wheel is None:
        return ["wheel"]
    with ThreadPoolExecutor(len(pythons)) as pool:
        suites = [
            pool.submit(_suite, version, python, wheel, _tests(place / len(pythons)))
            for place, (version, python) in enumerate(pythons.items())
        ]
        return sorted(name for done in as_completed(suites) for name in _report(*done.result()))


def _pythons() -> dict[str, str]:
    """Return the interpreters by their versions; the one that runs this is among them."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for version in VERSIONS:
        python = found.get(version) or _find(version)
        if python:
            found[version] = python
        else:
            print(f"--- no Python {version} is found here", flush=True)
    return found


def _build() -> Path | None:
    """Return the wheel, made from the sdist, so that what is tested is what that one gives."""
    print("--- wheel", flush=True)
    folder = BUILD / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    if DEVELOPMENT.run(DEVELOPMENT.python, "-m", "build", "--outdir", folder):
        return None
    return next(folder.glob("*.whl"))


def _tests(share: float) -> list[str]:
    """Return all tests, from another one on for each suite, so that no two do the heavy at once."""
    found = sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").iterdir()
        if path.name.startswith("test_") or any(path.rglob("test_*.py"))
    )
    first = int(len(found) * share)
    return found[first:] + found[:first]


def _suite(
    version: str, python: str, wheel: Path, tests: list[str]
) -> tuple[str, int, float, Path]:
    """Run one suite, with files of its own; return how it went, and its log."""
    start = time.monotonic()
    environment = Environment(BUILD / f"python{version}")
    path = BUILD / f"python{version}.log"
    if not environment.ensure(f"{wheel}[codegen]", "--group=test", python=python):
        environment.install("--force-reinstall", "--no-deps", str(wheel))
    with tempfile.TemporaryDirectory(prefix="kf-") as own, path.open("wb") as log:
        options = ["-o", f"cache_dir={own}/cache", "-o", f"timeout={_PATIENCE}"]
        words = ["-m", "pytest", *options, *tests]
        code = environment.run(environment.python, *words, log=log, TMPDIR=own)
    return f"pytest on {version}", code, time.monotonic() - start, path


def _report(name: str, code: int, seconds: float, log: Path) -> list[str]:
    print(f"--- {name}", flush=True)
    sys.stdout.write(log.read_text(errors="replace"))
    print(f"    {seconds:.1f} s", flush=True)
    return [name] if code else []


def _find(version: str) -> str | None:
    """Return the interpreter of a version that can make virtual environments."""
    for candidate in _candidates(version):
        try:
            asked = subprocess.run(
                [candidate, "-c", _ASK], capture_output=True, text=True, check=False
            )
        except OSError:
            continue
        found, _, executable = asked.stdout.strip().partition(" ")
        # A shim of pyenv's is there also for versions that are not switched on.
        if asked.returncode == 0 and found == version:
            return executable
    return None


def _candidates(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from map(str, sorted(versions.glob(f"{version}.*/bin/python"), reverse=True))
