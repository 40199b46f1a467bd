"""The limits of a server: who meets one is told both numbers, and others are served."""

from __future__ import annotations

import itertools
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from support.folders import short_folder
from support.samples.manager import SampleManager
from support.samples.spec import Job
from support.serving import Raw, Served, serve_here
from support.threads import Run, until

from kinfolk.errors import ArgumentError, LimitExceeded
from kinfolk.limits import Limits
from kinfolk.wire.handshake import Identity
from kinfolk.wire.messages import Call, Failed, Items, Next, Result, Streaming

Start: TypeAlias = Callable[..., AbstractContextManager[Served]]
NO_ARGUMENTS = msgspec.Raw(b"\x80")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture(params=["unix", "tcp"])
def start(request: pytest.FixtureRequest, folder: Path) -> Start:
    """Return what runs a server with certain limits."""
    return lambda **limits: serve_here(request.param, folder, limits=limits)


numbers = itertools.count(100)


def call(raw: Raw, member: str, value: Any) -> Failed | Result:
    """Call a member of `trouble` with one argument."""
    arguments = msgspec.Raw(msgspec.msgpack.encode({"value": value}))
    raw.send(Call(next(numbers), "trouble", member, 1, arguments))
    reply = raw.receive()
    assert isinstance(reply, Failed | Result)
    return reply


def is_one_plain_line(text: str) -> bool:
    """Return whether a refusal tells no more than it should."""
    return text.isprintable() and "Traceback" not in text and ".py" not in text


# --- Newcomers


