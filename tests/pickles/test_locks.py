"""Whose locks are, over the standard library's wire, which says little of who calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import pytest
from support.pickling import AcquirerProxy, serve_manager
from support.serving import KEY
from support.sharing.manager import SharingManager
from support.threads import Run

from kinfolk.pickles.server import PickleServer


@pytest.fixture(params=["unix", "tcp"])
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[PickleServer]:
    """Serve everything that waits in a thread of this process."""
    with serve_manager(request.param, folder, SharingManager, KEY) as server:
        yield server


@pytest.fixture
def sharing(server: PickleServer) -> Iterator[SharingManager]:
    """Be connected to it."""
    with SharingManager.open(server.url, authkey=KEY, serializer="pickle") as manager:
        yield manager


def test_any_thread_of_a_manager_may_release_a_lock(
    server: PickleServer, sharing: SharingManager
) -> None:
    """Each has a connection of its own, and says whose it is; another manager's may not."""
    lock = sharing.lock()
    lock.acquire()
    with (
        SharingManager.open(server.url, authkey=KEY, serializer="pickle") as other,
        pytest.raises(RuntimeError, match="does not have"),
    ):
        other.lock().release()
    Run(lock.release).result()
    assert not lock.locked()


def test_the_holder_is_the_process(sharing: SharingManager) -> None:
    """Over TCP it says itself which."""
    with sharing.lock() as _:
        holder = sharing.lock().holder()
    assert holder is not None
    assert holder.pid == os.getpid()
    assert bool(holder.program) is sharing._connected().address.startswith("unix")


@pytest.mark.parametrize("server", ["unix"], indirect=True)
def test_any_thread_of_a_plain_client_may_release_a_lock(server: PickleServer) -> None:
    """Over a Unix socket the kernel tells that it is the same process."""
    cls: Any = type("PlainManager", (BaseManager,), {})
    cls.register("lock", proxytype=AcquirerProxy)
    manager = cls(server.address, KEY.encode())
    manager.connect()
    lock = manager.lock()
    assert lock.acquire()
    Run(lock.release).result()
    assert lock.acquire(False)
