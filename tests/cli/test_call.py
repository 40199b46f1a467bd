"""`kinfolk call`, as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import Project
from support.folders import short_folder
from support.programs import PATIENCE

# --- Calling


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ('frontier.push("https://example.org", priority=2)', "True\n"),
        ('frontier().push("https://example.org/2")', "True\n"),
        ("frontier.limit", "500\n"),
        ("frontier.fail.__doc__", None),
        ('job("one").describe()', "'job one'\n"),
        ('job(name="one").again().again().describe()', "'job one again again'\n"),
        ('cookies.update({"a": "b"})', "None\n"),
        ('cookies.setdefault("a", "b")', "'b'\n"),
        ("login_lock.acquire(timeout=1)", "True\n"),
    ],
)
def test_it_prints_the_result_as_python_would(
    running: Project, expression: str, printed: str | None
) -> None:
    """Entries, factories, attributes, and what methods return."""
    done = running.run("call", expression)
    if printed is None:
        assert "is a method: write fail(…)" in done.refusal
    else:
        assert (done.code, done.printed, done.errors) == (0, printed, "")


def test_it_prints_streams_and_items(running: Project) -> None:
    """A stream line by line, a value in its own form."""
    for url in "ab":
        running.run("call", f"frontier.push({url!r})")
    done = running.run("call", "frontier.__iter__()")
    assert done.code == 0
    assert done.printed.splitlines()[-2:] == [
        "Page(url='a', status=0)",
        "Page(url='b', status=0)",
    ]
    running.run("call", 'cookies.update({"key": "value"})')
    assert running.run("call", 'cookies["key"]').printed == "'value'\n"


def test_an_object_is_printed_as_its_proxy(running: Project) -> None:
    """It says where the object lives."""
    printed = running.run("call", "frontier").printed
    assert printed.startswith("<FrontierProxy of 'frontier' at unix:")
    assert running.run("call", 'job("one")').printed.startswith("<JobProxy of ")


def test_what_a_call_holds_is_free_when_it_has_ended(running: Project) -> None:
    """A command is a process, and its locks end with it."""
    for _ in range(2):
        assert running.run("call", "login_lock.acquire(False)").printed == "True\n"


def test_who_has_read_enough_may_leave(running: Project) -> None:
    """As in `kinfolk call … | head -1`: nothing is said of the pipe."""
    read, write = os.pipe()
    os.close(read)
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-m", "kinfolk", "call", "frontier.limit"],
        cwd=running.home,
        env={**os.environ, **running.env, "PYTHONPATH": path},
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


# --- Mistakes


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("frontier.push(", "'frontier.push(' cannot be read ('(' was never closed): write `kinf"),
        ("fronteer.push('a')", "Crawl has no entry 'fronteer': do you mean frontier?"),
        ("x", "Crawl has no entry 'x': it has cookies, frontier, job, login_lock"),
        ("shutdown()", "Crawl has no entry 'shutdown': it has"),
        ("frontier.pusch('a')", "Frontier has no member 'pusch': do you mean push?"),
        ("frontier._call('push')", "Frontier has no member '_call': it has broken, fail, limit, "),
        ("frontier.__class__", "Frontier has no member '__class__': it has broken, fail"),
        ("frontier['a']", "Frontier has no member '__getitem__': "),
        ("frontier.push", "Frontier.push is a method: write push(…)"),
        ("frontier(1).push('a')", "frontier is one object for everybody, and takes no arguments"),
        ("frontier()()", "Frontier is an object: name what is to be called of it"),
        ("job.describe()", "job makes an object for each call: write job(…)"),
        ("frontier.limit.real", "Frontier.limit is a value of type int, which has nothing to call"),
        (
            "frontier.push('a', priority='high')",
            "Frontier.push: argument 'priority' must be int, not str",
        ),
        (
            "frontier.push()",
            "Frontier.push: missing a required argument: 'url': it is push(url, *, priority=0)",
        ),
        ("job(1)", "Crawl.job: argument 'name' must be str, not int"),
        ("job()", "Crawl.job: missing a required argument: 'name': it is job(name)"),
        ("frontier.push(exit())", "exit() is no literal: arguments are literals, such as 'text'"),
        ("frontier.fail('two\\nlines')", "Frontier.fail raised ValueError: two lines"),
        ("cookies['none']", "Dict.__getitem__ raised KeyError: 'none'"),
        ("login_lock.release()", "RLock.release raised RuntimeError: cannot release a lock that"),
    ],
)
def test_a_mistake_is_one_line(running: Project, expression: str, complaint: str) -> None:
    """It says what is wrong, and what to write instead; never a traceback."""
    assert running.run("call", expression).refusal.startswith(complaint)


def test_a_stream_that_breaks(running: Project) -> None:
    """What came before is printed."""
    done = running.run("call", "frontier.broken()")
    assert (done.code, done.printed) == (1, "1\n")
    assert done.errors == "kinfolk: the stream raised ValueError: it broke\n"


HOLDER = """
import sys
from crawler.manager import CrawlManager

