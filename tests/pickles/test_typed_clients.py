"""Typed proxies over the standard library's wire, at a server of ours."""

from __future__ import annotations

import copy
import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest
from support.pickling import Pickled, serve_program, serve_samples
from support.programs import Program
from support.samples.manager import SampleManager
from support.samples.spec import Page
from support.threads import Run, run_all, until

import kinfolk
from kinfolk.errors import (
    ArgumentError,
    ConnectionClosed,
    ConnectionLost,
    NoSuchMember,
    NotRunning,
    NotSupported,
    RemoteError,
)
from kinfolk.examples.login.manager import LoginManager

CLIENT = """
import sys
from kinfolk.examples.login.manager import LoginManager

with LoginManager.open(serializer="pickle") as manager:
    cookies, lock = manager.dict(), manager.open_qq_login_lock()
    for line in sys.stdin:
        name, *words = line.split()
        if name == "add":
            for _ in range(int(words[1])):
                with lock:
                    cookies.set(words[0], str(int(cookies.get(words[0]) or 0) + 1))
            print("added", flush=True)
        elif name == "acquire":
            print("acquiring", flush=True)
            print(lock.acquire(), flush=True)
        else:
            print(getattr(cookies, name)(*words), flush=True)
"""


def client(folder: Path) -> Program:
    """Start a program that uses the login example by pickle."""
    return Program("-c", CLIENT, KINFOLK_DIR=str(folder), KINFOLK_ADDRESS="", KINFOLK_AUTHKEY="")


# --- Members


def test_members_are_those_of_the_spec(served: Pickled) -> None:
    """Methods, properties, operators and streams."""
    with served.open() as manager:
        frontier = manager.frontier()
        assert frontier.push("u", priority=2)
        assert not frontier.push("u")
        assert len(frontier) == 1
        assert (frontier.limit, list(frontier)) == (500, [Page("u", 2)])
        frontier.limit = 7
        assert frontier.limit == 7
        assert frontier.pop() == Page("u", 2)


def test_any_value_travels(served: Pickled) -> None:
    """Also what no spec could declare."""
    with served.open() as manager:
        trouble = manager.trouble()
        for value in (complex(1, 2), {1, "a", None}, {(1, 2): [range(3)]}, slice(1, 2), len):
            assert trouble.anything(value) == value
        with pytest.raises(ArgumentError, match=r"anything: an argument cannot be pickled"):
            trouble.anything(lambda: None)


def test_a_wrong_argument_is_the_objects_own_affair(served: Pickled) -> None:
    """Nothing is checked against what is declared, as with the standard library."""
    with served.open() as manager:
        wrong: Any = 3
        assert manager.frontier().push(wrong)


def test_exceptions_arrive_as_themselves(served: Pickled) -> None:
    """Those that can be pickled; others as what tells of them."""
    with served.open() as manager:
        trouble = manager.trouble()
        with pytest.raises(ValueError, match="not today") as caught:
            trouble.refuse("not today")
        assert "At the server" in caught.value.__notes__[0]
        with pytest.raises(RemoteError) as puzzled:
            trouble.puzzle()
        assert "Odd" in str(puzzled.value)


def test_proxies_look_as_there(served: Pickled) -> None:
    """`str` is the object's, `_getvalue` a copy, and `_callmethod` calls by name."""
    with served.open() as manager:
        frontier: Any = manager.frontier()
        frontier.push("u")
        assert repr(frontier) == f"<FrontierProxy of 'frontier' at {served.server.url}>"
        assert str(frontier) == "Frontier(limit=500, _pages={'u': Page(url='u', status=0)})"
        found = frontier._getvalue()
        found.push("v")
        assert (len(found), len(frontier)) == (2, 1)
        assert frontier._callmethod("push", ("w",), {"priority": 1}) is True
        for name in ("__class__", "__init__", "_call", "no such thing"):
            with pytest.raises(NoSuchMember, match=f"Frontier has no member '{name}' that the sp"):
                frontier._callmethod(name)


def test_proxies_are_not_copied_deeply(served: Pickled) -> None:
    """As over the other serializer: a copy of the object is asked for by name."""
    with served.open() as manager, pytest.raises(NotSupported, match="use the proxy itself"):
        copy.deepcopy(manager.frontier())


def test_deadlines_are_not_there(served: Pickled) -> None:
    """They are refused before anything is sent."""
    with served.open() as manager:
        frontier = manager.frontier()
        with kinfolk.deadline(5), pytest.raises(NotSupported, match="knows no deadlines"):
            frontier.push("u")
        assert len(frontier) == 0


# --- Streams


def test_streams_end_with_their_iterator(served: Pickled) -> None:
    """Half-used, closed, or used up."""
    with served.open() as manager:
        frontier = manager.frontier()
        for url in "abc":
            frontier.push(url)
        items = iter(frontier)
        assert next(items).url == "a"
        assert served.objects == 1
        del items
        until(lambda: served.objects == 0)
        assert [page.url for page in frontier] == ["a", "b", "c"]
        until(lambda: served.objects == 0)


# --- Objects


def test_objects_are_let_go_with_their_last_proxy(served: Pickled) -> None:
    """Or when the manager is closed."""
    manager = served.open()
    one, other = manager.job("one"), manager.job("other", retries=1)
    assert (one.describe(), other.describe()) == ("one x3", "other x1")
    assert served.objects == 2
    del one
    until(lambda: served.objects == 1)
    manager.close()
    until(lambda: served.objects == 0)
    with pytest.raises(ConnectionClosed):
        other.describe()


