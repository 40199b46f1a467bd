"""Clients that have the standard library only, at a server of ours."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from multiprocessing.managers import BaseManager, RemoteError
from pathlib import Path
from typing import Any

import pytest
from support.pickling import (
    AcquirerProxy,
    IteratorProxy,
    Pickled,
    plain_program,
    serve_program,
    serve_samples,
)
from support.programs import Program
from support.samples.spec import Page
from support.threads import Run, run_all, until

LOGIN = """
import sys
from multiprocessing.managers import AcquirerProxy, BaseManager

class LoginManager(BaseManager):
    pass

LoginManager.register("dict")
LoginManager.register("open_qq_login_lock", proxytype=AcquirerProxy)

with open(sys.argv[1].replace(".sock", ".key"), "rb") as file:
    manager = LoginManager(address=sys.argv[1], authkey=file.read())
manager.connect()
cookies, lock = manager.dict(), manager.open_qq_login_lock()
for line in sys.stdin:
    name, *words = line.split()
    if name == "with":
        with lock:
            cookies[words[0]] = words[1]
            print(cookies.get(words[0]), flush=True)
    elif name == "fork":
        import os
        print("parent" if os.fork() else "child", flush=True)
    elif name == "acquire":
        print("acquiring", flush=True)
        print(lock.acquire(*map(int, words)), flush=True)
    else:
        print(getattr(cookies, name)(*words), flush=True)
assert "kinfolk" not in sys.modules
"""


@pytest.fixture
def login(folder: Path) -> Iterator[str]:
    """Serve the login example by its command, and return the socket."""
    with serve_program("kinfolk.examples.login.spec", folder) as server:
        yield server.line().partition("unix://")[2]


def client(address: str) -> Program:
    """Start a program without Kinfolk that does what it is told."""
    return plain_program(LOGIN, address)


def ask(program: Program, line: str) -> str:
    """Tell it a line, and return the next that it prints."""
    program.tell(line)
    return program.line()


# --- The login example


def test_both_objects_of_the_login_example_can_be_used(login: str) -> None:
    """Nothing of Kinfolk is installed for the client."""
    with client(login) as one, client(login) as other:
        assert ask(one, "set qq cookie") == "None"
        assert ask(other, "get qq") == "cookie"
        assert ask(other, "with qq another") == "another"
        assert ask(one, "items") == "{'qq': 'another'}"
        assert ask(one, "acquire") == "acquiring"
        one.expect("True")
        assert ask(other, "acquire 0") == "acquiring"
        other.expect("False")


def test_a_killed_holder_frees_its_lock(login: str) -> None:
    """Those who wait get it in their order, also if a forked child of the holder lives on."""
    with client(login) as holder, client(login) as waiter:
        assert ask(holder, "acquire") == "acquiring"
        holder.expect("True")
        assert {ask(holder, "fork"), holder.line()} == {"parent", "child"}
        assert ask(waiter, "acquire") == "acquiring"
        # Its output goes on with the child, so the end of that is not waited for.
        holder.signal(signal.SIGKILL)
        waiter.expect("True")


def test_a_killed_waiter_does_not_get_the_lock(login: str) -> None:
    """It goes to the one behind it."""
    with client(login) as holder, client(login) as doomed, client(login) as waiter:
        assert ask(holder, "acquire") == "acquiring"
        holder.expect("True")
        assert ask(doomed, "acquire") == "acquiring"
        doomed.kill()
        assert ask(waiter, "acquire") == "acquiring"
        holder.kill()
        waiter.expect("True")


def test_a_thread_that_ends_frees_what_it_holds(served: Pickled) -> None:
    """Each thread has a connection of its own, and nobody inherits its lock."""
    manager = served.plain(lock=AcquirerProxy)
    lock = manager.lock()
    run_all(lock.acquire)
    assert Run(lock.acquire).result() is True


def test_a_lock_belongs_to_one_thread(served: Pickled) -> None:
    """Another thread of the same process waits for it."""
    lock = served.plain(lock=AcquirerProxy).lock()
    with lock:
        assert lock.acquire(False)
        assert Run(lambda: lock.acquire(False)).result() is False
        lock.release()


# --- Members


def test_operators_and_properties_are_methods_of_auto_proxies(served: Pickled) -> None:
    """What the standard library's server leaves out is exposed by the spec."""
    frontier = served.plain("frontier").frontier()
    assert frontier.push("u", priority=2) is True
    assert len(frontier) == 1
    assert frontier.limit() == 500
    frontier.set_limit(7)
    assert frontier.limit() == 7
    assert frontier.pop() == Page("u", 2)