with CrawlManager.open() as crawl:
    print(crawl.login_lock().acquire(), flush=True)
    sys.stdin.read()
"""


def test_a_deadline(running: Project) -> None:
    """For the whole call; what is no time is refused."""
    with running.start("-c", HOLDER) as holder:
        holder.expect("True")
        done = running.run("call", "login_lock.acquire()", "--timeout", "0.2")
        assert "did not answer before the deadline" in done.refusal
    for wrong in ("nan", "-1", "0"):
        done = running.run("call", "frontier.limit", f"--timeout={wrong}")
        assert done.refusal.startswith("--timeout is a number of seconds above 0, not")


# --- Which server


def test_no_server(project: Project) -> None:
    """The error says how to start one."""
    assert "start one with `kinfolk serve SPEC`" in project.run("call", "frontier.limit").refusal


def test_a_server_is_named_by_spec_or_address(project: Project) -> None:
    """By neither, if there is only one or the environment says which; by both never."""
    with short_folder() as other:
        elsewhere = f"unix://{other}/own.sock"
        with project.serve(), project.serve("--address", elsewhere):
            push = "frontier.push('a')"
            assert project.run("call", push, "--spec", "crawler.spec").printed == "True\n"
            assert project.run("call", push).printed == "False\n"
            assert project.run("call", push, "--address", elsewhere).printed == "True\n"
            assert project.run("call", push, KINFOLK_ADDRESS=elsewhere).printed == "False\n"
            both = project.run("call", push, "--spec", "crawler.spec", "--address", elsewhere)
            assert "leave one of them out" in both.refusal
            wrong = project.run("call", push, "--address", "crawler.spec")
            assert wrong.refusal.startswith("'crawler.spec' is no address: write --spec crawler.s")
            # The environment names an address, as it does for `open`.
            wrong = project.run("call", push, KINFOLK_ADDRESS="nowhere")
            assert "no server listens at" in wrong.refusal
            assert "/nowhere (No such file or directory): start it with" in wrong.refusal


# --- The generated module


def test_the_generated_module_is_elsewhere(running: Project, tmp_path: Path) -> None:
    """The server knows where the spec lies, and so the error says where to go."""
    refusal = running.run("call", "frontier.limit", cwd=tmp_path).refusal
    assert refusal == (
        f"crawler.manager is not found here: run the command in the folder that holds it, with "
        f"`cd {running.home}`, or run `kinfolk generate crawler.spec` there"
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import nothing_like_it", "crawler.manager cannot be imported: No module named 'nothing"),
        ("1 / 0", "crawler.manager cannot be imported: ZeroDivisionError: division by zero; run"),
        ("", "the server offers crawler.spec:Crawl, which crawler.manager here does not have: run"),
    ],
)
def test_the_generated_module_is_broken(
    running: Project, tmp_path: Path, text: str, complaint: str
) -> None:
    """The error is one line, and says what to run."""
    shutil.copytree(running.home / "crawler", tmp_path / "crawler")
    (tmp_path / "crawler" / "manager.py").write_text(text)
    refusal = running.run("call", "frontier.limit", cwd=tmp_path).refusal
    assert refusal.startswith(complaint)
