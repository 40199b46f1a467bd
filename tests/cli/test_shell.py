"""`kinfolk shell`, as a user runs it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from importlib.util import find_spec

import pytest
from support.commands import Project
from support.programs import PATIENCE


def test_it_runs_a_pipe_as_one_program(running: Project) -> None:
    """Entries are there by name, and blocks end as they do in a file, also with blank lines."""
    program = """
from crawler.spec import Page

def pushed(url):
    "Say what a page is, too."

    return Page(url), frontier.push(url)

for url in ["x", "y"]:
    print(pushed(url))
if __name__ == "__main__":
    print(frontier.limit, job("one").describe(), type(manager).__name__)
frontier.limit
"""
    done = running.run("shell", stdin=program)
    assert done.printed.splitlines() == [
        "(Page(url='x', status=0), True)",
        "(Page(url='y', status=0), True)",
        "500 job one CrawlManager",
    ]
    assert (done.code, done.errors) == (0, "")


@pytest.mark.parametrize(
    ("mistake", "where", "name"),
    [
        ("frontier.pusch('a')", ", line 2, in <module>", "AttributeError: "),
        ("frontier.fail('no')", ", line 2, in <module>", "ValueError: no"),
        ("print((", ", line 2", "SyntaxError: "),
    ],
)
def test_a_mistake_ends_a_program(running: Project, mistake: str, where: str, name: str) -> None:
    """It is shown as Python shows it, from the program's line on, and the exit status is 1."""
    done = running.run("shell", stdin=f"print(frontier.limit)\n{mistake}\nprint('after')\n")
    assert (done.code, done.printed) == (1, "" if name == "SyntaxError: " else "500\n")
    assert f'  File "<stdin>"{where}\n' in done.errors
    assert f"\n{name}" in done.errors
    assert "/kinfolk/cli/" not in done.errors


def test_exit_ends_it(running: Project) -> None:
    """With the code that is given."""
    assert running.run("shell", stdin="exit(3)\nfrontier.limit\n").code == 3


@pytest.mark.skipif(find_spec("readline") is None, reason="Python was built without readline")
def test_it_completes_on_a_terminal(running: Project) -> None:
    """It says what there is, and Tab completes the members of proxies."""
    ours, theirs = pty.openpty()
    path = os.pathsep.join(filter(None, sys.path))
    env = {**os.environ, **running.env, "PYTHONPATH": path, "TERM": "dumb", "INPUTRC": os.devnull}
    with subprocess.Popen(
        [sys.executable, "-m", "kinfolk", "shell"],
        cwd=running.home,
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        try:
            os.close(theirs)
            assert "with it come frontier, cookies, login_lock, job(…)" in _until(ours, ">>> ")
            os.write(ours, b"front\t.pu\t'typed')\n")
            # Only a prompt takes what ends it: between two, the terminal has its own idea of ^D.
            seen = _until(ours, "True\r\n>>> ")
            assert "frontier.push('typed')" in seen
            os.write(ours, b"\x04")
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            os.close(ours)


def _until(fd: int, text: str) -> str:
    """Return what a terminal shows until it shows a text."""
    seen = ""
    while text not in seen:
        assert select.select([fd], [], [], PATIENCE)[0], f"no more than {seen!r}"
        seen += os.read(fd, 4096).decode()
    return seen


def test_no_server(project: Project) -> None:
    """The error says how to start one."""
    assert "start one with `kinfolk serve SPEC`" in project.run("shell").refusal
