"""`kinfolk status`, as a user runs it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import pwd
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.commands import Project
from support.folders import short_folder
from support.programs import PATIENCE, Program

from kinfolk.addresses import parse_address
from kinfolk.cli.servers import Found
from kinfolk.cli.tables import Row, View, duration, rendered
from kinfolk.wire.reports import ServerReport

KEY = "a key for tests only"
HOLDER = """
import sys
from crawler.manager import CrawlManager

with CrawlManager.open() as crawl:
    job = crawl.job("one")
    crawl.login_lock().acquire()
    print("ready", flush=True)
    for line in sys.stdin:
        crawl.frontier().push(line)
        print("pushed", flush=True)
"""
WAITER = """
from crawler.manager import CrawlManager

with CrawlManager.open() as crawl:
    crawl.login_lock().acquire()
"""


@contextmanager
def waiting(project: Project) -> Iterator[tuple[Program, Program]]:
    """Run a program that has the lock, and from then on another that waits for it."""
    with project.start("-c", HOLDER) as holder:
        holder.expect("ready")
        with project.start("-c", WAITER) as waiter:
            yield holder, waiter


def servers(project: Project, *arguments: str, **env: str) -> list[dict[str, Any]]:
    """Return what the command says in JSON."""
    done = project.run("status", *arguments, "--json", **env)
    assert (done.code, done.errors) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.printed)["servers"]
    return found


def address(project: Project) -> str:
    """Return where a server of the project listens."""
    return f"unix://{project.sockets}/crawler.spec.Crawl.sock"


# --- Which servers


def test_no_server_is_no_mistake(project: Project) -> None:
    """It says how to start one, and to a program the same in its own way."""
    done = project.run("status")
    assert (done.code, done.errors) == (0, "")
    assert done.printed == "no server of yours runs: start one with `kinfolk serve SPEC`\n"
    assert servers(project) == []
    assert servers(project, KINFOLK_DIR=str(project.sockets / "none")) == []


def test_all_servers_of_this_user_are_shown(project: Project) -> None:
    """Those in the folder of private sockets, and the one that the environment names."""
    with short_folder() as other:
        elsewhere = f"unix://{other}/own.sock"
        with project.serve() as one, project.serve("--address", elsewhere) as two:
            found = servers(project, KINFOLK_ADDRESS=elsewhere)
            assert [each["pid"] for each in found] == [two.pid, one.pid]
            assert [each["address"] for each in found] == [elsewhere, address(project)]
            assert [each["pid"] for each in servers(project)] == [one.pid]


@pytest.mark.parametrize("way", ["crawler.spec", "crawler.spec:Crawl", "crawler/spec.py", "URL"])
def test_one_server_is_named_by_spec_or_address(
    project: Project, served: Program, way: str
) -> None:
    """In any of the forms in which the other commands take them."""
    target = address(project) if way == "URL" else way
    assert [each["pid"] for each in servers(project, target)] == [served.pid]


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("other.spec", "no server of other.spec runs: start it with `kinfolk serve other.spec`"),
        ("crawler.spec:Other", "no server of crawler.spec:Other runs: start it with"),
        ("unix:///tmp/no.sock", "no server listens at unix:///tmp/no.sock (No such file"),
        ("localhost:80", "'localhost:80' is no address: write tcp://host:port"),
        ("no spec", "'no spec' is no module: name it as it is imported"),
    ],
)
def test_a_server_that_is_not_there(
    project: Project, served: Program, target: str, complaint: str
) -> None:
    """The error says what was looked for, and what to do."""
    assert project.run("status", target).refusal.startswith(complaint)


def test_a_stale_socket_is_passed_over(project: Project) -> None:
    """A killed server leaves its files, and is no server any more."""
    with project.serve() as server:
        server.kill()
    assert (project.sockets / "crawler.spec.Crawl.sock").exists()
    assert servers(project) == []


def test_what_does_not_answer_is_shown_beside_the_others(project: Project) -> None:
    """It hides none of them, and says what is wrong with it."""
    with project.serve(), socket.socket(socket.AF_UNIX) as other:
        other.bind(str(project.sockets / "aaa.sock"))
        other.listen()
        stranger, found = servers(project)
        assert set(stranger) == {"address", "error"}
        assert "then said nothing within 2 s" in stranger["error"]
        assert found["spec"] == "crawler.spec"
        table = project.run("status").printed
        assert "crawler.spec:Crawl" in table
        assert stranger["error"] in table


def test_a_stopped_server_can_be_named(project: Project, served: Program) -> None:
    """Its socket's name tells of which spec it is."""
    served.signal(signal.SIGSTOP)
    [found] = servers(project, "crawler.spec")
    assert "said nothing" in found["error"]


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_a_server_with_a_key_is_asked_with_it(
    project: Project, tmp_path: Path, serializer: str
) -> None:
    """From the environment or a file; without it nothing is said of what is served."""
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text(KEY)
    key = ("--authkey-file", str(file))
    how = ("--address", "tcp://127.0.0.1:0", "--serializer", serializer)
    with project.start("serve", "crawler.spec", *how, *key) as server:
        url = server.line().rpartition(" ")[2]
        assert [each["pid"] for each in servers(project, url, *key)] == [server.pid]
        assert [each["pid"] for each in servers(project, url, KINFOLK_AUTHKEY=KEY)] == [server.pid]
        for command in ("status", "stop"):
            keyless = project.run(command, url)
            assert keyless.refusal.endswith(
                "the server asks for a key: give --authkey-file FILE, or set KINFOLK_AUTHKEY"
            )
        wrong = project.run("status", url, KINFOLK_AUTHKEY="another key")
        assert re.search("does not hold the server's key|do not hold the same key", wrong.refusal)
        short = project.run("status", url, KINFOLK_AUTHKEY="short")
        assert short.refusal.startswith("KINFOLK_AUTHKEY: an authkey has at least 8 bytes, and")


