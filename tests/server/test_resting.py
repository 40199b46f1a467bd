"""Connections of clients that only wait: they cost the server no thread, and nobody notices."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.folders import short_folder
from support.programs import Program
from support.serving import Raw, Served, new_threads, serve_here
from support.sharing.engines import ENGINES, Engine
from support.sharing.manager import SharingManager
from support.threads import Run, until

from kinfolk.server.resting import Rested, Resting
from kinfolk.wire.frames import encode
from kinfolk.wire.messages import Call, Result

CROWD = 100
HOLDER = """
import sys, threading
from support.sharing.manager import SharingManager

sharing = SharingManager.open(sys.argv[1])
sharing.lock().acquire()
sharing.rlock().acquire()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture(params=["unix", "tcp"])
def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    """Run a server in this process."""
    with serve_here(request.param, folder) as found:
        yield found


@pytest.fixture
def engine() -> Iterator[Engine[SharingManager]]:
    """Objects that other processes reach."""
    with ENGINES["typed"](SharingManager) as engine:
        yield engine


def knock(raw: Raw) -> None:
    """Make a call that waits for `open_gate`; it has the number 1."""
    raw.send(Call(1, "station", "knock", 1, msgspec.Raw(b"\x80")))


def echo(number: int, size: int = 1) -> Call:
    """Return a call that is answered at once."""
    arguments = msgspec.msgpack.encode({"value": b"x" * size})
    return Call(number, "trouble", "echo", 1, msgspec.Raw(arguments))


def is_served(raw: Raw, number: int) -> bool:
    """Return whether a call is answered, and no other one."""
    raw.send(echo(number))
    return raw.receive() == Result(number, msgspec.Raw(msgspec.msgpack.encode(b"x")))


# --- Clients


def test_a_client_that_waits_has_no_thread_and_is_served_on(served: Served) -> None:
    """Over and over; and the call that waits is answered at the end."""
    serving = new_threads()
    with served.raw() as raw:
        knock(raw)
        for number in (2, 3):
            until(lambda: not serving())
            assert is_served(raw, number)
            assert len(serving()) == 1
        until(lambda: not serving())
        with served.open() as other:
            assert other.station().open_gate() == 1
        reply = raw.receive()
        assert isinstance(reply, Result)
        assert reply.call == 1
        assert is_served(raw, 4)
        until(lambda: not any(each.name == "kinfolk-spare" for each in threading.enumerate()))


def test_who_does_not_wait_keeps_the_thread(served: Served) -> None:
    """It is called again by that very thread, which objects may remember."""
    serving = new_threads()
    with served.raw() as waits, served.raw() as idle:
        assert is_served(idle, 1)
        knock(waits)
        until(lambda: len(serving()) == 1)
        [kept] = serving()
        assert is_served(idle, 2)
        assert kept.is_alive()


def test_waiting_calls_cost_no_threads(engine: Engine[SharingManager]) -> None:
    """Each has a connection of its own, since each is made by a thread of its own."""
    serving = new_threads()
    with engine.open() as manager:
        lock = manager.lock()
        lock.acquire()

        def take() -> bool:
            with lock:
                return True

        runs = [Run(take) for _ in range(CROWD)]
        until(lambda: engine.waiting == CROWD)
        until(lambda: len(serving()) <= 1)
        assert engine.waiting == CROWD
        lock.release()
        assert all(run.result() for run in runs)


def test_what_a_resting_client_has_is_freed_when_it_is_killed(
    engine: Engine[SharingManager],
) -> None:
    """And its waiting call leaves the queue."""
    serving = new_threads()
    with engine.open() as manager:
        lock, rlock = manager.lock(), manager.rlock()
        rlock.acquire()
        with Program("-c", HOLDER, engine.address) as holder:
            until(lambda: engine.waiting)
            assert not lock.acquire(blocking=False)
            until(lambda: len(serving()) == 1)
            holder.kill()
            assert lock.acquire(timeout=10)
            until(lambda: not engine.waiting)
        until(lambda: engine.sessions() == 1)


