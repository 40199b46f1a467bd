"""Clients that are stopped, and clients that are killed: only the dead lose what they have."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import short_folder
from support.programs import Program
from support.serving import Served, serve_here
from support.threads import Run, until

CLIENT = """
import sys, threading
from support.samples.manager import SampleManager

manager = SampleManager.open(sys.argv[1], authkey=sys.argv[2] or None)
manager.lock().acquire()
jobs = [manager.job("kept") for _ in range(3)]
for number in range(300):
    manager.frontier().push(f"u{number}")
stream = iter(manager.frontier())
next(stream)
threading.Thread(target=manager.station().knock, daemon=True).start()
manager.station().until_waiting(1)
print("ready", flush=True)
sys.stdin.readline()
print(jobs[0].describe(), next(stream).url, flush=True)
manager.lock().release()
sys.stdin.readline()
"""


@pytest.fixture(params=["unix", "tcp"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Run a server here, with a heartbeat that would soon be missed."""
    limits = {"heartbeat": 1, "misses": 1}
    with short_folder() as folder, serve_here(request.param, folder, limits=limits) as found:
        yield found


def client(served: Served) -> Program:
    """Run a client that has some of everything."""
    program = Program("-c", CLIENT, served.url, served.key or "")
    program.expect("ready")
    return program


def is_stopped(pid: int) -> bool:
    """Return whether a process is stopped."""
    return "\nState:\tT" in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="what is stopped is seen in /proc")
def test_a_stopped_client_keeps_what_it_has(served: Served) -> None:
    """It misses no heartbeat, holds its lock, and goes on as if nothing had been."""
    with served.open() as manager, client(served) as stopped:
        stopped.signal(signal.SIGSTOP)
        until(lambda: is_stopped(stopped.pid))
        # Longer than the heartbeat would allow a silent network.
        assert not manager.lock().acquire(timeout=3.0)
        assert manager.station().waiting() == 1
        stopped.signal(signal.SIGCONT)
        stopped.tell("go on")
        stopped.expect("kept x3 u1")
        assert manager.lock().acquire(timeout=20.0)
        stopped.tell("end")
        assert stopped.wait() == 0


def test_a_stopped_client_that_is_killed_loses_it(served: Served) -> None:
    """Whether it was stopped before makes no difference to the dead."""
    with served.open() as manager, client(served) as victim:
        victim.signal(signal.SIGSTOP)
        waiting = Run(lambda: manager.lock().acquire(timeout=20.0))
        victim.kill()
        assert waiting.result()


def test_a_killed_client_leaves_nothing(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Its lock, references, stream and waiting call are gone, and the log has counted them."""
    caplog.set_level("INFO", "kinfolk")
    objects = served.here._host._objects
    with served.open() as manager:
        assert manager.station().waiting() == 0
        before = len(objects._numbered)
        with client(served) as victim:
            assert len(objects._numbered) == before + 3
            pid = victim.pid
            victim.kill()
        assert manager.lock().acquire(timeout=20.0)
        until(lambda: len(objects._numbered) == before)
        until(lambda: manager.station().waiting() == 0)
        until(lambda: len(served.here._host.sessions) == 1)
    user = f" of user {os.geteuid()}"
    [line] = [m for m in caplog.messages if f"process {pid}" in m and "freed" in m]
    assert line.startswith(f"the session of process {pid}")
    assert (user in line) == served.url.startswith("unix")
    assert line.endswith(
        "has ended; freed: locks and the like: 1, objects: 3, streams: 1, waiting calls: 1"
    )
