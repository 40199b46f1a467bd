"""Newcomers when the system has no room: told why, logged, and let in again when it has."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from support.folders import short_folder
from support.programs import PATIENCE, stat_of
from support.serving import Raw, Served, serve, serve_here
from support.threads import until, without_threads

from kinfolk.errors import KinfolkError, LimitExceeded
from kinfolk.server import refusing
from kinfolk.server.refusing import RefusalLog, Refuser
from kinfolk.wire.greetings import AboutToEnd
from kinfolk.wire.handshake import farewell

NO_FILES = "the server has no room for a connection: Too many open files"
NO_THREADS = "the server has no room for a connection: can't start new thread"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the shortage is made by /proc")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


# --- Out of descriptors, and out of threads


def crowd_in(served: Served, count: int) -> list[Raw]:
    """Connect so many times, and say nothing."""
    return [served.raw(shake_hands=False) for _ in range(count)]


def leave(crowd: list[Raw]) -> None:
    """Close connections."""
    for raw in crowd:
        raw.sock.close()


def until_let_in(served: Served) -> None:
    """Connect as a newcomer, again and again, until there is room for one."""

    def let_in() -> bool:
        try:
            with served.open() as newcomer:
                return newcomer.job("new").describe() == "new x3"
        except LimitExceeded:
            return False

    until(let_in)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_server_out_of_descriptors_refuses_and_recovers(kind: str, folder: Path) -> None:
    """Newcomers are told, those who are connected are served, and later there is room again."""
    with serve(kind, folder, files=60) as served, served.open() as manager:
        crowd = crowd_in(served, 60)
        # Each time anew: the descriptors held in reserve come back.
        for _ in range(40):
            with pytest.raises(LimitExceeded, match=NO_FILES):
                served.open()
        assert manager.job("old").describe() == "old x3"
        leave(crowd)
        until_let_in(served)
        manager.shutdown()
        assert served.program.wait() == 0
    assert served.program.errors.count(NO_FILES) < 20
    assert "Traceback" not in served.program.errors


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_refused_peers_that_stay_do_not_make_it_deaf(kind: str, folder: Path) -> None:
    """However many neither read nor leave, the next one is told at once."""
    with serve(kind, folder, files=60) as served, served.open() as manager:
        crowd = crowd_in(served, 150)
        for _ in range(5):
            with pytest.raises(LimitExceeded, match=NO_FILES):
                served.open()
        assert manager.job("old").describe() == "old x3"
        leave(crowd)
        until_let_in(served)


@linux_only
def test_a_server_out_of_descriptors_does_not_spin(folder: Path) -> None:
    """While nobody comes it uses no time, whatever it has run out of."""
    with serve("unix", folder, files=60) as served:
        crowd = crowd_in(served, 100)
        until(lambda: NO_FILES in served.program.errors)
        with contextlib.suppress(KinfolkError):
            served.open()

        def used() -> float:
            fields = stat_of(served.program.pid)
            return int(fields[11]) + int(fields[12])

        # So long that a loop would be seen, in a clock that counts hundredths of a second.
        before, start = used(), os.times().elapsed
        until(lambda: os.times().elapsed - start > 1.5)
        assert used() - before < 30
        leave(crowd)


@linux_only
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_server_out_of_threads_refuses_and_recovers(kind: str, folder: Path) -> None:
    """Memory for the stacks of more threads is lacking, and comes back."""
    with serve(kind, folder, stacks=10) as served, served.open() as manager:
        crowd = crowd_in(served, 20)
        with pytest.raises(LimitExceeded, match=NO_THREADS):
            served.open()
        assert manager.job("old").describe() == "old x3"
        leave(crowd)
        until_let_in(served)
        manager.shutdown()
        assert served.program.wait() == 0
    assert NO_THREADS in served.program.errors
    assert "Traceback" not in served.program.errors


def test_the_one_without_a_thread_is_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection that there is no thread for is told and closed, and the next one is served."""
    with serve_here("unix", folder) as served, served.open() as manager:
        with without_threads():
            with pytest.raises(LimitExceeded, match=NO_THREADS):
                served.open()
            who = f"process {os.getpid()} of user {os.geteuid()}"
            assert f"{who} was refused: {NO_THREADS}" in caplog.messages
            assert manager.job("old").describe() == "old x3"
        with served.open() as newcomer:
            assert newcomer.job("new").describe() == "new x3"


