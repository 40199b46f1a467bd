"""Fixtures for the tests of programs that share objects; pytest finds them by itself.

    def test_pages_are_popped_once(kinfolk_serve):
        crawl = kinfolk_serve(CrawlManager)
        crawl.frontier().push("https://example.org")

The objects live in the process of the tests, where they can be looked at and stopped in with a
debugger, but every call goes through a socket as it would from anywhere. `CrawlManager.local()`
does without that too.

With `kinfolk_serve` each call serves new objects, which end with the test. All tests of a session
that call `kinfolk_serve_session` with the same manager share the same objects.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import attrs
import pytest

from kinfolk.addresses import WrittenAddress
from kinfolk.managers import Manager

__all__ = ["Serve", "kinfolk_serve", "kinfolk_serve_session"]

M = TypeVar("M", bound=Manager)


class Serve(Protocol):
    """Serves what a manager offers, at a private socket, and returns a manager connected to it.

    Other processes reach it at the manager's `address`. It ends with the test or the session.
    """

    def __call__(self, manager: type[M], /, *, serializer: str | None = None) -> M:
        """Serve a manager, whose values travel by the serializer; see `Manager`."""
        ...


@pytest.fixture
def kinfolk_serve() -> Iterator[Serve]:
    """Serve objects of managers for one test, new ones at each call."""
    with ExitStack() as stack:

        def serve(manager: type[M], /, *, serializer: str | None = None) -> M:
            return _serve(stack, manager, serializer).opened()

        yield serve


@pytest.fixture(scope="session")
def kinfolk_serve_session() -> Iterator[Serve]:
    """Serve objects of managers for the whole session, the same to all who ask for a manager."""
    with ExitStack() as stack:
        known: dict[tuple[type, str | None], _Served[Any]] = {}

        def serve(manager: type[M], /, *, serializer: str | None = None) -> M:
            served: _Served[M] | None = known.get((manager, serializer))
            if served is None:
                known[manager, serializer] = served = _serve(stack, manager, serializer)
            return served.opened()

        yield serve


@attrs.define
class _Served(Generic[M]):
    """A manager that is served."""

    stack: ExitStack
    manager: type[M]
    serializer: str | None
    address: WrittenAddress
    _open: M | None = None

    def opened(self) -> M:
        """Return a manager that is connected: the one of the last time, if nobody closed it."""
        if self._open is None or _is_closed(self._open):
            self._open = self.manager.open(self.address, serializer=self.serializer)
            self.stack.callback(self._open.close)
        return self._open


def _is_closed(manager: Any) -> bool:
    closed: bool = manager._channel.closed
    return closed


def _serve(stack: ExitStack, manager: type[M], serializer: str | None) -> _Served[M]:
    given: Any = manager
    if not (isinstance(given, type) and issubclass(given, Manager)):
        raise TypeError(f"what is served is a manager's class, such as CrawlManager: {manager!r}")
    # Not pytest's own folders, whose paths can be too long for a socket.
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kinfolk-"))
    server = manager(Path(folder) / "socket", serializer=serializer).get_server()
    stack.callback(server.close)
    thread = threading.Thread(target=server.serve_forever, name="kinfolk-tests")
    thread.start()
    stack.callback(thread.join)
    stack.callback(server.stop)
    return _Served(stack, manager, serializer, server.address)
