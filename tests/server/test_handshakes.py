"""Handshakes that are never finished, in crowds, while others want to be served."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.folders import short_folder
from support.programs import Program
from support.serving import Served, new_threads, serve, serve_here
from support.threads import Run, until

from kinfolk.errors import LimitExceeded
from kinfolk.wire.frames import encode
from kinfolk.wire.handshake import OBSERVER
from kinfolk.wire.messages import Report


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_the_oldest_unfinished_handshake_goes(
    kind: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told why; those who say who they are get in, and count no more."""
    words = b"4 connections shake hands at the same time (limit 3)"
    with serve_here(kind, folder, limits={"handshakes": 3}) as served:
        unknown = served.here._service.admission._unknown
        silent = [served.raw(shake_hands=False) for _ in range(3)]
        until(lambda: len(unknown) == 3)
        for number, oldest in enumerate(silent):
            with served.open() as newcomer:
                assert newcomer.job("new").describe() == "new x3"
            assert words in oldest.sock.recv(4096)
            assert oldest.is_closed()
            # The newcomer took its place and left it; the others are still waited for.
            silent.append(served.raw(shake_hands=False))
            until(lambda: len(unknown) == 3)
            if number == 2:
                break
        for raw in silent:
            raw.sock.close()
        until(lambda: not unknown)
    assert words.decode() in caplog.text


def test_who_is_slow_but_known_is_not_dropped(folder: Path) -> None:
    """A connection that has been welcomed may be as idle as it likes."""
    with serve_here("unix", folder, limits={"handshakes": 1}) as served, served.raw() as idle:
        for _ in range(5):
            served.raw(shake_hands=False).sock.close()
        with served.open() as manager:
            assert manager.job("a").describe() == "a x3"
        idle.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            idle.sock.recv(1)


def test_a_burst_of_clients_gets_in(folder: Path) -> None:
    """Threads that all connect at once are welcomed, each with a connection of its own."""
    with serve("unix", folder) as served:

        def visit() -> str:
            with served.open() as manager:
                return manager.job("j").describe()

        runs = [Run(visit) for _ in range(60)]
        assert [run.result() for run in runs] == ["j x3"] * 60


# --- The crowd

CROWD = """
import sys
from support.serving import Raw, with_many_files

with_many_files()
url, key, count = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
crowd = []
for _ in range(count):
    crowd.append(Raw(url))
    crowd[-1].shake_hands(key)
print("connected", flush=True)
sys.stdin.readline()
"""

# So many in a second, for some seconds, each with another part of a handshake.
FLOOD = """
import itertools, sys, time
from collections import deque
from support.serving import SampleManager, Raw, with_many_files
from kinfolk.wire.handshake import ClientHandshake, Identity

with_many_files()
url, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
hello = ClientHandshake(Identity.of(SampleManager._offer)).start()
begun, open_ = time.monotonic(), deque(maxlen=5 * rate)
for number in itertools.count(1):
    now = time.monotonic() - begun
    if now > seconds:
        break
    if number / rate > now:
        time.sleep(number / rate - now)
    raw = Raw(url)
    try:
        raw.sock.sendall(hello[: number % len(hello)])
    except OSError:
        pass  # it was the oldest already
    open_.append(raw)
print(number, flush=True)
"""


def open_files(pid: int) -> int:
    """Return how many descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - counted, not used


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - counted, not used


@contextmanager
def crowd(served: Served, count: int) -> Iterator[Program]:
    """Have so many clients connected, all from one process."""
    with Program("-c", CROWD, served.url, served.key or "", str(count)) as program:
        program.expect("connected")
        yield program


@pytest.mark.skipif(sys.platform != "linux", reason="counted in /proc")
@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 5000,
    reason="the system allows too few open files for 1,000 clients",
)
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_flood_of_half_handshakes_leaves_others_working(kind: str, folder: Path) -> None:
    """200 a second beside 1,000 clients: calls go on, newcomers get in, and nothing is left."""
    with serve(kind, folder, files=5000) as served:
        pid = served.program.pid
        with served.open() as manager:
            assert manager.job("a").describe() == "a x3"
            before = open_files(pid), threads(pid)
        with (
            crowd(served, 1000),
            served.open() as manager,
            Program("-c", FLOOD, served.url, "200", "5") as flood,
        ):
            calls = 0
            while flood.process.poll() is None:
                assert manager.job("a").describe() == "a x3"
                calls += 1
                if calls % 50 == 0:
                    with served.open() as newcomer:
                        assert newcomer.job("new").describe() == "new x3"
                # 1,000 clients, 500 who are not known yet, some that were dismissed and have still
                # to go, and what was there before. Twice as many newcomers come in all.
                assert threads(pid) < 1_000 + 500 + 250
            assert int(flood.line()) > 100
            assert calls > 50
        with served.open() as manager:
            assert manager.job("a").describe() == "a x3"
            until(lambda: (open_files(pid), threads(pid)) <= before)
    assert "Traceback" not in served.program.errors
    assert served.program.errors.count("was refused") < 100


def test_a_refused_newcomer_may_try_again(folder: Path) -> None:
    """Once the unknown have gone, nothing of them is held against anybody."""
    with serve_here("unix", folder, limits={"connections": 1, "handshakes": 2}) as served:
        with served.open():
            for _ in range(10):
                with pytest.raises(LimitExceeded):
                    served.open()
        until(lambda: not served.here._service.admission._known)
        with served.open() as manager:
            assert manager.job("a").describe() == "a x3"


def test_an_observer_that_does_not_read_makes_room(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts among the unknown, and is not heard out when others come."""
    with serve_here("unix", folder, limits={"handshakes": 1}) as served:
        new = new_threads()
        with served.raw(shake_hands=False) as silent:
            silent.shake_hands(served.key, identity=OBSERVER)
            flood = encode(Report(1)) * 500
            silent.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    silent.sock.send(flood)
            [thread] = new()
            with served.open() as manager:
                assert manager.job("a").describe() == "a x3"
            until(lambda: thread not in new())
    assert "was refused: 2 connections shake hands at the same time" in caplog.text
