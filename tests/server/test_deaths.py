"""Noticing that a peer is gone, without reading from it."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.programs import PATIENCE

if sys.platform != "linux":
    pytest.skip("other systems notice deaths when they read", allow_module_level=True)

from kinfolk.server.linux import LinuxDeaths


class Mourner:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: queue.Queue[str] = queue.Queue()

    def lost(self) -> None:
        """Note it."""
        self.heard.put("lost")

    def hears(self) -> None:
        """Wait until it hears of a death."""
        assert self.heard.get(timeout=PATIENCE) == "lost"


@pytest.fixture
def deaths() -> Iterator[LinuxDeaths]:
    """Return a watch, closed afterwards."""
    watch = LinuxDeaths()
    yield watch
    watch.close()
    watch.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return two connected sockets."""
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that lives until it is told otherwise."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as found:
        yield found
        found.kill()


Pair = tuple[socket.socket, socket.socket]


def test_a_peer_that_closes_is_noticed(deaths: LinuxDeaths, pair: Pair) -> None:
    """Also with unread bytes before the end."""
    mourner = Mourner()
    deaths.watch(mourner, pair[0].fileno())
    pair[1].sendall(b"unread")
    pair[1].close()
    mourner.hears()
    deaths.forget(mourner, pair[0].fileno())


def test_a_process_that_dies_is_noticed_by_all_its_connections(
    deaths: LinuxDeaths, pair: Pair, process: subprocess.Popen[bytes]
) -> None:
    """Its sockets need not end with it."""
    first, second = Mourner(), Mourner()
    deaths.watch(first, pair[0].fileno(), process.pid)
    deaths.watch(second, pair[1].fileno(), process.pid)
    process.kill()
    first.hears()
    second.hears()
    deaths.forget(first, pair[0].fileno(), process.pid)
    deaths.forget(second, pair[1].fileno(), process.pid)


def test_a_process_that_is_dead_already_is_noticed(
    deaths: LinuxDeaths, pair: Pair, process: subprocess.Popen[bytes]
) -> None:
    """It may have died right after its handshake."""
    process.kill()
    process.wait()
    mourner = Mourner()
    deaths.watch(mourner, pair[0].fileno(), process.pid)
    mourner.hears()
    deaths.forget(mourner, pair[0].fileno(), process.pid)


def test_what_is_forgotten_is_not_mourned(
    deaths: LinuxDeaths, pair: Pair, process: subprocess.Popen[bytes]
) -> None:
    """A connection that ended by itself hears nothing any more, and leaves nothing open."""
    gone, stays = Mourner(), Mourner()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not used
    deaths.watch(gone, pair[0].fileno(), process.pid)
    deaths.forget(gone, pair[0].fileno(), process.pid)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    deaths.watch(stays, pair[0].fileno(), process.pid)
    process.kill()
    stays.hears()
    deaths.forget(stays, pair[0].fileno(), process.pid)
    assert gone.heard.empty()


def test_a_number_that_is_used_again_is_another_connection(deaths: LinuxDeaths) -> None:
    """The end of one connection is not taken for that of the next with the same descriptor."""
    mourners = [Mourner() for _ in range(50)]
    for mourner in mourners:
        left, right = socket.socketpair()
        deaths.watch(mourner, left.fileno())
        right.close()
        deaths.forget(mourner, left.fileno())
        left.close()
    left, right = socket.socketpair()
    with left, right:
        last = Mourner()
        deaths.watch(last, left.fileno())
        assert last.heard.empty()
        right.shutdown(socket.SHUT_WR)
        last.hears()
        assert last.heard.empty()
        deaths.forget(last, left.fileno())


def test_after_closing_nothing_is_watched(pair: Pair, process: subprocess.Popen[bytes]) -> None:
    """Connections may come and go while the server ends."""
    deaths = LinuxDeaths()
    mourner = Mourner()
    deaths.watch(mourner, pair[0].fileno(), process.pid)
    deaths.close()
    deaths.watch(mourner, pair[1].fileno(), process.pid)
    deaths.forget(mourner, pair[0].fileno(), process.pid)
    deaths.forget(mourner, pair[1].fileno(), process.pid)
    assert mourner.heard.empty()
