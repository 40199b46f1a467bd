"""What a signal handler raises in the midst of a call, over the standard library's wire."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from support.deep import call_too_deep
from support.pickling import serve_manager, serve_samples
from support.programs import PATIENCE
from support.samples.spec import Page
from support.sharing.manager import SharingManager
from support.striking import Struck, signals
from support.threads import Run, until

from kinfolk.addresses import UnixAddress
from kinfolk.errors import (
    ArgumentError,
    ConnectionClosed,
    HandshakeFailed,
    KinfolkError,
    NotRunning,
    ObjectGone,
    ResultError,
)
from kinfolk.pickles.keys import ServerKey, key_file, read_key
from kinfolk.pickles.reaching import ThreadsWire
from kinfolk.pickles.server import PickleServer
from kinfolk.pickles.steps import Steps
from kinfolk.signals import surely_raised_by_handler


class OfPython(
    BlockingIOError, FileNotFoundError, TimeoutError, EOFError, ValueError, KeyError, RuntimeError
):
    """Of all kinds that sockets, files and what decodes raise."""


class OfKinfolk(ArgumentError, ConnectionClosed, HandshakeFailed, NotRunning):
    """Of all kinds that a call of the handler's own raises, of another server."""


KINDS = [Struck, OfPython, OfKinfolk]

# Sockets that nobody had yet close themselves.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(params=["unix", "tcp"])
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[PickleServer]:
    """Serve everything that waits in a thread of this process."""
    with serve_manager(request.param, folder, SharingManager) as server:
        yield server


def opened(server: PickleServer) -> SharingManager:
    """Return a manager of its own."""
    return SharingManager.open(server.url, authkey=server.authkey, serializer="pickle")


# --- What comes out


@kinds
def test_it_comes_out_of_a_call_as_itself(server: PickleServer, kind: type[BaseException]) -> None:
    """Also while the connection is opened, and where values are pickled and unpickled."""
    with opened(server) as manager:
        queue: Any = manager.queue()

        def call() -> None:
            with opened(server) as another:
                another.lock().locked()

        for _ in signals(call, kind):
            pass
        for _ in signals(queue.qsize, kind):
            pass
        value = {"a": [Plain(), queue, 2.5]}

        def travel() -> None:
            queue.put(value)
            assert queue.get()["a"][1] == queue

        for _ in signals(travel, kind):
            while not queue.empty():
                queue.get()


class Plain:
    """What pickle asks what becomes of it."""

    def __reduce__(self) -> tuple[type[Plain], tuple[()]]:
        return Plain, ()


def test_what_pickle_calls_is_no_handler(server: PickleServer) -> None:
    """What an object of the program's raises, at either end, says that it does not travel."""
    with opened(server) as manager:
        queue: Any = manager.queue()
        with pytest.raises(ArgumentError, match="cannot be pickled: ZeroDivisionError: not out"):
            queue.put(Stays())
        queue.put(Enters())
        with pytest.raises(ResultError, match="cannot be unpickled here: ZeroDivisionError"):
            queue.get()


class Stays:
    """What cannot be pickled."""

    def __reduce__(self) -> NoReturn:
        raise ZeroDivisionError("not out")


class Enters:
    """What the main thread, which is the client here, cannot unpickle."""

    kind: type[Exception] = ZeroDivisionError

    def __init__(self) -> None:
        self.state = 1

    def __setstate__(self, state: dict[str, int]) -> None:
        vars(self).update(state)
        if threading.current_thread() is threading.main_thread():
            raise self.kind("not in")


class Refuses(Enters):
    """The same, by an error of Kinfolk's."""

    kind = KinfolkError


def test_handlers_are_told_from_what_pickle_calls() -> None:
    """By their argument; of what only the program can raise it is not asked."""

    def handler(*_: object) -> NoReturn:
        raise OfPython

    def program(_: object) -> NoReturn:
        raise OfPython

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(OfPython) as caught:
            signal.raise_signal(signal.SIGUSR1)
        assert surely_raised_by_handler(caught.value)
    finally:
        signal.signal(signal.SIGUSR1, before)
    with pytest.raises(OfPython) as caught:
        program(None)
    assert not surely_raised_by_handler(caught.value)


# --- What is held


@kinds
def test_nobody_holds_what_an_interrupted_acquire_got(
    server: PickleServer, kind: type[BaseException]
) -> None:
    """Wherever it was struck, until it returns."""
    with opened(server) as manager, opened(server) as another:
        mine, theirs = manager.lock(), another.lock()
        for _ in signals(mine.acquire, kind):
            assert theirs.acquire(timeout=PATIENCE)
            theirs.release()
        mine.release()


@kinds
@pytest.mark.parametrize("leaving", [False, True], ids=["release", "__exit__"])
def test_an_interrupted_release_leaves_nothing_held(
    server: PickleServer, leaving: bool, kind: type[BaseException]
) -> None:
    """Except by a signal that came before it began."""
    with opened(server) as manager, opened(server) as another:
        mine, theirs = manager.lock(), another.lock()

        give_back = partial(mine.__exit__, None, None, None) if leaving else mine.release
        mine.acquire()
        for point in signals(give_back, kind):
            # Before the first line of the member, and of what that calls.
            if point < 2:
                give_back()
            assert theirs.acquire(timeout=PATIENCE)
            theirs.release()
            mine.acquire()


