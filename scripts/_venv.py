"""Makes the repository's own virtual environment, and runs programs in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)


def ensure(*groups: str) -> None:
    """Make `.venv`, install the package with its generator and the given dependency groups.

    What is there already and was made for the same pyproject.toml is left alone.
    """
    if sys.version_info < OLDEST:
        sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version}")
    wanted = _stamp(groups)
    stamps = VENV / "kinfolk-installed"
    installed = stamps.read_text().splitlines() if stamps.exists() else []
    if wanted in installed and PYTHON.exists():
        return
    print("Making .venv …", file=sys.stderr, flush=True)
    venv.create(VENV, with_pip=True)
    _pip("--upgrade", "pip>=25.1")  # the first that installs dependency groups
    _pip("--editable", f"{ROOT}[codegen]", *(f"--group={group}" for group in groups))
    stamps.write_text("".join(f"{line}\n" for line in [*installed, wanted]))


def run(*command: str | Path) -> int:
    """Run a program of the environment at the root of the repository; return its exit code."""
    path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])
    return subprocess.call(command, cwd=ROOT, env={**os.environ, "PATH": path})


def _stamp(groups: tuple[str, ...]) -> str:
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return " ".join([sys.version.split()[0], project[:16], *groups])


def _pip(*arguments: str) -> None:
    code = run(PYTHON, "-m", "pip", "install", "--quiet", *arguments)
    if code:
        sys.exit(code)
