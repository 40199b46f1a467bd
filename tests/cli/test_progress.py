"""What commands show while they work: on a terminal, and not elsewhere."""

from __future__ import annotations

import os
import pty
import select
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.programs import PATIENCE

SPEC = """
import attrs

from kinfolk import manager, shared, singleton


@shared
@attrs.define
class Slow:
    size: int = 0

    def __attrs_post_init__(self) -> None:
        input()


@manager
class App:
    first = singleton(Slow)
    second = singleton(Slow)
"""
ERASE = "\r\x1b[2K"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a folder with two specs, whose objects are made when a line comes over stdin."""
    for name in ("one_spec.py", "two_spec.py"):
        (tmp_path / name).write_text(SPEC)
    return tmp_path


class Terminal:
    """What a program sees as its terminal."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self.text = ""

    def read_until(self, end: str) -> str:
        """Return all that the program has written, once this is part of it."""
        while end not in self.text:
            assert select.select([self._ours], [], [], PATIENCE)[0], f"no more than {self.text!r}"
            self.text += os.read(self._ours, 4096).decode()
        return self.text

    def close(self) -> None:
        """Hang up."""
        os.close(self.theirs)
        os.close(self._ours)


@contextmanager
def on_terminal(home: Path, *arguments: str, **env: str) -> Iterator[Run]:
    """Run the command with stderr on a terminal, and stdout on a pipe."""
    terminal = Terminal()
    process = subprocess.Popen(
        [sys.executable, "-m", "kinfolk", *arguments],
        cwd=home,
        env=_environment(home, **env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal.theirs,
        text=True,
    )
    with process:
        try:
            yield Run(process, terminal)
        finally:
            process.kill()
            terminal.close()


class Run:
    """The command, and its terminal."""

    def __init__(self, process: subprocess.Popen[str], terminal: Terminal) -> None:
        self.process = process
        self.terminal = terminal

    def enter(self) -> None:
        """Let the next object be made."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def _environment(home: Path, **env: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, sys.path))
    own = {"KINFOLK_ADDRESS": f"unix://{os.environ['KINFOLK_DIR']}/app.sock", "TERM": "xterm"}
    return {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", **own, **env}


def run(home: Path, *arguments: str, stdin: str = "", **env: str) -> tuple[str, str]:
    """Run the command with pipes only; return what it wrote to both."""
    done = subprocess.run(
        [sys.executable, "-m", "kinfolk", *arguments],
        cwd=home,
        env=_environment(home, **env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout, done.stderr


def test_generate_says_which_spec_it_reads(home: Path) -> None:
    """One after the other in the same line, of which nothing is left."""
    with on_terminal(home, "generate", "one_spec", "two_spec") as running:
        printed, _ = running.process.communicate()
        shown = running.terminal.read_until(f"two_spec{ERASE}")
    assert shown == f"{ERASE}[1/2] reading one_spec{ERASE}[2/2] reading two_spec{ERASE}"
    assert printed.count("wrote ") == 4
    assert "\x1b" not in printed


def test_serve_says_which_object_it_makes(home: Path) -> None:
    """While it is made, which may take long; the address comes when all are."""
    run(home, "generate", "one_spec")
    with on_terminal(home, "serve", "one_spec") as running:
        running.terminal.read_until("[1/2] making first")
        running.enter()
        shown = running.terminal.read_until("[2/2] making second")
        assert shown == f"{ERASE}[1/2] making first{ERASE}[2/2] making second"
        running.enter()
        assert running.process.stdout is not None
        assert running.process.stdout.readline().startswith("serving one_spec:App at ")
        assert running.terminal.read_until(f"second{ERASE}").endswith(f"second{ERASE}")


def test_a_mistake_stands_alone_in_its_line(home: Path) -> None:
    """What was shown before is gone when the error is printed."""
    (home / "two_spec.py").write_text("import nothing_of_the_kind\n")
    with on_terminal(home, "generate", "one_spec", "two_spec") as running:
        assert running.process.wait(PATIENCE) == 1
        shown = running.terminal.read_until("\n")
    assert f"{ERASE}two_spec.py:1: `two_spec` does not import" in shown


@pytest.mark.parametrize("env", [{}, {"FORCE_COLOR": "1", "NO_COLOR": ""}])
def test_a_pipe_gets_nothing_of_it(home: Path, env: dict[str, str]) -> None:
    """Also where colours are asked for."""
    assert run(home, "generate", "one_spec", "two_spec", **env)[1] == ""
    # The second object finds the end of stdin, and so the command ends.
    _, errors = run(home, "serve", "one_spec", stdin="\n", **env)
    assert "EOFError" in errors
    assert "making" not in errors


def test_a_simple_terminal_gets_nothing_of_it(home: Path) -> None:
    """One that cannot erase a line would be filled with them."""
    with on_terminal(home, "generate", "one_spec", "missing_spec", TERM="dumb") as running:
        assert running.process.wait(PATIENCE) == 1
        shown = running.terminal.read_until("\n")
    assert shown.startswith("missing_spec.py:1: ")


def test_without_stderr_a_command_works_all_the_same(home: Path) -> None:
    """There is nothing to show it on."""
    for command in (["generate", "one_spec.py"], ["check", "one_spec.py"]):
        quoted = shlex.join([sys.executable, "-m", "kinfolk", *command])
        done = subprocess.run(["/bin/sh", "-c", f"{quoted} 2>&-"], cwd=home, check=False)
        assert done.returncode == 0
    assert (home / "one_manager.py").exists()