@pytest.mark.parametrize("name", ["forget", "_secret", "_pages", "__class__", "__reduce__", "x="])
def test_only_what_the_spec_exposes_is_served(served: Pickled, name: str) -> None:
    """Whatever the proxy calls for."""
    frontier = served.plain("frontier").frontier()
    with pytest.raises(AttributeError, match=r"has no member .* that the spec exposes"):
        frontier._callmethod(name)
    with pytest.raises(AttributeError, match="has no member"):
        frontier._callmethod("__getattribute__", (name,))
    assert len(frontier) == 0


def test_text_and_copies_are_those_of_the_object(served: Pickled) -> None:
    """As every proxy of the standard library's has them."""
    manager = served.plain("frontier", "lock")
    frontier = manager.frontier()
    frontier.push("u")
    assert str(frontier) == "Frontier(limit=500, _pages={'u': Page(url='u', status=0)})"
    assert repr(frontier).startswith("<AutoProxy[frontier] object")
    copy = frontier._getvalue()
    copy.push("v")
    assert (len(copy), len(frontier)) == (2, 1)
    with pytest.raises(RemoteError, match="TypeError: cannot pickle"):
        manager.lock()._getvalue()


def test_iterators_stay_at_the_server(served: Pickled) -> None:
    """One item travels with each request, and the generator ends with the proxy."""
    manager = served.plain("frontier", Iterator=IteratorProxy)
    frontier = manager.frontier()
    for url in "abc":
        frontier.push(url)
    items = iter(frontier)
    assert next(items).url == "a"
    assert served.objects == 1
    del items
    until(lambda: served.objects == 0)
    # Its end is an exception, in which some versions of Python keep the proxy for a while.
    assert [page.url for page in frontier] == ["a", "b", "c"]


def test_calls_take_turns(served: Pickled) -> None:
    """Adding from several threads loses nothing, though it takes two steps."""
    frontier = served.plain("frontier").frontier()

    def push(prefix: str) -> None:
        for number in range(50):
            assert frontier.push(f"{prefix}{number}")

    run_all(*(lambda prefix=prefix: push(prefix) for prefix in "abcd"))
    assert len(frontier) == 200


# --- Objects


def test_objects_of_factories_are_counted(served: Pickled) -> None:
    """Each is there for as long as it has a proxy."""
    manager = served.plain("job")
    one, other = manager.job("one"), manager.job("other", retries=1)
    assert (one.describe(), other.describe()) == ("one x3", "other x1")
    assert served.objects == 2
    del one
    until(lambda: served.objects == 1)
    assert other.describe() == "other x1"


JOB = """
import sys
from multiprocessing.managers import BaseManager
BaseManager.register("job")
manager = BaseManager(address=sys.argv[1], authkey=sys.argv[2].encode())
manager.connect()
job = manager.job("mine")
print("made", flush=True)
sys.stdin.read()
"""


def test_objects_of_a_killed_process_are_let_go(folder: Path, served: Pickled) -> None:
    """Over a Unix socket the kernel tells whose they are, though no connection of it is left."""
    if not isinstance(served.server.address, str):
        pytest.skip("over TCP nobody can tell")
    with plain_program(JOB, served.server.address, served.key.decode()) as program:
        program.expect("made")
        assert served.objects == 1
        program.signal(signal.SIGKILL)
        until(lambda: served.objects == 0)


def test_proxies_travel_as_the_very_object(served: Pickled) -> None:
    """An argument is the object itself, and comes back as a proxy."""
    manager = served.plain("frontier", "trouble")
    frontier, trouble = manager.frontier(), manager.trouble()
    same = trouble.anything(frontier)
    same.push("u")
    assert len(frontier) == 1
    # Within a container the standard library's proxies take the key of this process.
    process: Any = __import__("multiprocessing").current_process()
    before, process.authkey = process.authkey, served.key
    try:
        (inner,) = trouble.anything([frontier])
        inner.push("v")
    finally:
        process.authkey = before
    assert len(frontier) == 2


