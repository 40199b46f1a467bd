"""The command line as a whole: help, completion, and what it says to those who mistype."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.commands import Project

COMMANDS = ["generate", "check", "serve", "status", "stop", "call", "shell"]
COMPLETE = """
source {script}
COMP_WORDS=({words}) COMP_CWORD={last}
_kinfolk
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def test_the_help_lists_every_command(project: Project) -> None:
    """And nothing fails where nothing is asked for."""
    done = project.run("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert re.search(rf"│ {command} +[A-Z][a-z]+ \w", done.printed), command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(project: Project, command: str) -> None:
    """In its help, as a user would type it."""
    done = project.run(command, "--help")
    assert done.code == 0
    text = " ".join(done.printed.split())
    assert f"Example: kinfolk {command}" in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["stauts"], 'Unknown command "stauts".'),
        (["status", "--jsno"], "Unknown option: --jsno"),
        (["call"], 'Command "call" parameter EXPRESSION requires an argument. Usage: kinfolk call'),
        (
            ["serve"],
            'Command "serve" parameter SPEC requires an argument. Usage: kinfolk serve',
        ),
        (["call", "a.b", "--timeout", "soon"], 'Invalid value for --timeout: unable to convert "s'),
    ],
)
def test_a_wrong_use_is_one_line(project: Project, arguments: list[str], complaint: str) -> None:
    """It says what is wrong, and where to look."""
    refusal = project.run(*arguments).refusal
    assert refusal.startswith(complaint)
    assert refusal.endswith("See `kinfolk --help`.")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["kinfolk", "sta"], ["status"]),
        (["kinfolk", "status", "--w"], ["--watch"]),
        (["kinfolk", "call", "--s"], ["--spec"]),
    ],
)
def test_bash_completes_commands_and_options(
    project: Project, tmp_path: Path, words: list[str], found: list[str]
) -> None:
    """Once `kinfolk --install-completion` has run."""
    done = project.run("--install-completion", "--shell", "bash", HOME=str(tmp_path))
    assert done.code == 0, done
    script = tmp_path / ".local" / "share" / "bash-completion" / "completions" / "kinfolk"
    assert str(script) in (tmp_path / ".bashrc").read_text()
    code = COMPLETE.format(script=script, words=" ".join(words), last=len(words) - 1)
    completed = subprocess.run(
        ["bash", "--norc", "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert completed.stdout.split() == found


def test_completion_that_cannot_be_installed(project: Project, tmp_path: Path) -> None:
    """One line says where, and why."""
    (tmp_path / "file").write_text("")
    home = str(tmp_path / "file" / "home")
    done = project.run("--install-completion", "--shell", "bash", HOME=home)
    assert done.refusal.startswith(f"{home}/")
    assert done.refusal.endswith(": Not a directory")
