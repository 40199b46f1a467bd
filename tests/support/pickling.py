"""Servers and clients of the standard library's wire, for tests."""

from __future__ import annotations

import gc
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import managers
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import attrs
from support.programs import PATIENCE, Program
from support.samples.manager import SampleManager
from support.serving import KEY

from kinfolk.limits import Limits
from kinfolk.managers import Manager
from kinfolk.pickles.server import PickleServer

__all__ = [
    "AcquirerProxy",
    "IteratorProxy",
    "Pickled",
    "note_process",
    "plain_program",
    "serve_manager",
    "serve_program",
    "serve_samples",
]

_managers: Any = managers  # of which type checkers do not know all
AcquirerProxy = _managers.AcquirerProxy
IteratorProxy = _managers.IteratorProxy


@attrs.frozen
class Pickled:
    """A server that runs in this process, and what its clients need."""

    server: PickleServer
    manager: type[SampleManager]
    _at_end: ExitStack

    @property
    def key(self) -> bytes:
        """The key of the server."""
        return self.server.authkey

    def open(self) -> SampleManager:
        """Return a manager that is connected to it."""
        return self.manager.open(self.server.url, authkey=self.key, serializer="pickle")

    def plain(self, *names: str, **registered: Any) -> Any:
        """Return a manager of the standard library's that is connected to it.

        Args:
            names: What to register.
            registered: The same, each with its proxy type.
        """
        self._at_end.enter_context(_collected_by_one_thread())
        cls: Any = type("PlainManager", (BaseManager,), {})
        for name in names:
            cls.register(name)
        for name, proxy_type in registered.items():
            cls.register(name, proxytype=proxy_type)
        manager = cls(address=self.server.address, authkey=self.key)
        manager.connect()
        return manager

    @property
    def objects(self) -> int:
        """How many objects its clients refer to."""
        return self.server.number_of_objects()


@contextmanager
def serve_samples(
    kind: str, folder: Path, manager: type[SampleManager] = SampleManager, **limits: Any
) -> Iterator[Pickled]:
    """Serve the samples in a thread of this process.

    Args:
        kind: "unix" or "tcp".
        folder: Where to put the socket.
        manager: What to serve.
        limits: What there is room for.
    """
    with serve_manager(kind, folder, manager, **limits) as server, ExitStack() as at_end:
        yield Pickled(server, manager, at_end)


@contextmanager
def _collected_by_one_thread() -> Iterator[None]:
    """Leave garbage until the end, when this thread collects it.

    A proxy of the standard library's calls its server when it is collected. The thread that the
    server runs in would wait for itself.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.enable()


@contextmanager
def serve_manager(
    kind: str, folder: Path, manager: type[Manager], key: str | None = None, **limits: Any
) -> Iterator[PickleServer]:
    """Serve any manager in a thread of this process.

    Args:
        kind: "unix" or "tcp".
        folder: Where to put the socket.
        manager: What to serve.
        key: Its key; by default that of a file beside a socket, and over TCP one for tests.
        limits: What there is room for.
    """
    address: Any = ("127.0.0.1", 0) if kind == "tcp" else str(folder / "samples.sock")
    made = manager(address, authkey=key or (KEY if kind == "tcp" else None), serializer="pickle")
    server = made.get_server(limits=Limits(**limits))
    assert isinstance(server, PickleServer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def serve_program(spec: str, folder: Path, *options: str) -> Program:
    """Return a program that serves a spec with pickles, on the default socket in a folder."""
    arguments = ("-m", "kinfolk", "serve", spec, "--serializer", "pickle", *options)
    return Program(*arguments, KINFOLK_DIR=str(folder), KINFOLK_ADDRESS="")


def plain_program(code: str, *arguments: str) -> Program:
    """Return a program that has nothing but the standard library."""
    return Program("-I", "-S", "-c", code, *arguments)


def note_process(seen: Any) -> None:
    """Add the name of this process to a shared list."""
    seen.append(multiprocessing.current_process().name)