def test_proxies_of_another_server_are_refused(folder: Path, served: Pickled) -> None:
    """Their objects are not here."""
    trouble = served.plain("trouble").trouble()
    cls: Any = type("Other", (BaseManager,), {})
    cls.register("stranger", callable=dict)
    with cls(ctx=None) as other, pytest.raises(TypeError, match="proxy of 'stranger' at"):
        trouble.anything(other.stranger())


OURS = """
import sys
from support.samples.manager import SampleManager

manager = SampleManager.open(sys.argv[1], authkey=sys.argv[2], serializer="pickle")
jobs, lock = [manager.job("a"), manager.job("b")], manager.lock()
lock.acquire()
print("holding", flush=True)
sys.stdin.read()
"""

PLAIN = """
import sys
from multiprocessing.managers import AcquirerProxy, BaseManager

BaseManager.register("job")
BaseManager.register("lock", proxytype=AcquirerProxy)
manager = BaseManager(sys.argv[1], sys.argv[2].encode())
manager.connect()
jobs, lock = [manager.job("a"), manager.job("b")], manager.lock()
lock.acquire()
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("code", [OURS, PLAIN], ids=["ours", "plain"])
def test_a_killed_client_leaves_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    """Whoever wrote it; and the log has counted what it had."""
    caplog.set_level(logging.INFO)
    with serve_samples("unix", folder) as served, served.open() as manager:
        with Program("-c", code, str(served.server.address), served.key.decode()) as victim:
            victim.expect("holding")
            assert served.objects == 2
            victim.kill()
        assert manager.lock().acquire()
        until(lambda: served.objects == 0)
    who = f"process {victim.pid}"
    user = f"{who} of user {os.geteuid()}"
    assert f"{user} left; freed: locks and the like: 1" in caplog.messages
    assert f"{who} ended; freed: objects: 2" in caplog.messages


# --- What is refused


def test_a_wrong_key_is_refused_in_a_word(served: Pickled) -> None:
    """The stranger sees no traceback of the server's, and nothing is unpickled before."""
    cls: Any = type("Stranger", (BaseManager,), {})
    with pytest.raises(AuthenticationError, match="digest"):
        cls(address=served.server.address, authkey=b"another key").connect()
    assert served.plain("frontier").frontier().push("u")


def test_what_is_not_offered_is_refused(served: Pickled) -> None:
    """By name, for the entries of a manager and for the requests that a server knows."""
    manager = served.plain("nothing")
    with pytest.raises(ReferenceError, match="has no entry 'nothing'"):
        manager.nothing()
    with pytest.raises(TypeError, match=r"Sample\.frontier takes no arguments"):
        served.plain("frontier").frontier(3)
    with pytest.raises(TypeError, match="required positional argument"):
        served.plain("job").job()


def test_exceptions_arrive_as_their_own(served: Pickled) -> None:
    """With the server's traceback as a note; what cannot be pickled as a text."""
    trouble = served.plain("trouble").trouble()
    with pytest.raises(ValueError, match="not today") as caught:
        trouble.refuse("not today")
    (note,) = caught.value.__notes__
    assert note.startswith("At the server:\n\nTraceback")
    assert "in refuse" in note
    assert "kinfolk/" not in note
    with pytest.raises(RemoteError, match="Odd: odd"):
        trouble.puzzle()
    with pytest.raises(TypeError, match="positional argument"):
        trouble.refuse()


def test_a_client_that_vanishes_in_a_handshake_harms_nobody(served: Pickled) -> None:
    """Nor does one that sends what is no answer."""
    frontier = served.plain("frontier").frontier()
    assert frontier.push("u")  # what runs for everybody has started
    threads = threading.active_count()
    for data in (b"", b"\0\0", b"\0\0\0\3abc", b"\xff" * 300, b"GET / HTTP/1.0\r\n\r\n"):
        family = socket.AF_UNIX if isinstance(served.server.address, str) else socket.AF_INET
        with socket.socket(family) as sock:
            address: Any = served.server.address
            sock.connect(address)
            sock.sendall(data)
    assert frontier.push("v")
    until(lambda: threading.active_count() <= threads)
