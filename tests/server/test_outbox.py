"""The way out of a connection: order, and threads that do not wait for each other's clients."""

from __future__ import annotations

import functools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.programs import PATIENCE

from kinfolk.errors import LimitExceeded
from kinfolk.server.outbox import Outbox

LARGE = bytes(4 * 2**20)
LIMIT = 64 * 2**20

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Return two connected sockets."""
    left, right = socket.socketpair()
    with left, right:
        right.settimeout(PATIENCE)
        yield left, right


def ignore(_: Exception) -> None:
    """Hear that it is broken, and do nothing."""


def elsewhere(action: Callable[[], object]) -> threading.Thread:
    """Run something in another thread."""
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def read(sock: socket.socket, count: int) -> bytes:
    """Read so many bytes."""
    data = bytearray()
    while len(data) < count:
        data += sock.recv(min(2**20, count - len(data)))
    return bytes(data)


def test_frames_go_out_in_their_order(pair: Pair) -> None:
    """What one thread sends arrives in the order in which it was sent."""
    outbox = Outbox(pair[0], broken=ignore, limit=LIMIT)
    assert all(outbox.send(bytes([n])) for n in range(50))
    assert read(pair[1], 50) == bytes(range(50))


def test_another_thread_never_waits_for_the_client(pair: Pair) -> None:
    """What the socket does not take at once is sent later, in order and whole."""
    outbox = Outbox(pair[0], broken=ignore, limit=LIMIT)
    thread = elsewhere(lambda: [outbox.send(frame) for frame in (LARGE, b"second", b"third")])
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waited although nobody reads"
    assert read(pair[1], len(LARGE) + 11) == LARGE + b"secondthird"
    assert outbox.send(b"fourth")
    assert read(pair[1], 6) == b"fourth"


def test_an_answer_from_elsewhere_does_not_split_a_frame(pair: Pair) -> None:
    """While the connection's thread sends a long frame, others leave theirs to it."""
    made: list[Outbox] = []

    def serve() -> None:
        made.append(Outbox(pair[0], broken=ignore, limit=LIMIT))
        made[0].send(LARGE)

    serving = elsewhere(serve)
    # Its first byte is there, and the socket does not take all of it before somebody reads.
    pair[1].recv(1, socket.MSG_PEEK)
    assert made[0].send(b"short")
    assert serving.is_alive()
    assert read(pair[1], len(LARGE) + 5) == LARGE + b"short"
    serving.join(PATIENCE)


@pytest.mark.parametrize("own", [True, False])
def test_a_broken_connection_is_told_once_and_takes_no_more(pair: Pair, own: bool) -> None:
    """Whichever thread finds out says so, and later frames are refused."""
    told: list[Exception] = []
    outbox = Outbox(pair[0], broken=told.append, limit=LIMIT)
    pair[1].close()
    if own:
        assert not outbox.send(b"frame")
    else:
        elsewhere(lambda: outbox.send(b"frame")).join(PATIENCE)
    assert not outbox.send(b"frame")
    assert len(told) == 1


def test_without_a_thread_to_leave_it_to_the_connection_is_broken(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame that was sent in part only must not be followed by another."""
    told: list[Exception] = []
    outbox = Outbox(pair[0], broken=told.append, limit=LIMIT)
    sent: list[bool] = []
    patched = threading.Event()

    def send() -> None:
        patched.wait(PATIENCE)
        sent.append(outbox.send(LARGE))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    thread = elsewhere(send)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    patched.set()
    thread.join(PATIENCE)
    assert sent == [False]
    assert len(told) == 1


def test_many_threads_send_whole_frames(pair: Pair) -> None:
    """Whoever sends, and however slowly the client reads, no frame is split, lost or doubled."""
    outbox = Outbox(pair[0], broken=ignore, limit=LIMIT)
    frames = [[bytes([thread]) * (1 + number * 97) for number in range(60)] for thread in range(8)]

    def send(own: list[bytes]) -> None:
        for frame in own:
            assert outbox.send(len(frame).to_bytes(4, "big") + frame)

    threads = [elsewhere(functools.partial(send, own)) for own in frames]
    found: dict[int, list[bytes]] = {}
    for _ in range(sum(map(len, frames))):
        frame = read(pair[1], int.from_bytes(read(pair[1], 4), "big"))
        found.setdefault(frame[0], []).append(frame)
    for thread in threads:
        thread.join(PATIENCE)
    assert [sorted(found[thread], key=len) for thread in range(8)] == frames


def test_what_waits_beyond_the_limit_breaks_the_connection(pair: Pair) -> None:
    """The reason has both numbers, what waited is dropped, and two frames do not count."""
    told: list[Exception] = []
    outbox = Outbox(pair[0], broken=told.append, limit=100)
    elsewhere(lambda: outbox.send(LARGE)).join(PATIENCE)
    # That is under way, and the next one may be as long as it likes.
    assert outbox.send(bytes(5_000))
    assert outbox.send(bytes(60))
    assert outbox.send(bytes(40))
    assert not told
    assert not outbox.send(b"x")
    assert [str(error) for error in told] == ["it leaves 101 bytes of answers unread (limit 100)"]
    assert isinstance(told[0], LimitExceeded)
    assert not outbox._waiting
    assert not outbox.send(b"y")
    assert len(told) == 1


def test_what_was_read_does_not_count_any_more(pair: Pair) -> None:
    """A client that reads late may be sent any number of bytes, one limit after the other."""
    outbox = Outbox(pair[0], broken=ignore, limit=100)
    for _ in range(5):
        elsewhere(lambda: outbox.send(LARGE)).join(PATIENCE)
        assert outbox.send(bytes(100))
        assert read(pair[1], len(LARGE) + 100) == bytes(len(LARGE) + 100)


def test_what_was_sent_before_it_broke_has_arrived(pair: Pair) -> None:
    """Though another thread's frame failed before the one that sent it looked."""

    class Socket(socket.socket):
        def sendall(self, data: Any, flags: int = 0, /) -> None:
            super().sendall(data, flags)
            outbox._fail(BrokenPipeError())

    with Socket(fileno=os.dup(pair[0].fileno())) as sock:
        outbox = Outbox(sock, broken=ignore, limit=LIMIT)
        assert outbox.send(b"first")
        assert read(pair[1], 5) == b"first"
        assert not outbox.send(b"second")
