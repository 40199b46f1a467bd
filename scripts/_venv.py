"""Makes virtual environments for this repository, and runs programs in them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a folder; it need not be there yet."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def ensure(self, *wanted: str, python: str = sys.executable) -> bool:
        """Make it with what pip is to install; return whether there was something to do.

        What is there already and was made for the same pyproject.toml is left alone.
        """
        line = _stamp(python, wanted)
        stamps = self.folder / "kinfolk-installed"
        installed = stamps.read_text().splitlines() if stamps.exists() else []
        if line in installed and self.python.exists():
            return False
        if not any(each.startswith(f"{python} ") for each in installed):
            installed = []
            _checked(subprocess.call([python, "-m", "venv", "--clear", self.folder]))
            self.install("--upgrade", "pip>=25.1")  # the first that installs dependency groups
        self.install(*wanted)
        stamps.write_text("".join(f"{each}\n" for each in [*installed, line]))
        return True

    def install(self, *arguments: str) -> None:
        """Install packages, or end this program if that fails."""
        _checked(self.run(self.python, "-m", "pip", "install", "--quiet", *arguments))

    def run(self, *command: str | Path, log: IO[bytes] | None = None, **env: str) -> int:
        """Run a program of the environment at the root of the repository; return its exit code."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", os.defpath)])
        return subprocess.call(
            command, cwd=ROOT, env={**os.environ, "PATH": path, **env}, stdout=log, stderr=log
        )


DEVELOPMENT = Environment(ROOT / ".venv")


def ensure(*groups: str) -> None:
    """Make `.venv` with the package, editable, its generator and the given dependency groups."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version}")
    if not (DEVELOPMENT.folder / "kinfolk-installed").exists():
        print("Making .venv …", file=sys.stderr, flush=True)
    wanted = [f"--group={group}" for group in groups]
    DEVELOPMENT.ensure("--editable", f"{ROOT}[codegen]", *wanted)


def _stamp(python: str, wanted: tuple[str, ...]) -> str:
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return " ".join([python, sys.version.split()[0], project[:16], *wanted])


def _checked(code: int) -> None:
    if code:
        sys.exit(code)
