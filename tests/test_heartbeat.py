"""The heartbeat of TCP: what is set, and that a network which goes silent is noticed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import pytest
from support.folders import short_folder
from support.programs import PATIENCE, Program
from support.samples.manager import SampleManager
from support.serving import KEY, serve, serve_here
from support.striking import Struck, strikes
from support.threads import Run, until

from kinfolk import heartbeat
from kinfolk.heartbeat import fell_silent, keep_watch

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what was heard")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        left = socket.create_connection(listening.getsockname(), PATIENCE)
        right, _ = listening.accept()
    with left, right:
        yield left, right


# --- What is set


def settings_of(sock: socket.socket) -> tuple[int, ...]:
    """Return whether a socket is kept alive, and how."""
    idle = 0x10 if sys.platform == "darwin" else socket.TCP_KEEPIDLE
    names = (idle, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    alive = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    first, *rest = (sock.getsockopt(socket.IPPROTO_TCP, name) for name in names)
    return bool(alive), first, *rest


def test_a_socket_is_kept_alive_as_asked(pair: tuple[socket.socket, socket.socket]) -> None:
    """The kernel asks after each interval, and gives up after so many misses."""
    keep_watch(pair[0], 7, 4)
    assert settings_of(pair[0]) == (True, 7, 7, 4)
    assert not settings_of(pair[1])[0]


def test_a_unix_socket_needs_no_heartbeat() -> None:
    """Its other end cannot go silent."""
    left, right = socket.socketpair()
    with left, right:
        keep_watch(left, 7, 4)
        assert left.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({}, (True, 5, 5, 3)), ({"heartbeat": 2, "misses": 9}, (True, 2, 2, 9))],
)
def test_both_ends_beat_as_the_server_says(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, int],
    expected: tuple[int, ...],
) -> None:
    """The client learns the server's settings in the handshake, and both use them."""
    found: list[tuple[int, ...]] = []

    def noting(module: str) -> None:
        def note(sock: socket.socket, interval: int, misses: int) -> None:
            keep_watch(sock, interval, misses)
            found.append(settings_of(sock))

        monkeypatch.setattr(f"kinfolk.{module}.connection.keep_watch", note)

    noting("client")
    noting("server")
    with serve_here("tcp", folder, limits=limits) as served, served.open() as manager:
        assert manager.frontier().limit == 500
    assert found == [expected, expected]


# --- Those who are there