def test_proxies_are_arguments_and_results(served: Pickled) -> None:
    """The server gets the very object, and gives out a proxy of it."""
    with served.open() as manager:
        frontier, job = manager.frontier(), manager.job("mine")
        same = manager.trouble().anything([frontier, job])
        same[0].push("u")
        assert len(frontier) == 1
        assert same[1].describe() == "mine x3"
        del job, same
        until(lambda: served.objects == 0)


def describe(job: Any, results: Any) -> None:
    """Tell what a job is, in a child process."""
    results.put(job.describe())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_refers_to_objects_for_itself(folder: Path, method: str) -> None:
    """Its end takes nothing from its parent, over TCP too, where all are one client."""
    with serve_samples("tcp", folder) as served, served.open() as manager:
        context: Any = multiprocessing.get_context(method)
        results = context.Queue()
        job, other = manager.job("mine"), manager.job("other")
        child = context.Process(target=describe, args=(job, results))
        child.start()
        assert results.get(timeout=60) == "mine x3"
        child.join()
        assert child.exitcode == 0
        assert (job.describe(), other.describe()) == ("mine x3", "other x3")


# --- Turns and locks


def test_processes_take_turns(folder: Path) -> None:
    """Nothing that they add is lost."""
    with serve_program("kinfolk.examples.login.spec", folder) as server:
        server.line()
        with client(folder) as one, client(folder) as two, client(folder) as three:
            for each in (one, two, three):
                each.tell("add hits 40")
            for each in (one, two, three):
                each.expect("added")
            one.tell("get hits")
            one.expect("120")


def test_the_lock_of_a_killed_process_is_free(folder: Path) -> None:
    """Whoever waits has it at once."""
    with serve_program("kinfolk.examples.login.spec", folder) as server:
        server.line()
        with client(folder) as holder, client(folder) as waiter:
            holder.tell("acquire")
            holder.expect("acquiring")
            holder.expect("True")
            waiter.tell("acquire")
            waiter.expect("acquiring")
            holder.signal(signal.SIGKILL)
            waiter.expect("True")


def test_a_block_is_left_whatever_was_raised(folder: Path) -> None:
    """Also what cannot be pickled."""
    with serve_program("kinfolk.examples.login.spec", folder) as server:
        server.line()
        with LoginManager.open(serializer="pickle") as manager:
            lock = manager.open_qq_login_lock()

            class Local(Exception):
                """Found in no module."""

            with pytest.raises(Local), lock:
                raise Local(lambda: None)
            assert Run(lambda: lock.acquire(blocking=False)).result() is True


# --- The server


def test_a_server_that_was_restarted_is_reached_again(folder: Path) -> None:
    """The call that finds the connection lost says so, and the next one connects."""
    spec = "kinfolk.examples.login.spec"
    with serve_program(spec, folder) as first:
        first.line()
        manager = LoginManager.open(serializer="pickle")
        cookies = manager.dict()
        cookies.set("qq", "old")
        first.kill()
    with pytest.raises(ConnectionLost) as lost:
        cookies.get("qq")
    assert lost.value.executed == "no"
    waiting = Run(lambda: cookies.get("qq"))
    with serve_program(spec, folder) as second:
        assert waiting.result() is None
        cookies.set("qq", "new")
        manager.close()
        with LoginManager.open(serializer="pickle") as another:
            assert another.dict().get("qq") == "new"
            another.shutdown()
        assert second.wait() == 0


def test_a_server_that_stays_away_is_not_waited_for_longer_than_that(folder: Path) -> None:
    """As long as connecting may take, and closing ends it."""
    spec = "kinfolk.examples.login.spec"
    with serve_program(spec, folder) as server:
        server.line()
        manager = LoginManager.open(serializer="pickle", timeout=0.5)
        patient = LoginManager.open(serializer="pickle")
        for each in manager, patient:
            assert each.dict().get("qq") is None
        server.kill()
    for each in manager, patient:
        with pytest.raises(ConnectionLost):
            each.dict().get("qq")
    waiting = Run(lambda: patient.dict().get("qq"))
    with pytest.raises(NotRunning, match=f"kinfolk serve {spec} --serializer pickle"):
        manager.dict().get("qq")
    patient.close()
    with pytest.raises(ConnectionClosed):
        waiting.result()


def test_a_server_is_not_started_on_demand(folder: Path) -> None:
    """It says how to start one."""
    with pytest.raises(NotSupported, match=r"run `kinfolk serve .*login\.spec --serializer pickle"):
        LoginManager.open(start=True, serializer="pickle")
    assert list(folder.iterdir()) == []


def test_leaving_a_connected_manager_closes_the_connection(served: Pickled) -> None:
    """The server goes on, for whoever else is there."""
    manager = served.manager(served.server.address, served.key, serializer="pickle")
    manager.connect()
    with manager as same:
        assert same is manager
        frontier = manager.frontier()
        frontier.push("u")
    with pytest.raises(ConnectionClosed):
        frontier.push("v")
    with served.open() as again:
        assert len(again.frontier()) == 1


def test_without_a_key_tcp_has_that_of_the_process(folder: Path) -> None:
    """As in the standard library, for those whom this process starts."""
    with SampleManager(("127.0.0.1", 0), serializer="pickle") as manager:
        other = SampleManager(manager.address, serializer="pickle")
        other.connect()
        assert other.frontier().push("u")
        assert len(manager.frontier()) == 1
        other.close()


def test_threads_share_a_manager(served: Pickled) -> None:
    """Each has a connection of its own."""
    with served.open() as manager:
        frontier = manager.frontier()
        run_all(*(lambda name=name: push(frontier, name) for name in "abcd"))
        assert len(frontier) == 100


def push(frontier: Any, name: str) -> None:
    """Push several URLs."""
    for number in range(25):
        assert frontier.push(f"{name}{number}")
