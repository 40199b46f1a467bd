"""Idle connections: they cost the server no thread, and nobody notices."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.folders import short_folder
from support.programs import Program
from support.serving import Served, all_rest, serve_here, serving
from support.sharing.engines import ENGINES, Engine
from support.sharing.manager import SharingManager
from support.threads import Run, until

from kinfolk.errors import ConnectionLost
from kinfolk.server.resting import Resting
from kinfolk.wire.frames import encode
from kinfolk.wire.messages import Call, Result

CROWD = 100
HOLDER = """
import sys, threading
from support.sharing.manager import SharingManager

sharing = SharingManager.open(sys.argv[1])
sharing.lock().acquire()
threading.Thread(target=sharing.rlock().acquire, daemon=True).start()
sys.stdin.read()
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


# --- Clients


def test_an_idle_client_has_no_thread_and_is_served_on(served: Served) -> None:
    """Over and over, with what it had before."""
    with served.open() as manager:
        job = manager.job("one")
        for _ in range(3):
            all_rest()
            assert job.describe() == "one x3"
            assert serving() == 1


def test_waiting_calls_cost_no_threads(engine: Engine[SharingManager]) -> None:
    """Each has a connection of its own, since each is made by a thread of its own."""
    with engine.open() as manager:
        lock = manager.lock()
        lock.acquire()

        def take() -> bool:
            with lock:
                return True

        runs = [Run(take) for _ in range(CROWD)]
        until(lambda: engine.waiting == CROWD)
        all_rest()
        assert engine.waiting == CROWD
        lock.release()
        assert all(run.result() for run in runs)


def test_what_a_resting_client_has_is_freed_when_it_is_killed(
    engine: Engine[SharingManager],
) -> None:
    """And its waiting call leaves the queue."""
    with engine.open() as manager:
        lock, rlock = manager.lock(), manager.rlock()
        rlock.acquire()
        with Program("-c", HOLDER, engine.address) as holder:
            until(lambda: engine.waiting)
            assert not lock.acquire(blocking=False)
            all_rest()
            holder.kill()
            assert lock.acquire(timeout=10)
            until(lambda: not engine.waiting)
        until(lambda: engine.sessions() == 1)


def test_who_ends_while_all_rest_is_told(served: Served) -> None:
    """A server that stops ends them too, at once."""
    with served.open() as manager:
        job = manager.job("one")
        all_rest()
        served.here.stop()
        until(lambda: not served.here._connections)
        with pytest.raises(ConnectionLost):
            job.describe()


def test_who_is_in_the_middle_of_a_message_does_not_rest(served: Served) -> None:
    """It comes in pieces, with more than the time between them after which others rest."""
    arguments = msgspec.Raw(msgspec.msgpack.encode({"value": b"x" * 100}))
    with served.raw() as raw, served.open() as other:
        frame = encode(Call(1, "trouble", "echo", 1, arguments))
        for piece in (frame[:3], frame[3:20], frame[20:]):
            raw.sock.sendall(piece)
            other.job("one")
            until(lambda: serving() == 1)
        reply = raw.receive()
        assert isinstance(reply, Result)
        assert msgspec.msgpack.decode(reply.value) == b"x" * 100


# --- The room


def test_who_finds_no_thread_waits_for_one() -> None:
    """Those that can be read are tried again after a pause, and go on when there is room."""
    went: list[str] = []
    room: list[str] = []

    def resume() -> None:
        if not room:
            raise RuntimeError("can't start new thread")
        went.append(room.pop())

    resting = Resting(lambda: None)
    left, right = socket.socketpair()
    with selectors.DefaultSelector() as selector, left, right:
        resting.add(left, resume)
        resting.add(right, resume)
        resting.look_after(selector, set())
        assert resting.patience is None
        resting.look_after(selector, {left})
        resting.look_after(selector, {right})
        assert not selector.get_map()
        assert not went
        for place in ("first", "second"):
            assert resting.patience == 0.5
            room.append(place)
            resting.look_after(selector, set())
        assert went == ["first", "second"]
        assert resting.patience is None


def test_nobody_rests_in_a_server_that_ends() -> None:
    """Those that did go on, to their end."""
    went: list[str] = []
    resting = Resting(lambda: None)
    left, right = socket.socketpair()
    with selectors.DefaultSelector() as selector, left, right:
        resting.add(left, lambda: went.append("watched"))
        resting.look_after(selector, set())
        resting.add(right, lambda: went.append("new"))
        resting.close()
        assert sorted(went) == ["new", "watched"]
        assert not resting.add(right, lambda: went.append("again"))