@linux_only
def test_who_does_not_read_is_not_silent(pair: tuple[socket.socket, socket.socket]) -> None:
    """The kernel of a stopped process answers, though its window is closed and more is to come.

    With TCP_USER_TIMEOUT of as many milliseconds the connection would end here.
    """
    left, _ = pair
    keep_watch(left, 1, 1)
    left.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            left.send(bytes(2**16))

    def waited_for(milliseconds: int) -> bool:
        info = heartbeat._INFO.unpack(
            left.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, heartbeat._INFO.size)
        )
        assert not heartbeat._is_silent(left, 1)
        return int(info[heartbeat._LAST_ANSWER]) >= milliseconds

    # Its window is asked for less and less often, so that a whole interval passes without a word.
    until(lambda: waited_for(1_100))
    assert not fell_silent(left)
    assert left.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_an_interruption_keeps_nobody_from_being_looked_after(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Wherever a signal handler raises in the thread that opens a connection."""
    for _ in strikes(lambda: keep_watch(pair[0], 1, 1)):
        Run(lambda: keep_watch(pair[1], 1, 1)).result()


def is_watched(sock: socket.socket) -> bool:
    """Return whether a connection is looked after."""
    return any(found() is sock for found, _, _ in heartbeat._watch._watched)


@linux_only
def test_what_is_closed_is_forgotten(pair: tuple[socket.socket, socket.socket]) -> None:
    """Nothing is kept of connections that ended, nor a thread for them."""
    keep_watch(pair[0], 1, 1)
    until(lambda: is_watched(pair[0]))
    pair[0].close()
    until(lambda: not is_watched(pair[0]))


@linux_only
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_dies_is_forgotten_whatever_strikes() -> None:
    """A signal handler that raises at that moment leaves no thread that finds no rest."""
    dying = [socket.socket() for _ in range(50)]
    for sock in dying:
        keep_watch(sock, 1, 1)
    until(lambda: all(map(is_watched, dying)))
    del sock

    def strike(_frame: FrameType, event: str, _arg: object) -> None:
        if event == "call":
            raise Struck

    while dying:
        os.close(dying[-1].detach())
        sys.setprofile(strike)
        del dying[-1]
        sys.setprofile(None)
    until(lambda: not heartbeat._watch._runs)


# --- A network that goes silent


@attrs.frozen
class Network:
    """Two network namespaces, joined by a cable."""

    here: str
    there: str

    def within(self, name: str) -> tuple[str, ...]:
        """Return the command that runs a program in one of them."""
        return "ip", "netns", "exec", name

    def unplug(self) -> None:
        """Take down the link; the server's end of it stays up."""
        _ip("-n", self.there, "link", "set", "kf0", "down")

    def lose_everything(self) -> None:
        """Let each end send to an address that nobody has, and notice nothing."""
        for name, peer in ((self.here, "192.0.2.2"), (self.there, "192.0.2.1")):
            nobody = ("lladdr", "02:00:00:00:00:99", "nud", "permanent", "dev", "kf0")
            _ip("-n", name, "neigh", "replace", peer, *nobody)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def network() -> Iterator[Network]:
    """Make two namespaces with an address each, 192.0.2.1 and 192.0.2.2."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        pytest.skip("there is no `ip` to make network namespaces with")
    names = [f"kf-{os.getpid()}-{side}" for side in ("here", "there")]
    with contextlib.ExitStack() as undo:
        try:
            for name in names:
                _ip("netns", "add", name)
                undo.callback(_ip, "netns", "delete", name)
            ends = ["kf0", "netns", names[0], "type", "veth"]
            _ip("link", "add", "name", *ends, "peer", "name", "kf0", "netns", names[1])
            for number, name in enumerate(names, 1):
                _ip("-n", name, "address", "add", f"192.0.2.{number}/24", "dev", "kf0")
                for device in ("lo", "kf0"):
                    _ip("-n", name, "link", "set", device, "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces can be made here: {error.stderr.strip()}")
        yield Network(*names)


HOLDER = r"""
import sys, threading
from support.samples.manager import SampleManager
from kinfolk.errors import ConnectionLost

def lost(name, call):
    try:
        call()
    except ConnectionLost as error:
        print(f"{name} lost\n", end="", flush=True)

manager = SampleManager.open(sys.argv[1], authkey=sys.argv[2])
manager.lock().acquire()
waiting = threading.Thread(target=lost, args=("waiting call", manager.station().knock))
waiting.start()
manager.station().until_waiting(1)
print("holding", flush=True)
sys.stdin.readline()
lost("new call", lambda: manager.trouble().echo(b"x"))
waiting.join()
"""

WAITER = """
import sys
from support.samples.manager import SampleManager

with SampleManager.open(sys.argv[1], authkey=sys.argv[2]) as manager:
    print(manager.lock().acquire(blocking=False), flush=True)
    print(manager.lock().acquire(timeout=60.0), flush=True)
"""


@pytest.mark.parametrize("silence", [Network.unplug, Network.lose_everything])
def test_a_network_that_goes_silent_ends_the_connection(
    network: Network, folder: Path, silence: Callable[[Network], None]
) -> None:
    """The server frees what the client held, and each of the client's calls is lost.

    One waits for its answer since before, the request of the other never arrives.
    """
    options: dict[str, Any] = {"insecure": True, "limits": {"heartbeat": 1, "misses": 2}}
    with (
        serve(
            "tcp", folder, url="tcp://192.0.2.1:0", within=network.within(network.here), **options
        ) as served,
        Program("-c", HOLDER, served.url, KEY, within=network.within(network.there)) as holder,
    ):
        holder.expect("holding")
        with Program("-c", WAITER, served.url, KEY, within=network.within(network.here)) as waiter:
            waiter.expect("False")
            silence(network)
            holder.tell("the network is silent")
            waiter.expect("True")
            assert waiter.wait() == 0
        assert {holder.line(), holder.line()} == {"waiting call lost", "new call lost"}
        assert holder.wait() == 0


PICKLER = """
import sys
from kinfolk.errors import ConnectionLost
from kinfolk.examples.login.manager import LoginManager
from kinfolk.pickles import reaching
from kinfolk.wire.greetings import Heartbeat

reaching.HEARTBEAT = Heartbeat(1, 2)
manager = LoginManager.open(sys.argv[1], serializer="pickle")
cookies = manager.dict()
cookies.set("a", "b")
print("connected", flush=True)
sys.stdin.readline()
try:
    cookies.get("a")
except ConnectionLost as error:
    print(error, flush=True)
"""


def test_a_call_by_pickle_is_lost_too(network: Network) -> None:
    """The standard wire says nothing of the server's settings, so the client has its own."""
    spec = "kinfolk.examples.login.spec"
    here, there = network.within(network.here), network.within(network.there)
    address = ("--address", "tcp://192.0.2.1:0", "--insecure", "--serializer", "pickle")
    with Program(
        "-m", "kinfolk", "serve", spec, *address, within=here, KINFOLK_AUTHKEY=KEY
    ) as server:
        url = server.line().partition(" at ")[2]
        with Program("-c", PICKLER, url, within=there, KINFOLK_AUTHKEY=KEY) as client:
            client.expect("connected")
            network.unplug()
            client.tell("the network is silent")
            client.expect(f"the connection to {url} is lost: its network is silent")
            assert client.wait() == 0


def test_a_manager_opens_again_after_the_watch_had_ended(folder: Path) -> None:
    """The thread that looks after connections comes back when it is needed."""
    with serve_here("tcp", folder, limits={"heartbeat": 1}) as served:
        for _ in range(2):
            with SampleManager.open(served.url, authkey=KEY) as manager:
                assert manager.frontier().limit == 500
                if sys.platform == "linux":
                    until(lambda: heartbeat._watch._runs)
            if sys.platform == "linux":
                until(lambda: not heartbeat._watch._runs)
