"""The channel: threads, forks, interruptions, and connections that break."""

from __future__ import annotations

import functools
import gc
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from support.channels import channel_of
from support.folders import short_folder
from support.forks import in_child
from support.keeping import kept_up
from support.programs import Program
from support.samples.manager import SampleManager
from support.serving import Served, serve, serve_here
from support.threads import Run, run_all, until

from kinfolk.errors import (
    CallTimeout,
    ConnectionClosed,
    ConnectionLost,
    LimitExceeded,
    NotRunning,
    ObjectGone,
    ProtocolError,
)
from kinfolk.wire.frames import FrameBuffer, decode_request, encode
from kinfolk.wire.handshake import Identity, ServerHandshake
from kinfolk.wire.messages import Call, Declined, Result

# Forking with threads about is what these tests are for.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture(params=["unix", "tcp"])
def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    """Run a server in a process of its own."""
    with serve(request.param, folder) as found:
        yield found


@pytest.fixture
def manager(served: Served) -> Iterator[SampleManager]:
    """Connect to it."""
    with served.open() as found:
        yield found


# --- Threads


def test_a_call_does_not_wait_for_another_threads(manager: SampleManager) -> None:
    """While one thread's call runs, others are answered."""
    station = manager.station()
    slow = [Run(station.stay) for _ in range(5)]
    assert station.until_inside(5)
    assert manager.frontier().limit == 500
    station.leave_all()
    for run in slow:
        run.result()


def test_threads_get_their_own_answers(manager: SampleManager) -> None:
    """Any number of threads may use one manager and one proxy."""
    trouble = manager.trouble()

    def talk(name: int) -> None:
        for number in range(50):
            word = f"{name}-{number}".encode() * (name + 1)
            assert trouble.echo(word) == word

    run_all(*(functools.partial(talk, name) for name in range(8)))


def test_all_connections_are_one_session(served: Served, manager: SampleManager) -> None:
    """What one thread has on the server stays when its connection is busy, or closed."""
    station = manager.station()
    station.enrol("me")
    slow = [Run(station.stay) for _ in range(20)]
    assert station.until_inside(20)
    with served.open() as other:
        assert other.station().present() == ["me"]
        station.leave_all()
        for run in slow:
            run.result()
        assert len(channel_of(manager)._pool._idle) < 20, "those that are not needed are closed"
        assert other.station().present() == ["me"]
        manager.close()
        assert other.station().until("me", here=False)


def test_the_first_calls_of_two_threads_are_one_session(served: Served, folder: Path) -> None:
    """Also where no connection was there to present the session of."""
    with served.open() as manager, served.open() as other:
        channel = channel_of(manager)
        channel.start_afresh()  # as after a fork
        station = manager.station()
        run_all(*(functools.partial(station.enrol, f"thread {n}") for n in range(8)))
        assert len(other.station().present()) == 8
        manager.close()
        for number in range(8):
            assert other.station().until(f"thread {number}", here=False)


@pytest.mark.parametrize("size", [0, 1, 65_000, 65_600, 300_000, 5_000_000])
def test_values_of_any_size_travel_both_ways(manager: SampleManager, size: int) -> None:
    """However many pieces they arrive in."""
    value = os.urandom(size)
    assert manager.trouble().echo(value) == value
    assert manager.trouble().echo(b"next") == b"next"


# --- Interruptions


@contextmanager
def interrupted_when(
    manager: SampleManager, waiting: int, kind: type[BaseException] = KeyboardInterrupt
) -> Iterator[pytest.ExceptionInfo[BaseException]]:
    """Send this process a SIGINT once so many calls wait at the server, which raises an error."""

    def interrupt() -> None:
        assert manager.station().until_waiting(waiting)
        os.kill(os.getpid(), signal.SIGINT)

    run = Run(interrupt)
    with pytest.raises(kind) as caught:
        yield caught
    run.result()


def test_an_interrupted_call_leaves_nothing_behind(served: Served, manager: SampleManager) -> None:
    """The next call gets its own answer, the session lives on, and the call waits no more."""
    station = manager.station()
    station.enrol("me")
    with served.open() as other:
        with interrupted_when(other, waiting=1):
            station.knock()
        assert manager.frontier().limit == 500
        assert station.present() == ["me"]
        until(lambda: other.station().waiting() == 0)
        assert other.station().present() == ["me"]


def test_an_interruption_when_the_server_is_gone_is_still_one(
    served: Served, manager: SampleManager
) -> None:
    """What cannot be saved does not hide the interruption."""
    station = manager.station()

    def interrupt() -> None:
        with served.open() as other:
            assert other.station().until_waiting(1)
        served.program.signal(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGINT)

    run = Run(interrupt)
    with pytest.raises(KeyboardInterrupt):
        station.knock()
    run.result()
    served.program.signal(signal.SIGCONT)


