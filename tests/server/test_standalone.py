"""Servers that are started when somebody needs them, in real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.folders import short_folder
from support.programs import Program
from support.threads import until

from kinfolk.addresses import UnixAddress
from kinfolk.client.observer import Observer
from kinfolk.errors import CallTimeout, ConnectionLost, HandshakeFailed, NotRunning, NotSupported
from kinfolk.examples.login.manager import LoginManager
from kinfolk.host.timer import timer
from kinfolk.server.idling import Idling
from kinfolk.server.standalone import Job, reach_or_launch
from kinfolk.wire.greetings import AboutToEnd, CutShort

SPEC = """
import os
import attrs
from kinfolk import manager, shared, singleton

@shared
@attrs.define
class Counter:
    value: int = 0

    def __attrs_post_init__(self) -> None:
        if os.environ.get("BROKEN"):
            raise KeyError("the disk is empty")
        if os.environ.get("ENDING"):
            raise SystemExit("bye")
        if os.environ.get("GATE"):
            with open(os.environ["GATE"] + ".begun", "a") as file:
                print("begun", file=file)
            with open(os.environ["GATE"]) as gate:  # a pipe
                gate.read()

    def add(self) -> tuple[int, int]:
        self.value += 1
        return os.getpid(), self.value

@manager
class Crawl:
    counter = singleton(Counter)
"""

CLIENT = """
import json, sys
from crawl_manager import CrawlManager

idle = json.loads(sys.argv[1])
try:
    with CrawlManager.open(start=True, idle=idle, timeout=60) as crawl:
        print(json.dumps(crawl.counter().add()), flush=True)
        sys.stdin.readline()
except Exception as error:
    print(json.dumps([type(error).__name__, str(error), *getattr(error, "__notes__", [])]))
