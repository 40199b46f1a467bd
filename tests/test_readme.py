"""The README's walk from an empty folder to a typed call, done as it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

README = Path(__file__).parent.parent / "README.md"
WALK = README.read_text().partition("## From an empty folder")[2].partition("\n## ")[0]
FILE = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
# What is another one each time: where the server listens, and its process.
PLACE = re.compile(r"unix:\S+|process \d+")


@attrs.frozen
class Command:
    """A command of the README and what it says to print; `…` stands for any lines before."""

    words: list[str]
    expected: str

    def check(self, printed: str) -> None:
        """Compare what was printed with what the README says."""
        if self.expected.startswith("…\n"):
            assert printed.endswith(self.expected.removeprefix("…\n"))
        else:
            assert PLACE.sub("…", printed) == PLACE.sub("…", self.expected)


def _commands() -> Iterator[Command]:
    for block in CONSOLE.findall(WALK):
        for part in block.removeprefix("$ ").split("\n$ "):
            line, _, expected = part.partition("\n")
            yield Command(shlex.split(line), expected and expected.rstrip("\n") + "\n")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a user whose commands are those of this interpreter."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "KINFOLK_DIR": str(tmp_path / "sockets"),
        "MYPY_CACHE_DIR": str(tmp_path / "cache"),
    }


def test_walk(tmp_path: Path, environment: dict[str, str]) -> None:
    """Every file and command of the walk works, and prints what the README shows."""
    home = tmp_path / "home"
    for name, text in FILE.findall(WALK):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    commands = [command for command in _commands() if command.words[0] != "pip"]
    assert [command.words[:2] for command in commands] == [
        ["kinfolk", "generate"],
        ["kinfolk", "serve"],
        ["python", "work.py"],
        ["mypy", "wrong.py"],
        ["python", "wrong.py"],
        ["kinfolk", "call"],
        ["kinfolk", "call"],
        ["kinfolk", "stop"],
    ]
    servers: list[subprocess.Popen[str]] = []
    try:
        for command in commands:
            process = subprocess.Popen(
                command.words,
                cwd=home,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if command.words[1] == "serve":
                servers.append(process)
                assert process.stdout is not None
                command.check(process.stdout.readline())
            else:
                command.check(process.communicate()[0])
        for server in servers:
            server.wait(30)
    finally:
        for server in servers:
            server.kill()
        said = [server.communicate()[0] for server in servers]
    assert said == [""]
    assert [server.returncode for server in servers] == [0]
