"""The server's life: sessions, shortages, and the ways in which it ends."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.folders import short_folder
from support.programs import PATIENCE, Program
from support.samples.manager import SampleManager
from support.serving import Raw, Served, make_server, serve, serve_here
from support.threads import Run, until

from kinfolk.declare import Singleton
from kinfolk.errors import ConnectionLost, KinfolkError, NotRunning, SpecMismatch
from kinfolk.server.server import Server
from kinfolk.wire.descriptions import decode_description, describe_offer
from kinfolk.wire.frames import encode
from kinfolk.wire.messages import Call, Describe, Reply, Result, Stop


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


def call(raw: Raw, target: str, member: str, **arguments: object) -> object:
    """Make a call that returns, and return its result."""
    data = msgspec.Raw(msgspec.msgpack.encode(arguments))
    raw.send(Call(1, target, member, 1, data))
    reply: Reply = raw.receive()
    assert isinstance(reply, Result)
    return msgspec.msgpack.decode(reply.value)


# --- What it offers


def test_a_server_describes_what_it_offers(served: Served) -> None:
    """To whoever asks, and then it goes on."""
    with served.raw() as raw:
        raw.send(Describe(7))
        reply = raw.receive()
        assert isinstance(reply, Result)
        assert reply.call == 7
        assert decode_description(reply.value) == describe_offer(SampleManager._offer)
        assert call(raw, "frontier", "push", url="u") is True


# --- Sessions


def test_a_session_ends_with_its_last_connection(served: Served) -> None:
    """What a process has stays its own for as long as one of its connections is there."""
    with served.open() as manager, served.raw(shake_hands=False) as second:
        station = manager.station()
        with served.raw(shake_hands=False) as first:
            token = first.shake_hands(served.key)
            assert second.shake_hands(served.key, token) == token
            call(first, "station", "enrol", name="me")
        assert call(second, "station", "present") == ["me"]
        assert station.present() == ["me"]
        second.sock.close()
        assert station.until("me", here=False)


def test_an_unknown_token_gets_a_new_session(served: Served) -> None:
    """A token of a session that has ended, or of another server, opens nothing."""
    with served.open() as manager:
        with served.raw(shake_hands=False) as raw:
            token = raw.shake_hands(served.key)
            call(raw, "station", "enrol", name="me")
        assert manager.station().until("me", here=False)
    for stale in (token, b"guess", b"\0" * 500):
        with served.raw(shake_hands=False) as raw:
            assert raw.shake_hands(served.key, stale) != stale


def test_two_clients_are_two_sessions(served: Served) -> None:
    """Tokens are secret, and no two are the same."""
    with served.raw(shake_hands=False) as one, served.raw(shake_hands=False) as other:
        assert one.shake_hands(served.key) != other.shake_hands(served.key)


# --- Requests


@pytest.mark.parametrize("length", [1, 7, 10_000])
def test_requests_may_come_in_any_pieces(served: Served, length: int) -> None:
    """One byte at a time or all at once, each is answered."""
    with served.raw() as raw:
        arguments = msgspec.Raw(msgspec.msgpack.encode({"value": b"v" * 50}))
        calls = [Call(number, "trouble", "echo", 1, arguments) for number in range(1, 6)]
        data = b"".join(bytes(encode(each)) for each in calls)
        for start in range(0, len(data), length):
            raw.sock.sendall(data[start : start + length])
        assert [raw.receive().call for _ in calls] == [1, 2, 3, 4, 5]


# --- Ends


def test_stop_ends_it_and_leaves_nothing(folder: Path) -> None:
    """After `stop` nobody is connected, no thread is left, and the files are gone."""
    before = set(threading.enumerate())
    with serve_here("unix", folder) as served, served.open() as manager:
        assert manager.frontier().limit == 500
        served.here.stop()
        with pytest.raises(ConnectionLost):
            until(lambda: manager.frontier().limit != 500)
    assert list(folder.iterdir()) == []
    for thread in set(threading.enumerate()) - before:
        # These two belong to the process, not to one of its servers or clients.
        if thread.name.startswith("kinfolk-") and thread.name not in {
            "kinfolk-timer",
            "kinfolk-keeper",
        }:
            thread.join(PATIENCE)
            assert not thread.is_alive(), thread.name


def test_a_stop_before_it_serves_counts(folder: Path) -> None:
    """`stop` may come at any time."""
    server = make_server(f"unix://{folder}/x.sock", None, {})
    server.stop()
    server.serve_forever()
    assert list(folder.iterdir()) == []


def test_a_client_can_stop_it(served: Served) -> None:
    """The request is answered before the server ends, by itself and with success."""
    with served.raw() as raw:
        raw.send(Stop(7))
        reply = raw.receive()
        assert isinstance(reply, Result)
        assert reply.call == 7
        assert raw.is_closed()
    assert served.program.wait() == 0
    with pytest.raises(NotRunning):
        served.open()


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_ctrl_c_ends_it_without_a_traceback(
    served: Served, folder: Path, number: signal.Signals
) -> None:
    """A server in the foreground is ended by Ctrl-C, cleanly."""
    with served.open() as manager:
        assert manager.frontier().limit == 500
        served.program.signal(number)
        assert served.program.wait() == 0
    assert "Traceback" not in served.program.errors
    assert list(folder.iterdir()) == []


def test_a_running_call_is_answered_before_the_end(folder: Path) -> None:
    """A call that ends within the grace returns as if nothing had happened."""
    with (
        serve_here("unix", folder, grace=PATIENCE) as served,
        served.open() as manager,
        served.open() as other,
    ):
        station = manager.station()
        running = Run(lambda: station.stay(timeout=0.3))
        assert other.station().until_inside(1)
        served.here.stop()
        assert running.result() is None


@pytest.mark.parametrize("member", ["stay", "knock"])
def test_an_endless_call_does_not_hold_up_the_end(folder: Path, member: str) -> None:
    """A call that runs or waits beyond the grace is lost to its caller."""
    with (
        serve_here("unix", folder, grace=0.05) as served,
        served.open() as manager,
        served.open() as other,
    ):
        running = Run(getattr(manager.station(), member))
        if member == "stay":
            assert other.station().until_inside(1)
        else:
            assert other.station().until_waiting(1)
        served.here.stop()
        with pytest.raises(ConnectionLost) as caught:
            running.result()
        assert caught.value.executed == "unknown"


# --- Beginnings


class Broken:
    """A class whose objects cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no database")