def test_so_many_connections_are_served(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """One more is told why not, in `open` too, and gets in when another has left."""
    with start(connections=2) as served, ExitStack() as stack:
        first, _ = [stack.enter_context(served.open()) for _ in range(2)]
        words = r"the server has 2 connections \(limit 2\)"
        with pytest.raises(LimitExceeded, match=words) as caught:
            served.open()
        assert is_one_plain_line(str(caught.value))
        assert re.search(rf"was refused: {words}", caplog.text)
        assert first.job("old").describe() == "old x3"
        first.close()
        until(lambda: len(served.here._service.admission._known) == 1)
        with served.open() as newcomer:
            assert newcomer.job("new").describe() == "new x3"


def test_a_second_connection_of_a_client_counts(start: Start) -> None:
    """The call that would need it is refused, and the one under way is not touched."""
    with start(connections=2) as served, served.open() as manager, served.open() as other:
        running = Run(manager.station().stay)
        assert other.station().until_inside(1)
        with pytest.raises(LimitExceeded, match=r"2 connections \(limit 2\)"):
            manager.station().inside()
        other.station().leave_all()
        assert running.result() is None
        assert manager.station().inside() == 1


def test_so_many_sessions_of_a_user_live(start: Start) -> None:
    """One more is told both numbers, but a further connection of one of them is none."""
    with start(sessions=2) as served, served.open() as manager, served.open() as other:
        words = r"this user has 2 sessions at the server \(limit 2\)"
        with pytest.raises(LimitExceeded, match=words):
            served.open()
        running = Run(manager.station().stay)
        assert other.station().until_inside(1)
        assert manager.station().inside() == 1
        other.station().leave_all()
        running.result()
        other.close()
        until(lambda: len(served.here._host.sessions) == 1)
        served.open().close()


def test_a_slow_handshake_is_told_that_it_was(start: Start) -> None:
    """The reason stands in the last thing that the server says."""
    with start(handshake_timeout=0.05) as served, served.raw(shake_hands=False) as raw:
        assert b"no handshake within 0.05 s" in raw.sock.recv(4096)
        assert raw.is_closed()


# --- Calls


def test_so_many_calls_of_a_session_are_under_way(start: Start) -> None:
    """One more is refused, whichever connection it comes over, and its connection goes on."""
    with start(calls=3) as served, served.open() as other, served.raw(shake_hands=False) as raw:
        token = raw.shake_hands(served.key)
        for number in (1, 2, 3):
            raw.send(Call(number, "station", "knock", 1, NO_ARGUMENTS))
        assert other.station().until_waiting(3)
        with served.raw(shake_hands=False) as second:
            second.shake_hands(served.key, token)
            reply = call(second, "anything", 5)
            assert isinstance(reply, Failed)
            assert reply.failure.class_name == "kinfolk.errors.LimitExceeded"
            assert reply.failure.message == "3 calls of this client are under way (limit 3)"
            assert other.station().open_gate() == 3
            assert isinstance(call(second, "anything", 5), Result)


def test_a_call_that_runs_counts_too(start: Start) -> None:
    """A client's threads together have so many calls."""
    with start(calls=1) as served, served.open() as manager, served.open() as other:
        running = Run(manager.station().stay)
        assert other.station().until_inside(1)
        with pytest.raises(LimitExceeded, match=r"1 calls .* under way \(limit 1\)"):
            manager.station().inside()
        other.station().leave_all()
        running.result()
        assert manager.station().inside() == 1


def test_calls_that_are_refused_are_logged_once(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """With who made them, and why; a client that goes on fills no log."""
    caplog.set_level(logging.WARNING, "kinfolk")
    with start(calls=1) as served, served.open() as manager, served.open() as other:
        running = Run(manager.station().stay)
        assert other.station().until_inside(1)
        for _ in range(3):
            with pytest.raises(LimitExceeded):
                manager.station().inside()
        other.station().leave_all()
        running.result()
    (message,) = caplog.messages
    assert message.startswith(f"calls of process {os.getpid()}")
    assert message.endswith("are refused: 1 calls of this client are under way (limit 1)")


def test_a_stream_fits_a_client_that_takes_short_answers_only(start: Start) -> None:
    """Items that are too long together come in several answers, and all of them do."""
    urls = [str(number) * 5_000 for number in range(6)]
    with start() as served, served.open() as manager, served.raw(shake_hands=False) as raw:
        for url in urls:
            manager.frontier().push(url)
        raw.shake_hands(served.key, identity=Identity.of(SampleManager._offer, 20_000))
        raw.send(Call(1, "frontier", "__iter__", 1, NO_ARGUMENTS))
        opened = raw.receive()
        assert isinstance(opened, Streaming)
        counts: list[int] = []
        for number in itertools.count(2):
            raw.send(Next(number, opened.stream, 10, 1))
            reply = raw.receive()
            assert isinstance(reply, Items), reply
            counts.append(len(msgspec.msgpack.decode(reply.items)))
            if not reply.more:
                break
        assert counts == [1] * 6 + [0]


def test_so_many_objects_are_referred_to(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """A client that collects more is told both numbers, and so is the log, once."""
    with start(objects=2) as served, served.open() as manager:
        jobs = [manager.job("a"), manager.job("b")]
        for name in "cd":
            with pytest.raises(LimitExceeded, match=r"refers to 2 objects \(limit 2\)"):
                manager.job(name)
        assert jobs[0].describe() == "a x3"
    [line] = [text for text in caplog.messages if "2 objects (limit 2)" in text]
    assert re.match(rf"calls of process {os.getpid()} .* are refused: ", line)


def test_so_many_streams_are_open(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """A client that leaves more unread is told both numbers, and so is the log."""
    with start(streams=2) as served, served.open() as manager:
        streams = [iter(manager.frontier()) for _ in range(2)]
        with pytest.raises(LimitExceeded, match=r"2 streams open \(limit 2\)"):
            iter(manager.frontier())
        assert list(streams[0]) == []
    assert re.search(r"are refused: .* 2 streams open \(limit 2\)", caplog.text)


def test_what_a_method_raises_is_no_refusal(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has nothing of what it says."""

    def describe(self: Job) -> str:
        raise LimitExceeded(f"a secret of {self.name}")

    monkeypatch.setattr(Job, "describe", describe)
    with (
        start() as served,
        served.open() as manager,
        pytest.raises(LimitExceeded, match="a secret"),
    ):
        manager.job("a").describe()
    assert "a secret" not in caplog.text


@pytest.mark.parametrize("limit", [4096, 100_000])
def test_a_longer_request_is_refused(start: Start, limit: int) -> None:
    """A client of ours does not send it; who sends it all the same is closed at its length."""
    with start(frame=limit) as served, served.open() as manager:
        with pytest.raises(LimitExceeded, match=rf"\d+ bytes .* limit of {limit} bytes"):
            manager.trouble().echo(bytes(limit))
        assert manager.trouble().echo(bytes(limit - 100)) == bytes(limit - 100)
        with served.raw() as raw:
            raw.sock.sendall((limit + 1).to_bytes(4, "big"))
            assert raw.is_closed()


def test_a_longer_request_is_logged(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """The log says who broke the protocol, and has both numbers."""
    with start(frame=5000) as served, served.raw() as raw:
        raw.sock.sendall((5001).to_bytes(4, "big"))
        assert raw.is_closed()
        until(lambda: "a message of 5001 bytes is longer than the limit of 5000" in caplog.text)


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_an_argument_nested_deeper_is_refused(start: Start, limit: int) -> None:
    """The caller is told both numbers, and what is just deep enough arrives."""

    def nested(levels: int) -> Any:
        return [nested(levels - 1)] if levels else None

    words = rf"argument 'value' is nested too deep \({limit + 1} levels or more, limit {limit}\)"
    with start(nesting=limit) as served, served.open() as manager:
        assert manager.trouble().anything(nested(limit)) == nested(limit)
        with pytest.raises(ArgumentError, match=words):
            manager.trouble().anything(nested(limit + 1))
        # A client of ours sends no more than 100 levels; others may try.
        with served.raw() as raw:
            reply = call(raw, "anything", nested(limit + 1))
            assert isinstance(reply, Failed)
            assert re.search(words, reply.failure.message)


# --- Answers that nobody reads


def fill(raw: Raw, other: SampleManager, calls: int) -> None:
    """Have so many calls answered, none of which is read."""
    raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for number in range(1, calls + 1):
        raw.send(Call(number, "station", "knock", 1, NO_ARGUMENTS))
    assert other.station().until_waiting(calls)
    assert other.station().open_gate() <= calls


def test_answers_that_nobody_reads_cost_the_connection(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond the limit it is ended, the log says why, and others are served all along."""
    with (
        serve_here("unix", folder, limits={"unread": 500}) as served,
        served.open() as other,
        served.raw() as raw,
    ):
        before = len(served.here._host.sessions)
        fill(raw, other, calls=2000)
        until(lambda: len(served.here._host.sessions) < before)
        assert other.job("old").describe() == "old x3"
        assert raw.is_closed()
    assert re.search(
        r"takes no more answers: it leaves \d+ bytes of answers unread \(limit 500\)", caplog.text
    )


def test_answers_within_the_limit_wait_for_their_reader(folder: Path) -> None:
    """A client that reads late gets all of them."""
    with (
        serve_here("unix", folder) as served,
        served.open() as other,
        served.raw() as raw,
    ):
        fill(raw, other, calls=2000)
        assert {raw.receive().call for _ in range(2000)} == set(range(1, 2001))


def test_the_limits_are_given_to_get_server(folder: Path) -> None:
    """A server made in code has the same limits as one of the command line."""
    manager = SampleManager(folder / "own.sock")
    server = manager.get_server(limits=Limits(connections=1))
    running = Run(server.serve_forever)
    try:
        with (
            SampleManager.open(folder / "own.sock"),
            pytest.raises(LimitExceeded, match=r"1 connections \(limit 1\)"),
        ):
            SampleManager.open(folder / "own.sock")
    finally:
        server.stop()
        running.result()
