"""What a server says of itself, and who may ask."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.folders import short_folder
from support.samples import spec
from support.serving import SampleManager, Served, new_threads, serve, serve_here
from support.threads import Run, until

from kinfolk.errors import ConnectionLost
from kinfolk.host.processes import program_of
from kinfolk.wire.descriptions import decode_description, describe_offer
from kinfolk.wire.handshake import OBSERVER
from kinfolk.wire.messages import Call, Claim, Describe, Next, Release, Report, Request, Result
from kinfolk.wire.reports import Party, decode_report


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture(params=["unix", "tcp", "unix with a key"])
def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    """Run a server in a process of its own."""
    with serve(request.param, folder) as found:
        yield found


# --- What it says


def test_it_says_which_server_it_is(served: Served) -> None:
    """Process, spec, place and time: what tells one server from another."""
    with served.observe() as observer:
        report = observer.report()
        later = observer.report()
    assert report.pid == served.program.pid
    assert (report.spec, report.manager) == ("support.samples.spec", "Sample")
    assert report.file == spec.__file__
    assert (report.serializer, report.address) == ("typed", served.url)
    assert 0 <= report.uptime < later.uptime
    assert (report.clients, report.waits, report.objects, report.calls) == ([], [], 4, 0)


def test_it_lists_clients_and_no_observers(served: Served) -> None:
    """One entry for each process, with what is kept for it."""
    with served.open() as manager, served.observe(), served.observe() as observer:
        jobs = [manager.job("one"), manager.job("two")]
        pages = iter(manager.frontier())
        manager.lock().acquire()
        report = observer.report()
        [client] = report.clients
        assert (client.pid, client.connections, client.waiting) == (os.getpid(), 1, 0)
        assert (client.held, client.objects, client.streams) == (1, len(jobs), 1)
        assert report.objects == 4 + len(jobs)
        if served.url.startswith("unix:"):
            assert client.user == pwd.getpwuid(os.geteuid()).pw_name
            assert client.program == program_of(os.getpid())
        else:
            assert (client.user, client.program) == ("", "")
        manager.close()
        until(lambda: observer.report().clients == [])
        assert observer.report().objects == 4
        del pages


def test_it_counts_calls_also_of_clients_that_have_left(served: Served) -> None:
    """Nothing else counts: neither streams' items nor what observers ask."""
    with served.observe() as observer:
        for _ in range(2):
            with served.open() as manager:
                for number in range(5):
                    manager.frontier().push(str(number))
        until(lambda: observer.report().clients == [])
        assert observer.report().calls == 10


def test_it_says_who_has_a_lock_and_who_waits(served: Served) -> None:
    """By process, as people and programs can tell."""
    with served.open() as one, served.open() as two, served.observe() as observer:
        one.lock().acquire()
        waiting = Run(lambda: two.lock().acquire())
        until(lambda: any(wait.waiters for wait in observer.report().waits))
        [wait] = observer.report().waits
        assert (wait.kind, wait.name) == ("lock", "lock")
        assert wait.holder is not None
        assert wait.holder.pid == os.getpid()
        assert [party.pid for party in wait.waiters] == [os.getpid()]
        assert sum(client.waiting for client in observer.report().clients) == 1
        one.lock().release()
        assert waiting.result() is True