def test_a_folder_that_is_open_to_others(project: Project) -> None:
    """Others could put sockets into it."""
    project.sockets.chmod(0o755)
    assert f"run `chmod 700 {project.sockets}`" in project.run("status").refusal


# --- What is said of them


def test_json_has_all_that_a_program_asks_for(project: Project, served: Program) -> None:
    """Its keys are public, and stay."""
    with waiting(project) as (holder, waiter):
        found = servers(project)[0]
        while not found["waits"][0]["waiters"]:
            found = servers(project)[0]
        holder.tell("a url")
        holder.expect("pushed")
        assert servers(project)[0]["calls"] == found["calls"] + 1
        clients = {each.pop("pid"): each for each in found.pop("clients")}
        user = pwd.getpwuid(os.geteuid()).pw_name
        counts = {"connections": 1, "streams": 0, "program": "python -c", "user": user}
        peer = "process {} of user {}".format
        assert clients == {
            holder.pid: {
                **counts,
                "peer": peer(holder.pid, os.geteuid()),
                "waiting": 0,
                "held": 1,
                "objects": 1,
            },
            waiter.pid: {
                **counts,
                "peer": peer(waiter.pid, os.geteuid()),
                "waiting": 1,
                "held": 0,
                "objects": 0,
            },
        }
        [wait] = found.pop("waits")
        assert (wait["kind"], wait["name"]) == ("lock", "login_lock")
        assert wait["holder"]["pid"] == holder.pid
        assert [each["pid"] for each in wait["waiters"]] == [waiter.pid]
        assert found.pop("uptime") > 0
        assert found.pop("calls_per_second") >= 0
        assert found.pop("calls") >= 2
        assert found == {
            "pid": served.pid,
            "spec": "crawler.spec",
            "manager": "Crawl",
            "file": str(project.home / "crawler" / "spec.py"),
            "serializer": "typed",
            "address": address(project),
            "objects": 4,
        }


def test_the_table_shows_the_same_to_people(project: Project, served: Program) -> None:
    """Who holds and who waits is named by process and program."""
    with waiting(project) as (holder, waiter):
        while not servers(project)[0]["waits"][0]["waiters"]:
            pass
        lines = [line.split() for line in project.run("status").printed.splitlines()]
    assert lines[0] == ["PID", "SERVES", "UP", "CLIENTS", "OBJECTS", "CALLS/S"]
    assert lines[1][:2] == [str(served.pid), "crawler.spec:Crawl"]
    spec = str(project.home / "crawler" / "spec.py")
    assert lines[3] == ["crawler.spec:Crawl", "at", f"{address(project)},", "from", spec]
    assert ["lock", "login_lock", str(holder.pid), "python", "-c", "1"] == lines[-1][:6]
    assert lines[-1][6:] == [str(waiter.pid), "python", "-c"]


def report(**changes: Any) -> ServerReport:
    """Return a report."""
    fields = {"pid": 7, "spec": "a.spec", "manager": "A", "file": "", "serializer": "typed"}
    counts = {"address": "", "uptime": 1.0, "calls": 0, "objects": 0, "clients": [], "waits": []}
    return ServerReport(**{**fields, **counts, **changes})


def test_what_a_server_says_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Names with brackets stay as they are."""
    from rich.console import Console

    found = Found(parse_address("/tmp/[red].sock"), report(spec="[bold]x"))
    Console(width=100).print(rendered(View([Row(found, 1234.5)])))
    printed = capsys.readouterr().out
    assert "[bold]x:A" in printed
    assert "[red].sock" in printed or "%5Bred%5D.sock" in printed
    assert "1,234" in printed


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3 * 3600, "3 h 0 min"),
        (90_061, "1 d 1 h"),
        (864_000, "10 d 0 h"),
    ],
)
def test_a_time_has_two_units(seconds: float, text: str) -> None:
    """More nobody reads."""
    assert duration(seconds) == text


# --- Again and again


def test_watch_goes_on_until_ctrl_c(project: Project, served: Program) -> None:
    """On a pipe each second a line of JSON; the calls between two of them are counted."""
    with project.start("status", "--watch", "--json") as watch, project.start("-c", HOLDER) as user:
        user.expect("ready")
        for _ in range(3):
            [found] = json.loads(watch.line())["servers"]
            assert found["pid"] == served.pid
            user.tell("a url")
        while not json.loads(watch.line())["servers"][0]["calls_per_second"]:
            pass
        watch.signal(signal.SIGINT)
        assert watch.wait() == 0
        assert watch.errors == ""


def test_watch_survives_the_server(project: Project) -> None:
    """It says that there is none, and shows the next one."""
    with project.serve() as server, project.start("status", "crawler.spec", "--watch") as watch:
        assert watch.line().startswith("PID")
        server.kill()
        while not (line := watch.line()).startswith("no server"):
            pass
        assert line == "no server of crawler.spec runs: start it with `kinfolk serve crawler.spec`"
        with project.serve() as second:
            while not watch.line().startswith(f"{second.pid} "):
                pass


def test_watch_is_a_live_table_on_a_terminal(project: Project, served: Program) -> None:
    """Each table takes the place of the one before, and what is read stays whole at 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = {**os.environ, **project.env, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    del env["COLUMNS"]
    with subprocess.Popen(
        [sys.executable, "-m", "kinfolk", "status", "--watch"],
        cwd=project.home,
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        while seen.count(b"crawler.spec:Crawl ") < 3:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    assert b"\x1b[1A" in seen  # one line up, to write it anew
    assert str(served.pid).encode() in seen
