"""Managers: what is as in `multiprocessing.managers`, and what is better."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import pytest
from support.folders import own_settings
from support.programs import Program
from support.samples.manager import FrontierProxy, SampleManager
from support.samples.spec import Sample
from support.serving import KEY, serve, serve_here
from support.threads import Run, until

from kinfolk.codegen.fingerprint import fingerprint
from kinfolk.errors import (
    AddressError,
    AlreadyRunning,
    ArgumentError,
    AuthenticationFailed,
    ConnectionClosed,
    ConnectionLost,
    NotRunning,
    NotSupported,
    RemoteError,
    SpecMismatch,
)
from kinfolk.spec.reader import read
from kinfolk.wire.table import type_of

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a default folder of its own, and no other settings."""
    with own_settings(monkeypatch) as path:
        yield path


def files(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("idle", "error"), [("3", TypeError), (-1, ValueError), (float("nan"), ValueError)]
)
def test_an_idle_time_that_is_none_is_refused(folder: Path, idle: Any, error: type) -> None:
    """It is told to the caller, before anything is started or made."""
    with pytest.raises(error):
        SampleManager.open(start=True, idle=idle)
    with pytest.raises(error):
        SampleManager().get_server(idle=idle)
    assert files(folder) == []


# --- Making one


def test_it_is_a_base_manager() -> None:
    """Code that asks for one of the standard library's gets one."""
    assert isinstance(SampleManager(), BaseManager)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (("127.0.0.1", 5000), ("127.0.0.1", 5000)),
        ("tcp://127.0.0.1:5000", ("127.0.0.1", 5000)),
        ("/run/x.sock", "/run/x.sock"),
        ("unix:///run/x.sock", "/run/x.sock"),
        (None, None),
    ],
)
def test_its_address_is_written_as_there(written: Any, address: Any) -> None:
    """However it is given, `address` is a tuple or a path."""
    assert SampleManager(written).address == address


@pytest.mark.parametrize("key", ["short", b"short", ""])
def test_a_key_that_can_be_guessed_is_refused(key: str | bytes) -> None:
    """Fewer than 8 bytes are no key."""
    with pytest.raises(ValueError, match="at least 8 bytes"):
        SampleManager(authkey=key)
    with pytest.raises(ValueError, match="at least 8 bytes"):
        SampleManager.open(authkey=key)


@pytest.mark.parametrize("key", [100, ["a", "b"], 1.5])
def test_a_key_that_is_neither_text_nor_bytes_is_refused(key: Any) -> None:
    """A number would stand for that many zeros."""
    said = f"^authkey must be bytes or str, not {type(key).__name__}$"
    with pytest.raises(ArgumentError, match=said):
        SampleManager(authkey=key)
    with pytest.raises(ArgumentError, match=said):
        SampleManager.open(authkey=key)


@pytest.mark.parametrize("serializer", ["xmlrpclib", "json"])
def test_other_serializers_are_not_there(serializer: str) -> None:
    """A serializer that is not there is refused, and those that are there are named."""
    with pytest.raises(NotSupported, match=f"no serializer '{serializer}': use 'typed'"):
        SampleManager(serializer=serializer)
    with pytest.raises(NotSupported, match="use 'typed'"):
        SampleManager.open(serializer=serializer)


# --- Reaching a server


@pytest.mark.parametrize("kind", ["unix", "unix with a key", "tcp"])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_open_reaches_a_server(folder: Path, kind: str, as_bytes: bool) -> None:
    """The key may be text or bytes."""
    with serve_here(kind, folder) as served:
        key = served.key.encode() if served.key and as_bytes else served.key
        with SampleManager.open(served.url, authkey=key) as manager:
            assert manager.frontier().limit == 500


def test_leaving_the_block_ends_the_connection_only(folder: Path) -> None:
    """The server, and what it holds, stays for the others."""
    with serve_here("unix", folder) as served:
        with served.open() as manager:
            frontier = manager.frontier()
            frontier.push("u")
        with pytest.raises(ConnectionClosed):
            len(frontier)
        with served.open() as again:
            assert len(again.frontier()) == 1


def test_a_socket_that_is_a_link_or_open_to_others_is_refused(folder: Path) -> None:
    """Nobody is let in by a way that others could have laid."""
    with serve_here("unix", folder) as served:
        path = Path(served.here.url.removeprefix("unix://"))
        link = folder / "link.sock"
        link.symlink_to(path)
        with pytest.raises(AddressError, match="is a link"):
            SampleManager.open(link)
        path.chmod(0o660)
        with pytest.raises(AddressError, match=f"mode 660.*chmod 600 {path}"):
            SampleManager.open(path)