@pytest.mark.parametrize(
    "gone",
    [
        OSError("the device is gone"),
        ValueError("it reads nonsense"),
        NotRunning("another server, which it needs"),
        ConnectionClosed("another manager"),
        CallTimeout("of a call of its own", executed="unknown"),
    ],
)
def test_what_a_signal_handler_raises_is_no_affair_of_the_connection(
    served: Served, manager: SampleManager, gone: Exception
) -> None:
    """The call that waited is taken back, and the session lives on, with what others hold."""

    def handler(*_: object) -> None:
        raise gone

    before = signal.signal(signal.SIGINT, handler)
    station = manager.station()
    station.enrol("me")
    try:
        with served.open() as other:
            with interrupted_when(other, 1, type(gone)) as caught:
                station.knock()
            assert other.station().until_waiting(0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value is gone
    assert getattr(gone, "executed", "unknown") == "unknown"
    assert station.present() == ["me"]


# --- Connections that break


def test_a_call_under_way_when_the_server_dies_is_lost(
    served: Served,
) -> None:
    """Whether it ran is not known, and the next call says that no server runs."""
    with served.open(timeout=5.0) as manager, served.open() as other:
        run = Run(manager.station().knock)
        assert other.station().until_waiting(1)
        served.program.kill()
        with pytest.raises(ConnectionLost, match=f"{served.url} was lost: ") as caught:
            run.result()
        assert caught.value.executed == "unknown"
        with pytest.raises(NotRunning, match="kinfolk serve"):
            manager.frontier().pop()


def test_idle_connections_die_together(folder: Path) -> None:
    """A server's death costs one failed call, however many connections there were."""
    with serve("unix", folder) as served, served.open(timeout=5.0) as manager:
        station = manager.station()
        runs = [Run(station.stay) for _ in range(4)]
        assert station.until_inside(4)
        station.leave_all()
        for run in runs:
            run.result()
        served.program.kill()
        with pytest.raises(ConnectionLost) as caught:
            manager.frontier().pop()
        assert caught.value.executed == "no"
        with pytest.raises(NotRunning):
            manager.frontier().pop()


def test_a_restarted_server_is_reached_again(folder: Path) -> None:
    """Entries go by name; objects of the old server are gone."""
    with serve("unix", folder) as served:
        manager = served.open()
        frontier, job = manager.frontier(), manager.job("old")
        served.program.kill()
    with pytest.raises(ConnectionLost):
        frontier.pop()
    with serve_here("unix", folder, url=served.url):
        assert frontier.limit == 500
        assert manager.job("new").describe() == "new x3"
        with pytest.raises(ObjectGone):
            job.describe()
        manager.close()


def welcome(sock: socket.socket) -> None:
    """Shake hands, as a server does."""
    identity = Identity.of(SampleManager._offer)
    handshake = ServerHandshake(identity, key=None, admit=lambda *_: b"token")
    while handshake.peer is None:
        sock.sendall(handshake.receive(sock.recv(4096)))


def answer(sock: socket.socket, off_by: int) -> None:
    """Serve one call, and answer it, or another one, with its distance from that one."""
    welcome(sock)
    [message] = FrameBuffer().receive(sock.recv(4096))
    request = decode_request(message)
    assert isinstance(request, Call)
    value = msgspec.Raw(msgspec.msgpack.encode(off_by))
    sock.sendall(encode(Result(request.call + off_by, value)))


@pytest.mark.parametrize(
    "reply", [b"", b"\0\0", b"\0\0\0\x09abc", b"\0\4\0\0" + bytes(99_999)], ids=len
)
def test_an_answer_that_ends_early_is_a_lost_connection(folder: Path, reply: bytes) -> None:
    """Wherever it was cut, whether the call ran is not known."""

    def serve_in_part(listener: socket.socket) -> None:
        with listener.accept()[0] as sock:
            welcome(sock)
            sock.recv(4096)
            sock.sendall(reply)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "x"))
        listener.listen()
        run = Run(lambda: serve_in_part(listener))
        with SampleManager.open(folder / "x") as manager:
            with pytest.raises(ConnectionLost, match="the server closed it") as caught:
                manager.frontier().pop()
            assert caught.value.executed == "unknown"
        run.result()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"\xff\xff\xff\xff", LimitExceeded),
        (b"\0\0\0\1\xc1", ProtocolError),
        (bytes(encode(Declined(1))) * 2, ProtocolError),
        (bytes(encode(Declined(1))) + b"\0", ProtocolError),
    ],
    ids=["too long", "no message", "twice", "more"],
)
def test_an_answer_that_breaks_the_protocol_is_an_error_of_the_peers(
    folder: Path, reply: bytes, error: type[Exception]
) -> None:
    """And no connection that was merely lost."""

    def misbehave(listener: socket.socket) -> None:
        with listener.accept()[0] as sock:
            welcome(sock)
            sock.recv(4096)
            sock.sendall(reply)
            with listener.accept()[0] as replacement:
                welcome(replacement)
                sock.recv(1)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "x"))
        listener.listen()
        run = Run(lambda: misbehave(listener))
        with SampleManager.open(folder / "x") as manager, pytest.raises(error):
            manager.frontier().pop()
        run.result()


