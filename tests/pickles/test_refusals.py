"""Who is refused over the standard wire learns why in one line, and the log says it too."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing import managers
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pytest
from support.channels import kinfolks_own
from support.pickling import Pickled, serve_samples
from support.programs import PATIENCE
from support.samples.manager import SampleManager
from support.threads import Run, until, without_threads

from kinfolk.addresses import parse_address
from kinfolk.errors import CallTimeout, HandshakeFailed, KinfolkError, LimitExceeded
from kinfolk.pickles.asking import Asking
from kinfolk.pickles.observer import PickleObserver
from kinfolk.pickles.reaching import Gate, reach
from kinfolk.pickles.wire import Wire

dispatch: Any = vars(managers)["dispatch"]  # of which type checkers do not know

FULL = r"the server has 1 connections \(limit 1\)"
NO_THREADS = "the server has no room for a connection: can't start new thread"


@contextmanager
def raw(served: Pickled) -> Iterator[socket.socket]:
    """Connect as somebody who need not be a client."""
    address: Any = served.server.address
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(address)
        assert b"#CHALLENGE#" in sock.recv(4096)
        yield sock


def rest(sock: socket.socket) -> bytes:
    """Return all that comes until the other end closes the connection."""
    received = bytearray()
    while data := sock.recv(4096):
        received += data
    return bytes(received)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_full_server_says_so(kind: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """To clients of either kind; who only asks is answered all the same."""
    with serve_samples(kind, folder, connections=1) as served, served.open() as manager:
        assert manager.frontier().push("u")
        with served.open() as second, pytest.raises(LimitExceeded, match=FULL) as caught:
            second.frontier().push("v")
        with pytest.raises(ValueError, match=FULL) as plain:
            served.plain("frontier").frontier().push("v")
        for error in (caught.value, plain.value):
            # None of the server's files and lines.
            assert not hasattr(error, "__notes__")
        assert re.search(f"was refused: {FULL}", caplog.text)
        observer = PickleObserver(parse_address(served.server.url), key=served.key)
        with closing(observer):
            assert observer.report().calls == 1
        job = manager.job("another")
        assert job.describe() == "another x3"


def test_it_takes_the_next_when_one_has_left(folder: Path) -> None:
    """The one that was refused may try again."""
    with serve_samples("unix", folder, connections=1) as served, served.open() as second:
        with served.open() as manager:
            assert manager.frontier().push("u")
            with pytest.raises(LimitExceeded, match=FULL):
                second.frontier().push("v")

        def pushed() -> bool:
            try:
                return second.frontier().push("v")
            except LimitExceeded:
                return False

        until(pushed)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_server_without_room_says_so(
    kind: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also to a client of the standard library's, which shows what it did not expect."""
    with serve_samples(kind, folder) as served:
        with without_threads():
            with pytest.raises(LimitExceeded, match=f"{served.server.url}: {NO_THREADS}"):
                served.open()
            with pytest.raises(Exception, match=NO_THREADS):
                served.plain("frontier")
        assert f"was refused: {NO_THREADS}" in caplog.text
        with served.open() as manager:
            assert manager.frontier().push("u")


def test_what_was_dropped_meanwhile_is_let_go_later(folder: Path) -> None:
    """As soon as there is room again, and all of it."""
    with serve_samples("unix", folder) as served, served.open() as manager:
        jobs = [manager.job(str(number)) for number in range(5)]
        assert served.objects == 5
        with without_threads() as refused:
            del jobs
            until(lambda: len(refused) > 1)
        assert served.objects == 5
        until(lambda: served.objects == 0)


@pytest.mark.parametrize(
    "error", [CallTimeout("too slow", executed="no"), HandshakeFailed("cut"), LimitExceeded("full")]
)
def test_what_was_not_let_go_in_time_is_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: KinfolkError
) -> None:
    """Whatever kept the server from hearing of it, once and not for each object."""
    tries: list[object] = []

    @kinfolks_own
    def fail(gate: Gate, until: float) -> Wire:
        tries.append(gate)
        if len(tries) < 3:
            raise error
        return reach(gate, until)

    with serve_samples("unix", folder) as served, served.open() as manager:
        jobs = [manager.job(str(number)) for number in range(5)]
        monkeypatch.setattr("kinfolk.pickles.asking.reach", fail)
        del jobs
        until(lambda: served.objects == 0)
        assert len(tries) == 2 + 5


