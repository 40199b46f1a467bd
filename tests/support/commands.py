"""The command line, as a user runs it in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
from support.programs import PATIENCE, Program

__all__ = ["SPEC", "Done", "Project"]

SPEC = '''
from collections.abc import Iterator

import attrs

from kinfolk import factory, manager, shared, singleton
from kinfolk.types import Dict, RLock


@attrs.frozen
class Page:
    url: str
    status: int = 0


@shared
@attrs.define
class Frontier:
    """URLs still to fetch."""

    limit: int = 1000
    _pages: dict[str, Page] = attrs.field(factory=dict[str, Page], init=False)

    def push(self, url: str, *, priority: int = 0) -> bool:
        """Queue a URL once; return whether it was new."""
        return self._pages.setdefault(url, page := Page(url, priority)) is page

    def fail(self, text: str) -> None:
        raise ValueError(text)

    def __iter__(self) -> Iterator[Page]:
        yield from self._pages.values()

    def broken(self) -> Iterator[int]:
        yield 1
        raise ValueError("it broke")


@shared
@attrs.define
class Job:
    name: str

    def describe(self) -> str:
        return f"job {self.name}"

    def again(self) -> "Job":
        return Job(f"{self.name} again")


@manager
class Crawl:
    frontier = singleton(Frontier, limit=500)
    cookies = singleton(Dict[str, str])
    login_lock = singleton(RLock)
    job = factory(Job)
'''


@attrs.frozen
class Done:
    """A command that has ended, and what it wrote."""

    code: int
    printed: str
    errors: str

    @property
    def refusal(self) -> str:
        """What it says in its one line, if it failed as commands should."""
        assert self.code == 1, self
        assert self.printed == "", self
        assert self.errors.startswith("kinfolk: "), self
        assert self.errors.count("\n") == 1, self
        return self.errors.removeprefix("kinfolk: ").rstrip("\n")


@attrs.frozen
class Project:
    """A user's folder with the package `crawler`, and a folder for sockets."""

    home: Path
    sockets: Path

    def generate(self) -> None:
        """Write the package, and what is generated from its spec."""
        (self.home / "crawler").mkdir(parents=True)
        (self.home / "crawler" / "__init__.py").write_text("")
        (self.home / "crawler" / "spec.py").write_text(SPEC)
        done = self.run("generate", "crawler.spec")
        assert done.code == 0, done

    @property
    def env(self) -> dict[str, str]:
        """What to set in the environment."""
        return {
            "KINFOLK_DIR": str(self.sockets),
            "KINFOLK_ADDRESS": "",
            "KINFOLK_AUTHKEY": "",
            "COLUMNS": "200",
        }

    def run(
        self, *arguments: str, stdin: str = "", cwd: Path | str | None = None, **env: str
    ) -> Done:
        """Run a command to its end."""
        path = os.pathsep.join(filter(None, sys.path))
        done = subprocess.run(
            [sys.executable, "-m", "kinfolk", *arguments],
            cwd=cwd or self.home,
            env={**os.environ, "PYTHONPATH": path, **self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def start(self, *arguments: str, **env: str) -> Iterator[Program]:
        """Run a command that does not end by itself, or a program if it begins with an option."""
        words = arguments if arguments[0].startswith("-") else ("-m", "kinfolk", *arguments)
        with Program(*words, cwd=self.home, **{**self.env, **env}) as program:
            yield program

    @contextmanager
    def serve(self, *arguments: str, **env: str) -> Iterator[Program]:
        """Serve the spec, from here on where clients can connect."""
        with self.start("serve", "crawler.spec", *arguments, **env) as server:
            server.line()
            yield server
