"""What carries calls to shared objects: each behaviour is tested over all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Generic, Protocol, TypeVar

import attrs
from support.folders import short_folder
from support.programs import PATIENCE

from kinfolk.engines.local import LocalChannel
from kinfolk.host.hosting import Host
from kinfolk.host.waiters import Pending
from kinfolk.managers import Manager
from kinfolk.pickles.server import PickleServer
from kinfolk.server.server import Server

__all__ = ["CHECKING", "ENGINES", "KEEPING", "SERVED", "WITHDRAWING", "Engine"]

M = TypeVar("M", bound=Manager)


@attrs.frozen
class Engine(Generic[M]):
    """Shared objects, and how to reach them; each manager that is opened is another session.

    `waits` and `sessions` count the calls that wait for an answer, and those who are connected.
    Other processes reach the objects at the address, if there is one, by the same serializer.
    """

    host: Host
    open: Callable[[], M]
    waits: Callable[[], int]
    sessions: Callable[[], int]
    address: str = ""
    serializer: str = "typed"

    @property
    def waiting(self) -> int:
        """How many calls wait for an answer."""
        return self.waits()


@contextmanager
def _local(manager: type[M]) -> Iterator[Engine[M]]:
    with manager.local() as first:
        host = first._host
        assert host is not None

        def open_() -> M:
            opened = manager()
            opened._channel = LocalChannel(host)
            return opened

        first._connected().close()
        yield Engine(host, open_, *_counted(host))


@contextmanager
def _typed(manager: type[M]) -> Iterator[Engine[M]]:
    with _served(manager, "typed") as (server, address):
        assert isinstance(server, Server)
        host = server._host
        yield Engine(host, lambda: manager.open(address), *_counted(host), address)


def _counted(host: Host) -> tuple[Callable[[], int], Callable[[], int]]:
    return (
        lambda: sum(session.waiting for session in host.sessions),
        lambda: len(host.sessions),
    )


@contextmanager
def _pickle(manager: type[M]) -> Iterator[Engine[M]]:
    with _served(manager, "pickle") as (server, address):
        assert isinstance(server, PickleServer)

        def waits() -> int:
            visits = tuple(server._visits)
            return sum(isinstance(key, Pending) for each in visits for key in tuple(each._at_end))

        yield Engine(
            server._host,
            lambda: manager.open(address, serializer="pickle"),
            waits,
            lambda: len(server._visits),
            address,
            "pickle",
        )


@contextmanager
def _served(manager: type[Manager], serializer: str) -> Iterator[tuple[object, str]]:
    """Serve in a thread of this process; return the server and its address."""
    with short_folder() as folder:
        address = str(folder / "s")
        server = manager(address, serializer=serializer).get_server()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server, address
        finally:
            server.stop()
            thread.join(PATIENCE)


class _Shares(Protocol):
    def __call__(self, manager: type[M], /) -> AbstractContextManager[Engine[M]]: ...


ENGINES: Final[dict[str, _Shares]] = {"local": _local, "typed": _typed, "pickle": _pickle}

SERVED: Final = ["typed", "pickle"]
"""Those that other processes reach."""

WITHDRAWING: Final = ["local", "typed"]
"""Those by which one call can be taken back, by a deadline for instance, while its session lives.

The standard library's wire has no message for that.
"""

CHECKING: Final = ["local", "typed"]
"""Those that check every value against what is declared. Pickles carry whatever there is."""

KEEPING: Final = ["local", "typed"]
"""Those by which a session keeps what it has when one of its threads ends.

By the standard library's wire that is a matter of the thread's own connection, and ends with it.
"""
