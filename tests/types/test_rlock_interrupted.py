"""A lock whose waiter is interrupted at the very moment in which it is granted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest
from support.deep import call_too_deep
from support.folders import short_folder
from support.programs import PATIENCE, Program, stat_of
from support.threads import until

from kinfolk.examples.login.manager import LoginManager
from kinfolk.server.server import Server
from kinfolk.unsettled import SHORT_MOMENT
from kinfolk.wire.frames import DEFAULT_LIMIT

KEY = "a key for tests"

WAITER = """
import sys
from kinfolk.examples.login.manager import LoginManager

manager = LoginManager.open(sys.argv[1], authkey=sys.argv[2])
lock = manager.open_qq_login_lock()
try:
    lock.acquire()
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(manager.dict().get("answer"), flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["unix", "tcp"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Serve the login in this process."""
    with short_folder() as folder:
        address = str(folder / "s") if request.param == "unix" else ("127.0.0.1", 0)
        server = LoginManager(address, authkey=KEY).get_server()
        assert isinstance(server, Server)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.stop()
        thread.join()


def test_a_grant_that_crossed_the_interruption_is_undone(server: Server) -> None:
    """Whoever was interrupted does not hold the lock, though the grant was on its way."""
    with LoginManager.open(server.url, authkey=KEY) as manager:
        lock = manager.open_qq_login_lock()
        manager.dict()["answer"] = "its own"
        lock.acquire()
        with Program("-c", WAITER, server.url, KEY) as waiter:
            until(lambda: any(session.waiting for session in server._host.sessions))
            waiter.signal(signal.SIGSTOP)
            until(lambda: stat_of(waiter.pid)[0] == "T")
            lock.release()  # and so granted to the waiter, who cannot know it yet
            assert not lock.acquire(blocking=False)
            waiter.signal(signal.SIGINT)
            waiter.signal(signal.SIGCONT)
            waiter.expect("interrupted")
            waiter.expect("its own")
            assert lock.acquire(timeout=PATIENCE)


def test_it_is_given_back_though_there_is_no_room_for_the_call(server: Server) -> None:
    """Where a block ends since the program calls itself too deep, the keeper does it."""
    with LoginManager.open(server.url, authkey=KEY) as manager:
        lock = manager.open_qq_login_lock()
        for left in range(5, 60):
            call_too_deep(lock, left)
            until(lambda: not lock.locked())


@pytest.mark.parametrize("moment", [1, 2])
def test_it_is_given_back_though_its_exception_is_too_long(server: Server, moment: int) -> None:
    """Ctrl-C may come while the exception is encoded, and while its text is made shorter.

    To make it shorter takes longer here than there is time for at once.
    """

    class Own(Exception):
        def __str__(self) -> str:
            asked.append(None)
            if len(asked) == moment:
                raise KeyboardInterrupt
            time.sleep(2 * SHORT_MOMENT)
            return "x" * (DEFAULT_LIMIT + 1)

    asked: list[None] = []
    with LoginManager.open(server.url, authkey=KEY) as manager:
        lock = manager.open_qq_login_lock()
        with pytest.raises(KeyboardInterrupt), lock:
            raise Own
        until(lambda: not lock.locked())
