"""Typed proxies at a server that has the standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pickling import plain_program
from support.programs import Program
from support.samples.manager import SampleManager
from support.threads import Run

from kinfolk.addresses import UnixAddress
from kinfolk.errors import NotSupported, ObjectGone
from kinfolk.examples.login.manager import LoginManager
from kinfolk.pickles.observer import PickleObserver

KEY = "a key for tests only"

SERVER = """
import sys, threading
from multiprocessing.managers import AcquirerProxy, BaseManager

class Cookies:
    def __init__(self):
        self._items = {}
    def get(self, key):
        return self._items.get(key)
    def set(self, key, value):
        self._items[key] = value
    def fail(self):
        raise KeyError("no")

cookies, lock = Cookies(), threading.RLock()

class LoginManager(BaseManager):
    pass

LoginManager.register("dict", callable=lambda: cookies)
LoginManager.register("open_qq_login_lock", callable=lambda: lock, proxytype=AcquirerProxy)
server = LoginManager(sys.argv[1], authkey=sys.argv[2].encode()).get_server()
print(server.address, flush=True)
assert "kinfolk" not in sys.modules
server.serve_forever()
"""


@pytest.fixture
def plain(folder: Path) -> Iterator[Program]:
    """Serve the names of the login example by the standard library alone."""
    with plain_program(SERVER, str(folder / "plain"), KEY) as server:
        server.expect(str(folder / "plain"))
        yield server


@pytest.fixture
def manager(plain: Program, folder: Path) -> Iterator[LoginManager]:
    """Reach it as a typed manager."""
    with LoginManager.open(str(folder / "plain"), authkey=KEY, serializer="pickle") as found:
        yield found


def test_methods_are_called_by_their_names(manager: LoginManager) -> None:
    """Every proxy leads to the one object."""
    cookies = manager.dict()
    cookies.set("qq", "cookie")
    assert manager.dict().get("qq") == "cookie"
    assert "Cookies object" in str(cookies)


def test_a_lock_is_that_of_its_thread(manager: LoginManager) -> None:
    """A block acquires and releases it."""
    lock = manager.open_qq_login_lock()
    with lock:
        assert lock.acquire(False)
        lock.release()


def test_what_it_does_not_have_is_refused(manager: LoginManager) -> None:
    """By the server, which knows nothing of the spec."""
    with pytest.raises(NotSupported, match=r"DictItem\.items: .* does not expose it"):
        _ = manager.dict().items
    assert Run(lambda: manager.dict().get("none")).result() is None


def test_an_entry_that_it_does_not_register(manager: LoginManager, folder: Path) -> None:
    """It is told as Kinfolk's own server tells it, for singletons, factories and by hand."""
    del manager
    plain, no_entry = str(folder / "plain"), r"has no entry '%s': register it there"
    with SampleManager.open(plain, authkey=KEY, serializer="pickle") as other:
        with pytest.raises(ObjectGone, match=no_entry % "frontier"):
            other.frontier()
        with pytest.raises(ObjectGone, match=no_entry % "job"):
            other.job("one")


def test_it_tells_commands_nothing(plain: Program, folder: Path) -> None:
    """It has no reports, and ends when it is told to."""
    with PickleObserver(UnixAddress(str(folder / "plain")), key=KEY.encode()) as observer:
        with pytest.raises(NotSupported, match="a server of the standard library"):
            observer.report()
        observer.stop()
        assert observer.wait()
    assert plain.wait() == 0


def test_shutdown_stops_it(plain: Program, manager: LoginManager) -> None:
    """As one of ours."""
    manager.shutdown()
    assert plain.wait() == 0
