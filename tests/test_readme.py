"""Every command and example of the README, done as it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from support.programs import PATIENCE

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text()
WALK = TEXT.partition("## From an empty folder")[2].partition("\n## ")[0]
REST = TEXT.replace(WALK, "")
FILE = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
IMPORT = "from crawler.manager import CrawlManager\n"
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(kinfolk [^`]*)`")
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


def _commands(text: str) -> Iterator[Command]:
    for block in CONSOLE.findall(text):
        for part in block.removeprefix("$ ").split("\n$ "):
            line, _, expected = part.partition("\n")
            yield Command(shlex.split(line), expected and expected.rstrip("\n") + "\n")


def _write_files(home: Path) -> None:
    for name, text in FILE.findall(WALK):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


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
    _write_files(home)
    commands = [command for command in _commands(WALK) if command.words[0] != "pip"]
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


# --- The rest of it


@pytest.fixture
def home(tmp_path: Path, environment: dict[str, str]) -> Path:
    """Make the folder of the walk, with what is generated there."""
    path = tmp_path / "home"
    _write_files(path)
    _run(["kinfolk", "generate", "crawler.spec"], path, environment)
    return path


def _run(words: list[str], home: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        words,
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


@contextmanager
def _serving(words: list[str], home: Path, environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(
        words, cwd=home, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("serving crawler.spec:Crawl at ")
            yield
        finally:
            server.terminate()


def test_it_begins_with_commands_of_the_walk() -> None:
    """Which are shown to work below."""
    walked = [command.words for command in _commands(WALK)]
    shown = [command.words for command in _commands(REST)]
    assert shown
    assert all(words in walked for words in shown)


def test_commands_within_the_text(home: Path, environment: dict[str, str]) -> None:
    """Each works as it stands there, with the spec of the walk where it names none."""
    own = {**environment, "HOME": str(home), "SHELL": "/bin/bash"}
    found = {shown: shlex.split(" ".join(shown.split())) for shown in INLINE.findall(REST)}
    serving = [words for words in found.values() if words[1] == "serve"]
    others = [words for words in found.values() if words[1] != "serve"]
    assert {words[1] for words in others} >= {"generate", "check", "status", "call", "shell"}
    assert serving
    for words in serving:
        spec = [] if "crawler.spec" in words else ["crawler.spec"]
        look = ["kinfolk", "status", "crawler.spec"]
        if "pickle" in words:
            look = ["python", "-c", f"{IMPORT}CrawlManager.open(serializer='pickle').frontier()"]
        with _serving([*words, *spec], home, own):
            _run(look, home, own)
    with _serving(["kinfolk", "serve", "crawler.spec"], home, own):
        for words in sorted(others, key=lambda words: words[1] == "stop"):
            specs = ["crawler.spec"] if words[1] in {"generate", "check"} else []
            _run([*words, *specs], home, own)


def test_settings(home: Path, environment: dict[str, str]) -> None:
    """With them, neither command has to be told the spec."""
    [settings] = TOML.findall(REST)
    (home / "pyproject.toml").write_text(settings)
    said = _run(["kinfolk", "generate"], home, environment)
    assert said == "unchanged crawler/manager.py\nunchanged crawler/manager.pyi\n"
    _run(["kinfolk", "check"], home, environment)


def test_examples_in_python(home: Path, environment: dict[str, str]) -> None:
    """One after the other; the first one starts the server, which is stopped at the end."""
    apart = ("def test_", "__main__", "BaseManager")
    blocks = [text for text in PYTHON.findall(REST) if not any(word in text for word in apart)]
    assert "start=True" in blocks[0]
    end = "crawl.shutdown()\nprint('done')\n"
    (home / "examples.py").write_text("\n".join([IMPORT, *blocks, end]))
    assert _run(["python", "examples.py"], home, environment) == "done\n"


def test_the_example_of_a_program(home: Path, environment: dict[str, str]) -> None:
    """One for the standard library's manager, with another import, and one call more."""
    [block] = [block for block in PYTHON.findall(REST) if "__main__" in block]
    (home / "program.py").write_text(block)
    assert _run(["python", "program.py"], home, environment) == "{'alice': 2, 'bob': 2}\n"


def test_the_example_of_a_plain_client(home: Path, environment: dict[str, str]) -> None:
    """It has no Kinfolk."""
    [block] = [block for block in PYTHON.findall(REST) if "BaseManager" in block]
    (home / "plain.py").write_text(block)
    socket = Path(environment["KINFOLK_DIR"]) / "crawler.spec.Crawl.sock"
    serve = ["kinfolk", "serve", "crawler.spec", "--serializer", "pickle"]
    with _serving(serve, home, environment):
        said = _run(["python", "-S", "plain.py", str(socket)], home, environment)
    assert said == "1\n"


def test_the_example_of_a_test(home: Path, environment: dict[str, str]) -> None:
    """It passes in a project that has only installed the package."""
    [block] = [block for block in PYTHON.findall(REST) if "def test_" in block]
    (home / "test_crawler.py").write_text(block)
    words = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_crawler.py"]
    assert "1 passed" in _run(words, home, environment)


def test_scripts() -> None:
    """Those that are named are there, for anybody to run."""
    named = set(re.findall(r"`(scripts/\w+)`", TEXT))
    assert {"scripts/demo", "scripts/test", "scripts/bench"} <= named
    assert all(os.access(README.parent / name, os.X_OK) for name in named)