def test_connect_reaches_a_server_as_there(folder: Path) -> None:
    """A manager that is made first and connected then is the same."""
    with serve_here("tcp", folder) as served:
        manager = SampleManager(served.here.address, KEY)
        with pytest.raises(ConnectionClosed, match=r"SampleManager\.open\(\), connect\(\)"):
            manager.frontier()
        manager.connect()
        with manager:
            assert manager.frontier().limit == 500
        with pytest.raises(ConnectionClosed):
            manager.frontier().pop()


def test_the_default_is_the_private_socket_of_the_user(folder: Path) -> None:
    """A server and its clients find each other with no address at all."""
    with pytest.raises(NotRunning):
        SampleManager.open()
    server = SampleManager().get_server()
    assert server.address == str(folder / "support.samples.spec.Sample.sock")
    with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
        SampleManager().get_server()
    server.close()
    assert files(folder) == []


def test_the_environment_says_where_and_with_which_key(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`KINFOLK_ADDRESS` and `KINFOLK_AUTHKEY` stand in for what is not given."""
    with serve_here("tcp", folder) as served:
        monkeypatch.setenv("KINFOLK_ADDRESS", served.url)
        with pytest.raises(AuthenticationFailed, match="in KINFOLK_AUTHKEY"):
            SampleManager.open()
        monkeypatch.setenv("KINFOLK_AUTHKEY", KEY)
        with SampleManager.open() as manager:
            assert manager.address == served.here.address
            assert manager.frontier().limit == 500


def test_a_key_in_the_environment_does_not_lock_the_private_socket(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for the addresses that need one."""
    with serve_here("unix", folder) as served:
        monkeypatch.setenv("KINFOLK_AUTHKEY", KEY)
        with served.open() as manager:
            assert manager.frontier().limit == 500


def test_without_a_key_it_takes_that_of_the_process() -> None:
    """As there, over TCP: a process and its children share one."""
    server = SampleManager(("127.0.0.1", 0)).get_server()
    run = Run(server.serve_forever)
    manager = SampleManager(server.address)
    manager.connect()
    with manager, SampleManager.open(server.address) as other:
        assert manager.frontier().limit == other.frontier().limit == 500
    with pytest.raises(AuthenticationFailed, match="does not hold the server's key"):
        SampleManager.open(server.url, authkey=KEY)
    server.stop()
    run.result()


def test_a_key_of_the_process_that_can_be_guessed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one that is given: at either end."""
    monkeypatch.setattr(multiprocessing.current_process(), "authkey", b"short")
    for use in (
        lambda: SampleManager(("127.0.0.1", 0)).get_server(),
        lambda: SampleManager(("127.0.0.1", 0)).start(),
        lambda: SampleManager(serializer="pickle").start(),
        lambda: SampleManager(("127.0.0.1", 1)).connect(),
    ):
        with pytest.raises(ValueError, match=r"current_process\(\).authkey: .*at least 8 bytes"):
            use()


def test_shutdown_of_an_opened_manager_stops_the_server(folder: Path) -> None:
    """`close` would not."""
    with serve("unix", folder) as served:
        manager = served.open()
        manager.shutdown()
        assert served.program.wait() == 0
        with pytest.raises(ConnectionClosed):
            manager.frontier().pop()
    assert files(folder) == []


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_a_server_that_never_serves_leaves_nothing(folder: Path, serializer: str) -> None:
    """As with the standard library, nobody need close it."""
    address = str(folder / "s")
    code = """
import os, sys
from support.samples.manager import SampleManager

server = SampleManager(sys.argv[1], serializer=sys.argv[2]).get_server()
assert os.path.exists(sys.argv[1])
print("done")
"""
    with Program("-c", code, address, serializer) as program:
        program.expect("done")
        assert program.wait() == 0
    assert files(folder) == []


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_after_shutdown_another_server_may_take_the_place(folder: Path, serializer: str) -> None:
    """It returns when the address is free."""
    address = str(folder / "s")
    with ExitStack() as stack:
        for _ in range(10):
            server = SampleManager(address, serializer=serializer).get_server()
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.stop)
            SampleManager.open(address, serializer=serializer).shutdown()


# --- A child process that serves


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_with_starts_a_child_that_serves(folder: Path, method: str) -> None:
    """It ends with the block, and leaves no files."""
    with SampleManager(ctx=multiprocessing.get_context(method)) as manager:
        frontier = manager.frontier()
        assert isinstance(frontier, FrontierProxy)
        assert frontier.push("u")
        assert len(frontier) == 1
        assert len(files(folder)) == 2
    assert files(folder) == []
    with pytest.raises(ConnectionClosed):
        len(frontier)
    assert multiprocessing.active_children() == []


def test_two_of_them_do_not_meet(folder: Path) -> None:
    """Each program that starts a server of its own has one of its own."""
    with SampleManager() as one, SampleManager() as other:
        one.frontier().push("u")
        assert len(other.frontier()) == 0
        assert one.address != other.address


def test_a_child_may_serve_over_tcp() -> None:
    """Port 0 is any that is free, and grandchildren have the key."""
    with SampleManager(("127.0.0.1", 0)) as manager:
        address = manager.address
        assert isinstance(address, tuple)
        assert address[1] > 0
        process = multiprocessing.get_context("fork").Process(target=_push, args=(address,))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert len(manager.frontier()) == 1


def _push(address: tuple[str, int]) -> None:
    manager = SampleManager(address)
    manager.connect()
    manager.frontier().push("from the child")


def test_start_shutdown_and_join_are_as_there(folder: Path) -> None:
    """The three steps of a `with` can be taken one by one."""
    manager = SampleManager()
    manager.start()
    with pytest.raises(AlreadyRunning, match="has started its server already, at unix:") as twice:
        manager.start()
    assert isinstance(twice.value, multiprocessing.ProcessError)
    assert manager.frontier().limit == 500
    manager.shutdown()
    manager.shutdown()
    manager.join()
    assert files(folder) == []


def test_what_could_not_connect_starts_a_server_of_its_own(folder: Path) -> None:
    """At a socket that only it knows, and not at the one where it found nobody."""
    manager = SampleManager()
    with pytest.raises(NotRunning):
        manager.connect()
    with manager, pytest.raises(NotRunning):
        SampleManager.open()


@pytest.mark.parametrize(("seconds", "error"), [("1", TypeError), (-1, ValueError)])
def test_times_are_numbers_of_seconds(seconds: Any, error: type) -> None:
    """What is not is refused where it is given, by its name."""
    with pytest.raises(error, match=r"shutdown_timeout .* a number of seconds"):
        SampleManager(shutdown_timeout=seconds)
    with pytest.raises(error, match=r"timeout .* a number of seconds"):
        SampleManager.open(timeout=seconds)
    with pytest.raises(error, match=r"idle .* a number of seconds"):
        SampleManager.open(start=True, idle=seconds)


def _note(path: str) -> None:
    Path(path).write_text(str(os.getpid()))


def test_the_initializer_runs_in_the_child(tmp_path: Path) -> None:
    """It gets its arguments, before anything is made."""
    manager = SampleManager()
    manager.start(_note, (str(tmp_path / "note"),))
    assert (tmp_path / "note").read_text() != str(os.getpid())
    manager.shutdown()


def _fail() -> None:
    raise LookupError("not today")


class Own(Exception):
    """Cannot be made again of what it was made with."""

    def __init__(self, one: str, two: int) -> None:
        super().__init__(f"{one}, {two} times")


def _fail_in_its_own_way() -> None:
    raise Own("not today", 3)


def _die() -> None:
    os._exit(7)


def test_what_fails_in_the_child_is_raised_here(folder: Path) -> None:
    """With the child's traceback, and nothing left behind."""
    with pytest.raises(LookupError, match="not today") as caught:
        SampleManager().start(_fail)
    assert any("_fail" in note for note in caught.value.__notes__)
    with pytest.raises(RemoteError, match="Own: not today, 3 times") as unknown:
        SampleManager().start(_fail_in_its_own_way)
    assert any("_fail_in_its_own_way" in note for note in unknown.value.__notes__)
    with pytest.raises(ConnectionLost, match="exit code 7"):
        SampleManager().start(_die)
    with pytest.raises(TypeError, match="must be callable"):
        SampleManager().start("not callable")  # type: ignore[arg-type]
    assert files(folder) == []
    assert multiprocessing.active_children() == []


def test_an_address_in_use_is_told_by_the_child(folder: Path) -> None:
    """The error is the one that a server in this process would raise."""
    with (
        serve_here("unix", folder) as served,
        pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"),
    ):
        SampleManager(served.url).start()


OWNER = """
import sys
from support.samples.manager import SampleManager

if __name__ == "__main__":
    manager = SampleManager()
    manager.start()
    print(manager.address, flush=True)
    if sys.argv[1] == "wait":
        sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_the_child_ends_with_its_parent(folder: Path, end: str) -> None:
    """Whether the parent forgot it, or was killed."""
    with Program("-c", OWNER, "wait" if end == "kill" else "leave") as owner:
        address = owner.line()
        if end == "kill":
            owner.process.kill()
        until(lambda: not Path(address).exists())
        until(lambda: files(folder) == [])
        if end == "exit":
            assert owner.wait() == 0


def test_ctrl_c_is_left_to_the_parent() -> None:
    """A server that its program uses in its clean-up is still there then."""
    with SampleManager() as manager:
        child = multiprocessing.active_children()[0].pid
        assert child is not None
        os.kill(child, signal.SIGINT)
        assert manager.frontier().limit == 500


class Starter:
    """Starts processes of its own."""

    def terminated(self) -> list[int | None]:
        """Return what processes end with that are terminated, just begun or at work."""
        codes: list[int | None] = []
        for awaits in (False, True):
            reader, writer = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.get_context("fork").Process(target=_linger, args=(writer,))
            process.start()
            if awaits:
                reader.recv()
            process.terminate()
            process.join(30)
            codes.append(process.exitcode)
            process.kill()
            process.join()
        return codes


def _linger(writer: Any) -> None:
    writer.send("here")
    signal.sigtimedwait([], 600)


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_what_an_object_starts_can_be_terminated(serializer: str) -> None:
    """What stops the server by a signal is not handed down; as in the standard library."""

    class Manager(SampleManager):
        pass

    Manager.register("starter", Starter)
    made: Any = Manager(serializer=serializer, ctx=multiprocessing.get_context("fork"))
    with made as manager:
        assert manager.starter().terminated() == [-signal.SIGTERM] * 2
        child = multiprocessing.active_children()[0]
        child.terminate()
        child.join(30)
        assert child.exitcode == 0


# --- In this process


def test_local_needs_no_server() -> None:
    """The same proxies, with values encoded and checked as ever."""
    with SampleManager.local() as manager:
        frontier: Any = manager.frontier()
        assert frontier.push("u")
        with pytest.raises(ArgumentError, match="argument 'url' must be str, not int"):
            frontier.push(3)
        assert manager.job("here").describe() == "here x3"
        assert manager.address is None
    with pytest.raises(ConnectionClosed):
        frontier.pop()


def test_a_local_manager_starts_nothing() -> None:
    """Its objects are here already."""
    with SampleManager.local() as manager, pytest.raises(NotSupported, match="make another"):
        manager.start()


def test_two_local_managers_share_nothing() -> None:
    """Each test has objects of its own."""
    with SampleManager.local() as one, SampleManager.local() as other:
        one.frontier().push("u")
        assert len(other.frontier()) == 0


# --- What does not fit


def test_a_generated_class_that_lacks_an_entry_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is not made of a spec that has moved on."""
    offer: Any = Sample.__kinfolk_offer__  # type: ignore[attr-defined]
    entries = {name: entry for name, entry in offer.entries.items() if name != "job"}
    monkeypatch.setattr(Sample, "__kinfolk_offer__", type(offer)(offer.name, entries))
    with pytest.raises(SpecMismatch, match=r"run `kinfolk generate support\.samples\.spec`"):
        SampleManager().get_server()


def test_a_network_is_served_only_by_asking() -> None:
    """Where others can read along, the server's maker has to say so."""
    with pytest.raises(AddressError, match="read along"):
        SampleManager(("0.0.0.0", 0), KEY).get_server()
    SampleManager(("0.0.0.0", 0), KEY).get_server(insecure=True).close()


def test_proxies_and_managers_say_what_they_are(folder: Path) -> None:
    """Their text names the class and the address."""
    with serve_here("unix", folder) as served, served.open() as manager:
        assert repr(manager) == f"<SampleManager at {served.url}>"
        assert served.url in repr(manager.frontier())
    assert "no address yet" in repr(SampleManager())


def test_the_sample_of_these_tests_is_generated_from_its_spec() -> None:
    """If not, run `kinfolk generate support.samples.spec --stubs tests` in this repository."""
    assert type_of(SampleManager).table.fingerprint == fingerprint(read("support.samples.spec"))


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_a_connected_manager_stays_in_its_process(serializer: str) -> None:
    """What is to be done instead is said, where a child of `spawn` is given one."""
    with SampleManager(serializer=serializer) as manager:
        spawn = multiprocessing.get_context("spawn")
        with pytest.raises(NotSupported, match="pass proxies on, or open it there"):
            spawn.Process(target=print, args=(manager,)).start()