"""


class Project:
    """A folder with a spec, and another for its sockets."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        self.folder = folder
        self.sockets = sockets
        folder.mkdir()
        (folder / "crawl_spec.py").write_text(SPEC)
        command = [sys.executable, "-m", "kinfolk", "generate", "crawl_spec"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    def client(self, idle: float | None = None, **env: str) -> Program:
        """Start a program that opens the manager, calls it once, and stays until it is told."""
        return self.program(CLIENT, json.dumps(idle), **env)

    def program(self, text: str, *arguments: str, **env: str) -> Program:
        """Start a program that can import the project's modules."""
        path = os.pathsep.join([str(self.folder), *filter(None, sys.path)])
        env = {"KINFOLK_DIR": str(self.sockets), "PYTHONPATH": path, **env}
        return Program("-c", text, *arguments, cwd=None, **env)

    def beside(self, suffix: str) -> Path:
        """Return a file beside the socket."""
        return self.sockets / f"crawl_spec.Crawl{suffix}"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder for sockets."""
    with short_folder() as path:
        yield path


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Make a project, and end its server afterwards."""
    with short_folder() as sockets:
        project = Project(tmp_path / "project", Path(sockets) / "k")
        yield project
        if project.beside(".pid").exists():
            end(int(project.beside(".pid").read_text().splitlines()[0]))


def answer(client: Program) -> list[Any]:
    """Return what a client printed."""
    found: list[Any] = json.loads(client.line(60))
    return found


def leave(client: Program) -> None:
    """Have a client go, and wait until it is gone."""
    client.tell("go")
    client.wait()


def alive(pid: int) -> bool:
    """Return whether a process is there; ours are not our children."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end(pid: int, number: signal.Signals = signal.SIGTERM) -> None:
    """End a server."""
    if alive(pid):
        os.kill(pid, number)
        until(lambda: not alive(pid))


def test_of_several_processes_one_starts_the_server(project: Project) -> None:
    """All of them use the same one, and it outlives them."""
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client()) for _ in range(5)]
        answers = [answer(client) for client in clients]
        (pid,) = {pid for pid, _ in answers}
        assert sorted(count for _, count in answers) == [1, 2, 3, 4, 5]
        for client in clients:
            leave(client)
    assert alive(pid)
    with project.client() as late:
        assert answer(late) == [pid, 6]


def test_an_idle_server_ends_and_is_started_again(project: Project) -> None:
    """What its objects held went with it."""
    with project.client(idle=0.1) as client:
        pid, count = answer(client)
        assert count == 1
        leave(client)
    until(lambda: not alive(pid))
    assert not project.beside(".sock").exists()
    with project.client(idle=0.1) as client:
        other, count = answer(client)
        assert (other != pid, count) == (True, 1)


def test_clients_come_and_go_while_the_server_ends(project: Project) -> None:
    """Each gets a server, whatever the old one is about: a new one, or that one as it was."""
    known = Counter[int]()
    for _ in range(5):
        with project.client(idle=0.0) as client:
            pid, count = answer(client)
            known[pid] += 1
            assert count == known[pid]
            leave(client)


def test_a_server_that_is_used_does_not_end(project: Project) -> None:
    """Only without any client does the time run."""
    with project.client(idle=0.05) as client:
        pid, _ = answer(client)
        for _ in range(3):
            with project.client() as other:
                assert answer(other)[0] == pid
                leave(other)


def test_the_first_client_has_time_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a server with no time to be idle could end before its starter is there."""
    times: list[float] = []
    monkeypatch.setattr(timer, "call_later", lambda seconds, _: times.append(seconds))
    idling = Idling(0, end=lambda: None)
    idling.begin()
    idling.came()
    idling.left(0, client=False)  # who only looked
    idling.came()
    idling.left(0, client=True)
    idling.came()
    idling.left(0, client=False)
    assert [round(seconds) for seconds in times] == [10, 10, 0, 0]


@pytest.mark.parametrize("error", [NotRunning("none runs"), CutShort("it ends")])
def test_what_is_never_reached_in_time_is_a_timeout(
    error: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the last attempt met."""
    monkeypatch.setattr("kinfolk.server.standalone.launch", lambda *_: None)
    job = Job("crawl_manager", "CrawlManager", "crawl", UnixAddress(f"{folder}/s"), None, None)

    def reach() -> None:
        raise error

    with pytest.raises(CallTimeout, match=r"before the timeout of 0 s \((none runs|it ends)\)"):
        reach_or_launch(job, reach, timeout=0)


def test_looking_at_a_server_does_not_keep_it(project: Project) -> None:
    """However often somebody does: it ends for want of clients."""
    with project.client(idle=0.3) as client:
        pid, _ = answer(client)
        address = UnixAddress(str(project.beside(".sock")))
        with Observer(address) as observer:
            assert observer.report().pid == pid
        leave(client)

    def gone() -> bool:
        try:
            Observer(address).close()
        except (NotRunning, HandshakeFailed, ConnectionLost):
            return True
        return False

    until(gone)
    until(lambda: not alive(pid))


def test_a_server_that_can_never_be_used_is_told_at_once(project: Project) -> None:
    """Where it speaks another serializer, nothing is started to take its place."""
    env = {"KINFOLK_DIR": str(project.sockets)}
    command = ("-m", "kinfolk", "serve", "crawl_spec", "--serializer", "pickle")
    with Program(*command, cwd=project.folder, **env) as server:
        server.line()
        with project.client() as client:
            name, text = answer(client)
    assert (name, "serializer='pickle'" in text) == ("SpeaksPickle", True)
    assert not project.beside(".log").exists()


@pytest.mark.parametrize("refusal", [AboutToEnd(), CutShort("connection reset by peer")])
def test_a_server_that_is_about_to_end_is_waited_for(folder: Path, refusal: Exception) -> None:
    """None is started as long as it has the address, and who gets in after all stays."""
    answers = iter([refusal, refusal, None])

    def reach() -> None:
        error = next(answers)
        if error is not None:
            raise error

    job = Job("no_module", "No", "no_spec", UnixAddress(str(folder / "x.sock")), None, None)
    reach_or_launch(job, reach, 60.0)
    assert next(answers, "all asked") == "all asked"
    assert not (folder / "x.log").exists()


def test_a_killed_server_is_replaced(project: Project) -> None:
    """Its files are taken over."""
    with project.client() as client:
        pid, _ = answer(client)
        end(pid, signal.SIGKILL)
    assert project.beside(".sock").exists()
    with project.client() as client:
        assert answer(client)[1] == 1


@pytest.mark.parametrize("killed", [False, True])
def test_a_server_outlives_who_started_it_and_was_not_told(
    project: Project, tmp_path: Path, killed: bool
) -> None:
    """Whether that was killed or lost its patience: who comes next finds the server."""
    gate, begun = tmp_path / "gate", tmp_path / "gate.begun"
    os.mkfifo(gate)
    text = CLIENT.replace("timeout=60", "timeout=60" if killed else "timeout=1")
    with project.program(text, "null", GATE=str(gate)) as starter:
        until(begun.exists)
        if killed:
            starter.kill()
        else:
            assert answer(starter)[0] == "CallTimeout"
            assert starter.wait() == 0
    with project.client() as client:
        gate.write_text("")  # waits until somebody reads
        pid, count = answer(client)
        assert count == 1
        assert begun.read_text() == "begun\n"
        assert "Traceback" not in project.beside(".log").read_text()
        end(pid)
        leave(client)


def test_a_key_in_the_environment_is_not_for_a_server_that_is_started(project: Project) -> None:
    """It is as with `kinfolk serve`: clients without that variable, as under cron, get in."""
    with project.client(KINFOLK_AUTHKEY="a key for others") as client:
        pid, _ = answer(client)
        with project.client() as other:
            assert answer(other) == [pid, 2]


def test_what_starting_raises_is_raised_at_the_caller(project: Project) -> None:
    """As itself, with the traceback of the server's process."""
    with project.client(BROKEN="1") as client:
        name, text, *notes = answer(client)
    assert (name, text) == ("KeyError", "'the disk is empty'")
    assert "crawl_spec.py" in "".join(notes)


def test_a_spec_that_ends_the_program_ends_only_the_servers(project: Project) -> None:
    """The caller gets an error that names the class, and that it can handle."""
    with project.client(ENDING="1") as client:
        name, text, *notes = answer(client)
        assert client.wait() == 0
    assert (name, text) == ("RemoteError", "SystemExit: bye")
    assert "crawl_spec.py" in "".join(notes)


def test_serve_says_that_the_spec_ended_the_program(project: Project) -> None:
    """In one line, and not only with what the spec said."""
    env = {"KINFOLK_DIR": str(project.sockets), "ENDING": "1"}
    with Program("-m", "kinfolk", "serve", "crawl_spec", cwd=project.folder, **env) as server:
        assert server.wait() == 1
    assert server.errors == (
        "kinfolk: nothing is served: crawl_spec ended the program, by SystemExit, while the host "
        "made the singleton Crawl.counter: bye\n"
    )


SUBCLASSES = """
from crawl_manager import CrawlManager

class Mine(CrawlManager):
    def added(self):
        return self.counter().add()

class Outer:
    class Nested(Mine):
        pass

class Other(CrawlManager):
    def get_server(self, **options):
        raise AssertionError

with Mine.open(start=True, timeout=60) as mine, Outer.Nested.open(start=True) as nested:
    print(mine.added()[1], nested.added()[1], flush=True)
    mine.shutdown()
try:
    Other.open(start=True, timeout=60)
except NotImplementedError as error:
    print(error)
"""


def test_a_subclass_in_a_program_is_served_by_the_generated_class(project: Project) -> None:
    """Another process cannot import it; where it makes a server of its own, that is said."""
    with project.program(SUBCLASSES) as program:
        assert program.line() == "1 2"
        assert "another process cannot import" in program.line()
        assert program.wait() == 0


BY_HAND = """
from crawl_manager import CrawlManager

class Mine(CrawlManager):
    pass

Mine.register("scores", dict)
try:
    with Mine.open(start=True, timeout=60) as mine:
        mine.counter().add()
        print(mine.scores(a=1).get("a"), flush=True)
except ReferenceError as error:
    print(error)
"""


def test_what_the_module_of_a_class_registers_by_hand_is_served(project: Project) -> None:
    """The server imports it, as its starter did."""
    (project.folder / "mine.py").write_text(BY_HAND.partition("try:")[0])
    with project.program(f"from mine import Mine\n{BY_HAND[BY_HAND.index('try:') :]}") as program:
        assert program.line() == "1"


def test_what_a_program_registers_by_hand_is_not_served(project: Project) -> None:
    """Its calls are refused, and say where to register it instead; others are not."""
    with project.program(BY_HAND) as program:
        assert program.line() == (
            "the server has no entry 'scores': register it by hand there too, before it starts; "
            "for open(start=True), in the module of the manager's class, if that is not the program"
        )


def test_a_server_of_another_project_is_refused(project: Project, tmp_path: Path) -> None:
    """Both files are named."""
    other = Project(tmp_path / "other", project.sockets)
    with project.client() as client:
        pid, _ = answer(client)
        with other.client() as stranger:
            name, text = answer(stranger)
    assert name == "SpecMismatch"
    assert f"process {pid}" in text
    assert str(project.folder / "crawl_spec.py") in text
    assert str(other.folder / "crawl_spec.py") in text


def test_a_second_server_names_the_first(project: Project) -> None:
    """With its pid, and the file of its spec."""
    with project.client() as client:
        pid, _ = answer(client)
        command = [sys.executable, "-m", "kinfolk", "serve", "crawl_spec"]
        env = {**os.environ, "KINFOLK_DIR": str(project.sockets)}
        done = subprocess.run(
            command, cwd=project.folder, env=env, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert f"the server with pid {pid} already serves" in done.stderr
    assert str(project.folder / "crawl_spec.py") in done.stderr


def test_the_log_is_private_and_no_link(project: Project) -> None:
    """It is opened for the user alone, and nothing is written where a link leads."""
    with project.client() as client:
        pid, _ = answer(client)
    log = project.beside(".log")
    assert log.stat().st_mode & 0o077 == 0
    assert "serving crawl_spec at unix://" in log.read_text()
    end(pid)
    log.unlink()
    log.symlink_to(project.folder / "elsewhere")
    with project.client() as client:
        name, text = answer(client)
    assert name == "AddressError"
    assert "cannot be started" in text
    assert not (project.folder / "elsewhere").exists()


@pytest.mark.parametrize(
    ("opening", "error", "text"),
    [
        (lambda: LoginManager.open(idle=1.0), ValueError, "start=True"),
        (
            lambda: LoginManager.open("tcp://127.0.0.1:1", authkey="long enough", start=True),
            NotSupported,
            "kinfolk serve kinfolk.examples.login.spec --address tcp://127.0.0.1:1",
        ),
    ],
)
def test_what_cannot_be_started(
    opening: Callable[[], object], error: type[Exception], text: str
) -> None:
    """A server elsewhere; and there is no time for a server that is not started."""
    with pytest.raises(error, match=text):
        opening()
