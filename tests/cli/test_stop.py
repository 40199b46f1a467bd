"""`kinfolk stop`, as a user runs it."""

from __future__ import annotations

import signal
import sys

import pytest
from support.commands import Project
from support.folders import short_folder
from support.programs import Program


@pytest.mark.parametrize("target", [(), ("crawler.spec",), ("crawler.spec:Crawl",)])
def test_a_server_is_gone_when_it_returns(
    project: Project, served: Program, target: tuple[str, ...]
) -> None:
    """Named, or the only one there is; its address and files are free at once."""
    done = project.run("stop", *target)
    where = f"unix://{project.sockets}/crawler.spec.Crawl.sock"
    assert (done.code, done.errors) == (0, "")
    assert done.printed == f"stopped crawler.spec:Crawl, process {served.pid}, at {where}\n"
    assert list(project.sockets.iterdir()) == []
    assert served.process.poll() == 0
    with project.serve():
        pass


EMBEDDED = """
import sys
from crawler.manager import CrawlManager

with CrawlManager() as crawl:
    print(crawl.address, flush=True)
    sys.stdin.readline()
    print(crawl.frontier().limit, flush=True)
"""


def test_what_a_program_started_for_itself_is_not_meant(project: Project, served: Program) -> None:
    """Neither by its spec nor as one of those to choose from; `status` shows it."""
    with project.start("-c", EMBEDDED) as embedded:
        address = f"unix://{embedded.line()}"
        assert project.run("call", "frontier.limit").printed == "500\n"
        assert project.run("shell", "--spec", "crawler.spec", stdin="print(1)\n").code == 0
        assert address in project.run("status").printed
        assert project.run("stop", "crawler.spec").code == 0
        assert served.wait() == 0
        but = f"but what a program has started for itself at {address}: start"
        assert (
            f"no server of crawler.spec runs {but}" in project.run("stop", "crawler.spec").refusal
        )
        assert f"no server runs in {project.sockets} {but}" in project.run("stop").refusal
        embedded.tell("go on")
        embedded.expect("500")


def test_what_a_program_started_for_itself_is_named_by_its_address(project: Project) -> None:
    """As any server is."""
    with project.start("-c", EMBEDDED) as embedded:
        address = embedded.line()
        assert project.run("call", "frontier.limit", "--address", address).printed == "500\n"
        assert project.run("stop", address).code == 0


def test_the_environment_says_which(project: Project, served: Program) -> None:
    """As it does for those who open it."""
    with short_folder() as other:
        elsewhere = f"unix://{other}/own.sock"
        with project.serve("--address", elsewhere) as second:
            assert project.run("stop", KINFOLK_ADDRESS=elsewhere).code == 0
            assert second.wait() == 0
    assert served.process.poll() is None


def test_of_several_one_has_to_be_named(project: Project, served: Program) -> None:
    """The error lists what could be written."""
    private = f"unix://{project.sockets}/other.sock"
    with project.serve("--address", private) as second:
        first = f"unix://{project.sockets}/crawler.spec.Crawl.sock"
        assert project.run("stop").refusal == f"2 servers run: name one of {first}, {private}"
        assert project.run("stop", private).code == 0
        assert second.wait() == 0
    assert project.run("stop").code == 0


def test_none_runs(project: Project) -> None:
    """The error says where it looked, and how one is started."""
    assert project.run("stop").refusal == (
        f"no server runs in {project.sockets}: start one with `kinfolk serve SPEC`, or name the "
        "address of another"
    )
    named = project.run("stop", "crawler.spec").refusal
    assert named == ("no server of crawler.spec runs: start it with `kinfolk serve crawler.spec`")


def test_a_server_that_does_not_answer(project: Project, served: Program) -> None:
    """It is not taken for one that has ended."""
    served.signal(signal.SIGSTOP)
    refusal = project.run("stop").refusal
    assert "then said nothing" in refusal
    if sys.platform == "linux":
        assert refusal.startswith(f"process {served.pid} at ")
    assert served.process.poll() is None


def test_a_key_file_that_is_not_there(project: Project) -> None:
    """The error names the option and the file."""
    refusal = project.run("stop", "--authkey-file", "nokey").refusal
    assert refusal == (
        "--authkey-file: the key file nokey cannot be read (No such file or directory): "
        "name a file of your own that holds the key"
    )