def test_what_a_call_says_ends_no_connection(server: PickleServer) -> None:
    """It was refused before it was sent, or raised something, or its result cannot be read."""
    with opened(server) as manager, opened(server) as another:
        queue, unheld = manager.queue(), manager.new_lock()
        semaphore: Any = manager.semaphore()
        anything: Any = queue
        with manager.lock():
            with pytest.raises(ArgumentError):
                anything.put(lambda: None)
            with pytest.raises(ArgumentError):
                semaphore.release(lambda: None)
            with pytest.raises(RuntimeError, match="release"):
                unheld.release()
            with pytest.raises(ValueError, match="timeout"):
                manager.lock().acquire(blocking=False, timeout=1)
            anything.put(Enters())
            with pytest.raises(ResultError):
                queue.get()
            anything.put(Refuses())
            with pytest.raises(KinfolkError, match="not in"):
                queue.get()
            assert not another.lock().acquire(blocking=False)
        assert another.lock().acquire(blocking=False)


def test_a_release_that_is_refused_keeps_nothing_alive(server: PickleServer) -> None:
    """Whoever forgets what it raised has no proxy left."""
    gc.disable()
    try:
        with opened(server) as manager:
            with contextlib.suppress(RuntimeError):
                manager.new_lock().release()
            until(lambda: server.number_of_objects() == 0)
    finally:
        gc.enable()


def test_a_release_is_made_though_there_is_no_room_for_it(server: PickleServer) -> None:
    """Where a block ends since the program calls itself too deep, the lock is free."""
    with opened(server) as manager, opened(server) as another:
        lock, theirs = manager.lock(), another.lock()
        for left in range(5, 60):
            call_too_deep(lock, left)
            assert theirs.acquire(timeout=5), left
            theirs.release()


# --- What is left behind


def test_no_descriptor_of_a_key_is_left(folder: Path) -> None:
    """Wherever reading it was struck."""
    address = UnixAddress(str(folder / "s"))
    kept = ServerKey(address, None)
    key = key_file(address).stat()
    for _ in signals(lambda: read_key(address)):
        # Others come and go: what an earlier test has left, say.
        assert not [path for path in Path("/dev/fd").iterdir() if _is(path, key)]
    kept.remove()


def _is(path: Path, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(int(path.name)), file)
    except OSError:  # such as that by which the folder was read
        return False


def test_a_connection_that_was_never_made_is_dropped_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is written on the terminal."""
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    one, other = socket.socketpair()
    with one, other:
        for _ in signals(lambda: ThreadsWire(one.dup())):
            pass
    assert told == []


@kinds
def test_a_stream_that_was_cut_short_is_not_at_its_end(
    folder: Path, kind: type[BaseException]
) -> None:
    """Either it goes on where it was, or it says that something is lost."""
    with serve_samples("unix", folder) as served, served.open() as manager:
        frontier = manager.frontier()
        for url in "abc":
            frontier.push(url)
        assert len(list(frontier)) == 3  # and what is made once is made
        stream: Iterator[Page] = iter(())
        found: list[str] = []
        lost = 0

        def read() -> None:
            nonlocal stream
            found.clear()
            stream = iter(())
            stream = iter(frontier)
            take()

        def take() -> None:
            found.extend(page.url for page in stream)

        def read_on() -> bool:
            """Read what is left; return whether nothing is lost."""
            try:
                take()
            except ObjectGone:
                with pytest.raises(ObjectGone, match="cut short"):
                    next(stream)
                return False
            return True

        for _ in signals(read, kind):
            if isinstance(stream, Steps):
                if not read_on():
                    lost += 1
                    stream.close()
                    assert list(stream) == []
                else:
                    assert found == ["a", "b", "c"]
            assert len(frontier) == 3  # connected again
        assert lost > 10
        assert found == ["a", "b", "c"]


# --- Handlers that make calls themselves


def test_a_handler_may_make_calls_while_one_waits(server: PickleServer) -> None:
    """Each has its own answer, and what the handler takes is its thread's."""
    with opened(server) as manager, opened(server) as another:
        queue, lock = manager.queue(), manager.lock()
        seen: list[object] = []

        def handle(*_: object) -> None:
            seen.extend([queue.qsize(), lock.acquire(blocking=False)])
            queue.put(7)

        def strike() -> None:
            until(lambda: any(wait.waiters for wait in server.report().waits))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

        before = signal.signal(signal.SIGALRM, handle)
        try:
            run = Run(strike)
            assert queue.get() == 7
            run.result()
        finally:
            signal.signal(signal.SIGALRM, before)
        assert seen == [0, True]
        assert not another.lock().acquire(blocking=False)
        lock.release()
        assert another.lock().acquire(blocking=False)
        assert queue.qsize() == 0