def test_a_wrong_answer_is_not_taken_for_the_right_one(folder: Path) -> None:
    """A server that answers another call breaks the protocol, and its connection is given up."""

    def misbehave(listener: socket.socket) -> None:
        with listener.accept()[0] as first:
            answer(first, off_by=1)
            # The client has opened this one before it closes the first.
            with listener.accept()[0] as second:
                answer(second, off_by=0)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "x"))
        listener.listen()
        run = Run(lambda: misbehave(listener))
        with SampleManager.open(folder / "x") as manager:
            with pytest.raises(ProtocolError, match="a call that nobody made"):
                manager.frontier().limit  # noqa: B018 - a property that calls
            assert manager.frontier().limit == 0
        run.result()


# --- Closing


def test_after_closing_every_call_says_so(manager: SampleManager) -> None:
    """A closed manager does not come back by itself."""
    frontier = manager.frontier()
    manager.close()
    manager.close()
    with pytest.raises(ConnectionClosed, match="open the manager again"):
        frontier.pop()
    with pytest.raises(ConnectionClosed):
        manager.job("late")


def test_closing_ends_the_calls_of_other_threads(served: Served, manager: SampleManager) -> None:
    """They fail at once, and their sessions' end is seen at the server."""
    station = manager.station()
    station.enrol("me")
    run = Run(station.knock)
    with served.open() as other:
        assert other.station().until_waiting(1)
        manager.close()
        with pytest.raises(ConnectionClosed, match="was closed during the call"):
            run.result()
        assert other.station().until("me", here=False)


def test_a_manager_that_nobody_has_any_more_is_closed(served: Served) -> None:
    """Leaving it, and its proxies, is as good as closing."""
    with served.open() as other:
        manager = served.open()
        station = manager.station()
        station.enrol("me")
        assert other.station().until("me", here=True)
        del manager, station
        gc.collect()
        assert other.station().until("me", here=False)


# --- References


# --- Forks


def test_a_forked_child_has_a_session_of_its_own(served: Served, manager: SampleManager) -> None:
    """Parent and child may go on calling through the same proxies."""
    station = manager.station()
    station.enrol("parent")

    def act() -> None:
        station.enrol("child")
        assert station.present() == ["child", "parent"]

    assert in_child(act) == 0
    with served.open() as other:
        assert other.station().until("child", here=False)
        assert other.station().present() == ["parent"]
    assert manager.frontier().limit == 500


def test_what_a_child_drops_is_not_dropped_for_its_parent(manager: SampleManager) -> None:
    """The child's copies of proxies count for the child, once it uses them."""
    jobs = [manager.job("parents"), manager.job("unused")]

    def act() -> None:
        jobs.pop()  # the child's copy dies, and was never counted
        assert jobs[0].describe() == "parents x3"
        jobs.pop()
        kept_up()
        assert manager.frontier().limit == 500

    assert in_child(act) == 0
    assert [job.describe() for job in jobs] == ["parents x3", "unused x3"]


def test_a_fork_while_other_threads_call(manager: SampleManager) -> None:
    """The child does not touch what the parent's threads are doing."""
    station = manager.station()
    slow = [Run(station.stay) for _ in range(3)]
    assert station.until_inside(3)

    def act() -> None:
        assert manager.frontier().limit == 500
        manager.close()

    assert in_child(act) == 0
    station.leave_all()
    for run in slow:
        run.result()


FAMILY = """
import os, signal, sys
from support.samples.manager import SampleManager

manager = SampleManager.open(sys.argv[1], authkey=sys.argv[2] or None)
manager.station().enrol("parent")
child = os.fork()
if child == 0:
    signal.pause()
print(child, flush=True)
sys.stdin.read()
"""


def test_a_killed_parent_is_noticed_while_its_child_lives(
    served: Served, manager: SampleManager
) -> None:
    """The child closed the sockets that it inherited, so the parent's end is seen."""
    with Program("-c", FAMILY, served.url, served.key or "") as parent:
        child = int(parent.line())
        try:
            parent.process.kill()
            assert manager.station().until("parent", here=False)
            os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)


def test_an_inherited_socket_is_closed_before_the_child_does_anything(
    manager: SampleManager,
) -> None:
    """Not at its first call, which may never come."""
    [lease] = channel_of(manager)._pool._idle
    number = lease.connection._sock.fileno()

    def act() -> None:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)

    assert in_child(act) == 0