# --- The farewell


class Loop:
    """What accepts connections, as far as a `Refuser` needs it."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.refuser = Refuser(self.selector, farewell)
        self.listening = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.selector, self.refuser, self.listening:
            pass

    def refused(self) -> socket.socket:
        """Connect, be refused, and return the client's socket."""
        client = socket.create_connection(self.listening.getsockname(), PATIENCE)
        sock, _ = self.listening.accept()
        self.refuser.refuse(sock, "there is no room")
        return client

    def turn(self) -> int:
        """Hear once; return how many are still heard."""
        self.refuser.hear([key.fileobj for key, _ in self.selector.select(0)])
        return len(self.refuser._leaving)


def test_the_farewell_survives_what_was_not_read() -> None:
    """A peer that has said more than was read is not reset before it has read why."""
    with Loop() as loop, loop.refused() as client:
        client.sendall(bytes(200_000))
        assert loop.turn() == 1
        assert b"there is no room" in client.recv(4096)
        assert client.recv(4096) == b""
        client.shutdown(socket.SHUT_WR)
        until(lambda: loop.turn() == 0)


def test_who_does_not_leave_is_heard_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its descriptor is needed for the next one."""
    monkeypatch.setattr(refusing, "_LINGER", 0.05)
    with Loop() as loop, loop.refused():
        assert loop.refuser.patience is not None
        until(lambda: loop.turn() == 0)
        assert loop.refuser.patience is None


def test_so_many_are_heard_at_a_time() -> None:
    """The oldest goes for the newest, and no descriptor is lost."""
    with Loop() as loop:
        clients = [loop.refused() for _ in range(refusing._RESERVE * 3)]
        assert loop.turn() == refusing._RESERVE
        assert len(loop.refuser._reserve) == refusing._RESERVE
        for client in clients:
            client.close()
        until(lambda: loop.turn() == 0)
        assert len(loop.refuser._reserve) == refusing._RESERVE


def test_room_is_made_for_so_many() -> None:
    """One descriptor of the reserve after the other, then those of the ones that are heard."""
    with Loop() as loop:
        with loop.refused():
            for _ in range(refusing._RESERVE + 1):
                assert loop.refuser.make_room()
            assert not loop.refuser.make_room()
            assert not loop.refuser._leaving
        assert loop.turn() == 0
        assert len(loop.refuser._reserve) == refusing._RESERVE


# --- The log


def test_the_same_reason_is_logged_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    """The others are counted, and their number follows with the next one."""
    now = 100.0
    log = RefusalLog(logging.getLogger("kinfolk.test"), clock=lambda: now)
    for number in range(50):
        log.note(f"process {number}", "too late")
    log.note("process 50", "too early")
    now += 1
    log.note("process 51", "too late")
    assert caplog.messages == [
        "process 0 was refused: too late",
        "process 50 was refused: too early",
        "49 more were refused, for such reasons",
        "process 51 was refused: too late",
    ]


def test_who_comes_as_the_server_ends_is_no_cause_for_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It has done nothing wrong, and a program whose manager ends should end in silence."""
    with caplog.at_level(logging.INFO):
        RefusalLog(logging.getLogger("kinfolk.test")).note("somebody", AboutToEnd())
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == "somebody was refused: the server is about to end"


def test_reasons_that_differ_each_time_do_not_flood_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A peer cannot fill the disk with words of its own."""
    log = RefusalLog(logging.getLogger("kinfolk.test"), clock=lambda: 100.0)
    for number in range(1000):
        log.note("somebody", f"reason {number}")
    assert len(caplog.messages) == 10
    assert len(log._said) == 10