def test_who_rests_is_told_of_the_end(served: Served) -> None:
    """A server that stops ends them too, at once."""
    serving = new_threads()
    with served.raw() as raw:
        knock(raw)
        until(lambda: not serving())
        served.here.stop()
        assert raw.is_closed()
        until(lambda: not served.here._connections)


def test_who_is_in_the_middle_of_a_message_does_not_rest(served: Served) -> None:
    """It comes in pieces, with more than the time between them after which another rests."""
    serving = new_threads()
    frame = encode(echo(2, 100))
    with served.raw() as raw, served.raw() as other:
        knock(raw)
        knock(other)
        for number, piece in enumerate((frame[:3], frame[3:20]), 2):
            raw.sock.sendall(piece)
            assert is_served(other, number)
            until(lambda: len(serving()) == 1)
        raw.sock.sendall(frame[20:])
        reply = raw.receive()
        assert isinstance(reply, Result)
        assert msgspec.msgpack.decode(reply.value) == b"x" * 100


def test_what_knows_its_callers_by_their_threads_still_does() -> None:
    """Who has such a lock keeps the thread, though it waits for something else meanwhile."""
    serving = new_threads()

    class Manager(SharingManager):
        pass

    Manager.register("guard", threading.RLock, exposed=("acquire", "release"))
    with ENGINES["typed"](Manager) as engine, engine.open() as one, engine.open() as two:
        guard = one.guard()  # type: ignore[attr-defined]
        guard.acquire()
        event = one.event()
        run = Run(two.lock().acquire)
        assert run.result()
        waits = Run(two.lock().acquire)
        assert event.wait(1.5) is False
        until(lambda: len(serving()) == 1)
        guard.release()
        two.lock().release()
        assert waits.result()


# --- The room


@pytest.fixture
def shortage(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While this is set, the system has no thread for anybody."""
    start = threading.Thread.start
    shortage = threading.Event()

    def start_if_possible(thread: threading.Thread) -> None:
        if shortage.is_set():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_possible)
    return shortage


def test_out_of_threads_they_are_served_in_turn(
    served: Served, shortage: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    """By one that is spare, or who waits for what another client is to do would wait for ever."""
    serving = new_threads()
    with served.raw() as one, served.raw() as two:
        knock(one)
        knock(two)
        until(lambda: not serving())
        shortage.set()
        for number in range(2, 12):
            assert is_served(one, number)
            assert is_served(two, number)
        assert not serving()
        shortage.clear()
        assert is_served(one, 12)
        until(lambda: len(serving()) == 1)
        assert is_served(two, 12)
    assert "clients are served in turn: can't start new thread" in caplog.text


def test_who_found_no_thread_gets_one_when_there_is_one(
    served: Served, shortage: threading.Event
) -> None:
    """Though the spare one waits for the rest of a message."""
    serving = new_threads()
    frame = encode(echo(2))
    with served.raw() as slow, served.raw() as other:
        knock(slow)
        knock(other)
        until(lambda: not serving())
        shortage.set()
        slow.sock.sendall(frame[:3])
        until(lambda: not served.here._resting._has_spare)
        other.send(echo(2))
        until(lambda: served.here._resting._in_turn)
        shortage.clear()
        assert isinstance(other.receive(), Result)
        slow.sock.sendall(frame[3:])
        assert isinstance(slow.receive(), Result)


def test_nobody_rests_in_a_server_that_ends() -> None:
    """Those that did go on, to their end."""
    went: list[str] = []

    def rested(sock: socket.socket, name: str) -> Rested:
        return Rested(sock, lambda: went.append(name), lambda: went.append("served"))

    resting = Resting(lambda: None)
    left, right = socket.socketpair()
    with left, right:
        assert resting.add(rested(left, "resumed"))
        resting.close()
        assert went == ["resumed"]
        assert not resting.add(rested(right, "again"))
        resting.stand_by()
        assert went == ["resumed"]