def test_a_singleton_that_cannot_be_made_gives_the_address_back(folder: Path) -> None:
    """The user's error is raised, and another server may listen there."""
    url = f"unix://{folder}/x.sock"
    server = make_server(url, None, {})
    address = server._listener.address
    server.close()
    with pytest.raises(RuntimeError, match="no database"):
        Server(SampleManager._offer, {"frontier": Singleton(Broken)}, address)
    assert list(folder.iterdir()) == []
    make_server(url, None, {}).close()


def test_another_manager_is_refused(folder: Path) -> None:
    """A client that was generated from another spec learns both names."""

    class Other(SampleManager):
        _offer = type(SampleManager._offer)(
            spec="shop.spec",
            name="Shop",
            server="shop.spec.Shop",
            table=SampleManager._offer.table,
            singletons=dict,
            factories=dict,
        )

    names = r"offers support\.samples\.spec:Sample, not shop\.spec:Shop"
    with serve_here("unix", folder) as served, pytest.raises(SpecMismatch, match=names):
        Other.open(served.url)


# --- What it logs


def test_it_logs_who_comes_and_goes_and_no_values(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each connection is named, and what was said over it is nobody's business."""
    caplog.set_level(logging.DEBUG, "kinfolk")
    with serve_here("unix with a key", folder) as served:
        with served.open() as manager:
            manager.frontier().push("https://secret.example")
        with pytest.raises(KinfolkError):
            SampleManager.open(served.url, authkey="another key")
    who = f"process {os.getpid()} of user {os.geteuid()}"
    assert f"{who} is connected" in caplog.messages
    assert f"{who} left" in caplog.messages
    assert f"{who} was refused: the client does not hold the server's key" in caplog.messages
    assert "secret" not in caplog.text


PROGRAM = """
from support.samples.manager import SampleManager
import sys

server = SampleManager(sys.argv[1]).get_server()
print(server.address, flush=True)
server.serve_forever()
print("after", flush=True)
"""


def test_serve_forever_returns_after_ctrl_c(folder: Path) -> None:
    """A program may do something after it has served."""
    with Program("-c", PROGRAM, str(folder / "x.sock")) as program:
        program.expect(str(folder / "x.sock"))
        SampleManager.open(folder / "x.sock").close()  # it serves by now
        program.signal(signal.SIGINT)
        program.expect("after")
        assert program.wait() == 0
        assert program.errors == ""


def test_a_server_serves_once(folder: Path) -> None:
    """A second `serve_forever` is refused, and does the first no harm."""
    with serve_here("unix", folder) as served, served.open() as manager:
        with pytest.raises(RuntimeError, match="make a new server"):
            served.here.serve_forever()
        assert manager.frontier().limit == 500


OUT_OF_THREADS = """
import sys, threading
from support.arena.manager import ArenaManager

def refuse(_):
    raise RuntimeError("can't start new thread")

server = ArenaManager(sys.argv[1]).get_server()
threading.Thread(target=server.serve_forever, daemon=True).start()
with ArenaManager.open(server.url) as manager, ArenaManager.open(server.url) as other:
    other.lock().acquire()
    manager.lock().locked()
    threading.Thread.start = refuse
    print(manager.lock().acquire(timeout=0.01), flush=True)
"""


def test_a_server_without_threads_still_ends_waits(folder: Path) -> None:
    """The thread that watches deadlines was there before the first of them."""
    with Program("-c", OUT_OF_THREADS, f"unix://{folder}/s") as program:
        program.expect("False")
