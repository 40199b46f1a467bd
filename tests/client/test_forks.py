"""Proxies in other processes: inherited by a fork, or pickled."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import pytest
from support.arena.manager import ArenaManager
from support.arena.serving import KEY, Served, serve_arena
from support.forks import in_child
from support.keeping import kept_up
from support.programs import Program
from support.threads import until

from kinfolk import KinfolkError
from kinfolk.errors import AuthenticationFailed, NotSupported, ObjectGone

# Forking with threads about is what these tests are for.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

DAEMON = """
import os, sys
from support.arena.serving import open_arena

manager = open_arena(sys.argv[1], sys.argv[2])
tool = manager.tool("inherited")
if os.fork():
    os._exit(0)
sys.stdin.readline()  # the parent is gone by now
print(tool.name(), manager.ledger().note(1), flush=True)
"""

UNPICKLER = """
import pickle, sys
from pathlib import Path

proxy = pickle.loads(Path(sys.argv[1]).read_bytes())
print(proxy.name(), flush=True)
sys.stdin.readline()
print(pickle.loads(pickle.dumps(proxy)) == proxy, flush=True)
del proxy
sys.stdin.readline()
"""

SPAWNER = """
import os, sys
from support.arena.serving import open_arena

manager = open_arena(sys.argv[1], sys.argv[2])
tool = manager.tool("parent's")
code = "import sys; sys.stdin.read()"
child = os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ)
print(tool.name(), child, flush=True)
sys.stdin.readline()
"""


# --- Forks


def test_a_child_uses_what_its_parent_let_go(client: ArenaManager, other: ArenaManager) -> None:
    """The object is kept for the child, though the parent's proxy dies before the first use."""
    tool = client.tool("inherited")
    go, ready = os.pipe()

    child = os.fork()
    if child == 0:
        try:
            os.read(go, 1)
            os._exit(0 if tool.name() == "inherited" else 1)
        finally:
            os._exit(2)
    del tool
    kept_up()
    assert other.census().closed() == []
    os.write(ready, b"!")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    until(lambda: other.census().closed() == ["inherited"])
    os.close(go)
    os.close(ready)


def test_a_daemon_outlives_its_parent(arena: Served) -> None:
    """A double fork, as daemons do it, takes the proxies along."""
    with Program("-c", DAEMON, arena.url, arena.key) as daemon:
        assert daemon.process.wait(20) == 0
        daemon.tell("go")
        daemon.expect("inherited 1")


def test_a_lock_of_the_parent_is_not_the_childs(client: ArenaManager) -> None:
    """The child is another session: it neither has the lock nor can release it."""
    lock = client.lock()
    lock.acquire()

    def act() -> None:
        assert not lock.acquire(blocking=False)
        with pytest.raises(RuntimeError):
            lock.release()

    assert in_child(act) == 0
    assert lock.acquire(blocking=False)


def test_a_childs_end_takes_nothing_from_the_parent(client: ArenaManager) -> None:
    """Also where it called, made objects and died in the middle."""
    tool = client.tool("shared")

    def act() -> None:
        client.tool("the child's own").befriend(tool)
        assert client.lock().acquire(blocking=False)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(act) == -signal.SIGKILL
    assert tool.name() == "shared"
    assert client.lock().acquire(timeout=10)
    until(lambda: client.census().alive() == 1)


def test_what_a_child_does_not_claim_is_let_go(short: Path) -> None:
    """After a while, which the server sets."""
    with serve_arena("unix", short, lent=0.2) as arena, arena.open() as client:
        tool = client.tool("unclaimed")
        assert in_child(lambda: None) == 0
        del tool
        until(lambda: client.census().alive() == 0)


def test_a_spawned_program_inherits_nothing(arena: Served, other: ArenaManager) -> None:
    """Its parent's end is seen, though it lives on."""
    with Program("-c", SPAWNER, arena.url, arena.key) as parent:
        name, child = parent.line().rsplit(" ", 1)
        assert name == "parent's"
        parent.process.kill()
        until(lambda: other.census().alive() == 0)
        os.kill(int(child), signal.SIGKILL)  # it holds the pipes of its parent


# --- Pickles


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_take_proxies(arena: Served, kind: str) -> None:
    """By each way of starting them, with a key or without; the lock stays the parent's."""
    with arena.client("children", kind) as program:
        program.expect("('borrowed', False, 7)")
        assert program.wait() == 0, program.errors


def test_a_pickle_keeps_the_object_until_it_is_read(
    arena: Served, client: ArenaManager, other: ArenaManager, tmp_path: Path
) -> None:
    """In a process that was started by anybody; and then as long as that one refers to it."""
    file = tmp_path / "pickle"
    data = pickle.dumps(client.tool("pickled"))
    assert KEY.encode() not in data
    file.write_bytes(data)
    client.close()
    with Program("-c", UNPICKLER, str(file), KINFOLK_AUTHKEY=KEY) as program:
        program.expect("pickled")
        program.tell("go on")
        program.expect("True")
        until(lambda: other.census().alive() == 0)
        program.tell("end")
        assert program.wait() == 0, program.errors


def test_a_pickle_that_nobody_reads_keeps_nothing(short: Path) -> None:
    """After a while; whoever comes later is told that the object is gone."""
    with serve_arena("unix", short, lent=0.2) as arena, arena.open() as client:
        data = pickle.dumps(client.tool("forgotten"))
        until(lambda: client.census().closed() == ["forgotten"])
        with pytest.raises(ObjectGone):
            pickle.loads(data)


def test_a_proxy_of_a_singleton_pickles_by_its_name(client: ArenaManager) -> None:
    """It comes back to the same channel in the same process."""
    ledger = client.ledger()
    again = pickle.loads(pickle.dumps(ledger))
    assert again == ledger
    assert again.note(1) == 1


def test_without_the_key_a_pickle_is_of_no_use(
    arena: Served, client: ArenaManager, tmp_path: Path
) -> None:
    """The address alone lets nobody in, where there is a key."""
    if not arena.key:
        return
    file = tmp_path / "pickle"
    file.write_bytes(pickle.dumps(client.tool("pickled")))
    with Program("-c", UNPICKLER, str(file)) as program:
        assert program.wait() == 1
        assert AuthenticationFailed.__name__ in program.errors


def test_objects_in_this_process_do_not_pickle() -> None:
    """No other process reaches them; the error says what to do."""
    with ArenaManager.local() as manager:
        for proxy in (manager.ledger(), manager.tool("local")):
            with pytest.raises(NotSupported, match="serve the manager") as caught:
                pickle.dumps(proxy)
            assert isinstance(caught.value, KinfolkError)