def test_what_is_being_let_go_as_a_manager_closes_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who closes it waits for the thread that tells the server."""
    telling, go_on = threading.Event(), threading.Event()
    ask = Asking.ask

    @kinfolks_own
    def ask_when_told(asking: Asking, name: str, /, *args: Any, **kwds: Any) -> Any:
        if threading.current_thread().name == "kinfolk-keeper":
            telling.set()
            go_on.wait(PATIENCE)
        return ask(asking, name, *args, **kwds)

    monkeypatch.setattr(Asking, "ask", ask_when_told)
    with serve_samples("unix", folder) as served, served.open() as manager:
        job = manager.job("a")
        assert job.describe() == "a x3"
        del job
        assert telling.wait(PATIENCE)
        closing = Run(manager.close)
        closing.wait(0.2)  # if it does not wait, it has closed it by then
        go_on.set()
        closing.result()
        until(lambda: served.objects == 0)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_client_with_too_many_objects_is_refused(
    kind: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a private socket, where it is seen whose they are; the log says it too."""
    with serve_samples(kind, folder, objects=2) as served, served.open() as manager:
        jobs = [manager.job("a"), manager.job("b")]
        if kind == "tcp":
            jobs.append(manager.job("c"))
            return
        with pytest.raises(LimitExceeded, match=r"refers to 2 objects \(limit 2\)"):
            manager.job("c")
        who = f"process {os.getpid()} of user {os.geteuid()}"
        assert re.search(rf"{who} was refused: .* 2 objects \(limit 2\)", caplog.text)


def test_a_request_of_no_such_name_is_logged_in_one_line(
    served: Pickled, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the name, which nobody knows."""
    caplog.set_level(logging.INFO)
    for name in ("boo\nFAKE", ["a secret"]):
        with (
            closing(Client(served.server.address, authkey=served.key)) as connection,
            pytest.raises(AttributeError, match="a server has no member"),
        ):
            dispatch(connection, None, name)
    [one, other] = [text for text in caplog.messages if " raised " in text]
    assert one.startswith("boo FAKE raised ")
    assert other.startswith("a request raised ")


def test_the_handshake_ends_in_time_however_it_is_stretched(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each byte gives no more time for the next."""
    with serve_samples("unix", folder, handshake_timeout=0.3) as served, raw(served) as sock:
        sock.sendall((256).to_bytes(4, "big"))
        sent = 0
        while "no handshake within 0.3 s" not in caplog.text:
            assert sent < 250
            sock.sendall(b"x")
            sent += 1
            time.sleep(0.05)
        assert rest(sock).endswith(b"#REFUSED#handshake#no handshake within 0.3 s")


def test_the_slowest_of_too_many_is_dismissed(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and the log names it."""
    with serve_samples("unix", folder, handshakes=1) as served, raw(served) as slow:
        with served.open() as manager:
            assert manager.frontier().push("u")
        assert b"#REFUSED#limit#2 connections shake hands at the same time" in rest(slow)
        who = f"process {os.getpid()} of user {os.geteuid()}"
        until(lambda: f"{who} was refused: 2 connections shake hands" in caplog.text)


def test_handshakes_that_come_to_nothing_are_logged(
    served: Pickled, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no client is told so, and who leaves is noted."""
    with raw(served) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"does not speak the standard library's wire" in rest(sock)
    until(lambda: "was refused: the peer does not speak the standard lib" in caplog.text)
    with raw(served):
        pass
    until(lambda: "was refused: it closed the connection during the handshake" in caplog.text)


# --- At the client


@contextmanager
def listening(folder: Path, message: bytes) -> Iterator[str]:
    """Be a server that says something to the first who connects, and goes on byte by byte."""
    path = str(folder / "odd.sock")

    def answer(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock, suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(message)
            while True:
                sock.sendall(b"x")
                time.sleep(0.05)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        yield f"unix://{path}"
        thread.join(PATIENCE)
        assert not thread.is_alive()


def opened(url: str) -> SampleManager:
    """Open it in half a second, or fail."""
    return SampleManager.open(url, authkey="some key", serializer="pickle", timeout=0.5)


def test_a_challenge_that_takes_too_long_is_given_up(folder: Path) -> None:
    """Also one of which a byte comes now and then."""
    with (
        listening(folder, (256).to_bytes(4, "big")) as url,
        pytest.raises(CallTimeout, match=r"odd\.sock"),
    ):
        opened(url)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("limit", LimitExceeded), ("handshake", HandshakeFailed), ("new", HandshakeFailed)],
)
def test_a_refusal_is_raised(folder: Path, kind: str, expected: type[Exception]) -> None:
    """Also one of a kind that only later versions know, in one line and no more."""
    told = f"#REFUSED#{kind}#the moon is\nwrong".encode()
    with (
        listening(folder, len(told).to_bytes(4, "big") + told) as url,
        pytest.raises(expected, match=r"odd\.sock: the moon is wrong$") as caught,
    ):
        opened(url)
    assert type(caught.value) is expected