class Slow(dict[str, spec.Page]):
    """A dictionary that takes its time to say that it is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.go_on = threading.Event(), threading.Event()

    def __len__(self) -> int:
        self.inside.set()
        self.go_on.wait(30)
        return 0


@pytest.mark.parametrize("rested", [False, True])
def test_it_says_which_call_has_a_turn_and_which_wait(folder: Path, rested: bool) -> None:
    """Each call is named, with the process that made it, whichever thread serves that now."""
    serving = new_threads()
    with serve_here("unix", folder) as served, served.open() as one, served.open() as two:
        frontier = next(h.obj for h in served.here._host.hosted if h.target == "frontier")
        pages = frontier._pages = Slow()
        if rested:
            waiting = Run(one.station().knock)
            until(lambda: len(serving()) == 1)
            assert two.station().open_gate() == 1
            assert waiting.result() is True
        first = Run(lambda: one.frontier().pop())
        pages.inside.wait(30)
        second = Run(lambda: two.frontier().push("a"))
        with served.observe() as observer:
            until(lambda: observer.report().waits[0].waiters)
            [wait] = observer.report().waits
        pages.go_on.set()
        assert first.result() is None
        assert second.result() is True
    assert (wait.kind, wait.name) == ("turn", "frontier")
    assert wait.holder is not None
    assert (wait.holder.pid, wait.holder.call) == (os.getpid(), "Frontier.pop")
    assert [(each.pid, each.call) for each in wait.waiters] == [(os.getpid(), "Frontier.push")]


def test_a_report_is_for_clients_too(served: Served) -> None:
    """A client need not come a second time to ask."""
    with served.raw() as raw:
        raw.send(Report(3))
        reply = raw.receive()
        assert isinstance(reply, Result)
        assert reply.call == 3
        assert len(decode_report(reply.value).clients) == 1


def test_fields_of_another_version_do_no_harm(served: Served) -> None:
    """A reader passes over what it does not know."""
    with served.observe() as observer:
        report = observer.report()
    data = msgspec.msgpack.encode({**msgspec.structs.asdict(report), "mood": "good"})
    assert decode_report(msgspec.Raw(data)) == report


# --- Who may ask, and what


@pytest.mark.parametrize(
    "request_",
    [
        Call(1, "frontier", "pop", 1, msgspec.Raw(b"\x80")),
        Next(1, 1, 1, 1),
        Release([1]),
        Claim(1, 1),
    ],
)
def test_an_observer_can_call_nothing(served: Served, request_: Request) -> None:
    """It has no session; asking all the same ends its connection, and nothing else."""
    with served.open() as manager, served.raw(shake_hands=False) as raw:
        raw.shake_hands(served.key, identity=OBSERVER)
        raw.send(request_)
        assert raw.sock.recv(1) == b""
        assert manager.frontier().limit == 500


def test_an_observer_may_ask_what_is_offered(served: Served) -> None:
    """Descriptions are no secret among those who hold the key."""
    with served.raw(shake_hands=False) as raw:
        assert raw.shake_hands(served.key, identity=OBSERVER) == b""
        raw.send(Describe(4))
        reply = raw.receive()
        assert isinstance(reply, Result)
        assert decode_description(reply.value) == describe_offer(SampleManager._offer)


def test_a_server_that_is_full_can_still_be_looked_at(folder: Path) -> None:
    """That is when people want to know who is there; observers need no room among clients."""
    limits = {"connections": 1, "handshakes": 2}
    with contextlib.ExitStack() as stack:
        served = stack.enter_context(serve("unix", folder, limits=limits))
        stack.enter_context(served.open())
        first, second, third = (stack.enter_context(served.observe()) for _ in range(3))
        assert len(third.report().clients) == len(second.report().clients) == 1
        with pytest.raises(ConnectionLost):
            first.report()  # Of those who look on, too, only so many find room.


# --- Programs


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["-c", "input()"], "python -c"),
        (["-u", "-X", "utf8", "-m", "asker"], "python -m asker"),
        (["-W", "error", "asker.py", "--option"], "asker.py"),
        (["-"], ""),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_a_program_is_called_what_it_runs(tmp_path: Path, arguments: list[str], name: str) -> None:
    """For Python that is the script or module, and not Python."""
    (tmp_path / "asker.py").write_text("input()")
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=tmp_path, stdin=subprocess.PIPE
    ) as process:
        expected = name or Path(sys.executable).name
        try:
            # Between fork and exec it is a copy of this very process.
            until(lambda: program_of(process.pid) == expected)
        finally:
            process.kill()


def test_a_process_that_is_gone_has_no_program() -> None:
    """Its client may have left in this very moment."""
    assert program_of(2**22 + 1) == ""


def test_the_server_itself_may_hold_a_lock(folder: Path) -> None:
    """A lock that no client has is held by the server's own code."""
    with serve_here("unix", folder) as served, served.observe() as observer:
        lock = next(each.obj for each in served.here._host.hosted if each.target == "lock")
        lock.acquire()
        [wait] = observer.report().waits
        assert wait.holder == Party(peer="the server")
        lock.release()
