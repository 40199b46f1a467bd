"""Fixtures for the tests of programs that share objects; pytest finds them by itself.

    def test_pages_are_popped_once(kinfolk_serve):
        crawl = kinfolk_serve(CrawlManager)
        crawl.frontier().push("https://example.org")

The objects live in the process of the tests, where they can be looked at and stopped in with a
debugger, but every call goes through a socket as it would from anywhere. `CrawlManager.local()`
does without that too.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from kinfolk.managers import Manager

__all__ = ["Serve", "kinfolk_serve", "kinfolk_serve_session"]

M = TypeVar("M", bound=Manager)


class Serve(Protocol):
    """Serves what a manager offers, at a private socket, and returns a manager connected to it.

    Other processes reach it at the manager's `address`. It ends with the test or the session.
    """

    def __call__(self, manager: type[M], /) -> M:
        """Serve a manager."""
        ...


@pytest.fixture
def kinfolk_serve() -> Iterator[Serve]:
    """Serve the objects of managers for one test, as the module's docstring shows."""
    with _serving() as serve:
        yield serve


@pytest.fixture(scope="session")
def kinfolk_serve_session() -> Iterator[Serve]:
    """Serve the objects of managers for the whole session."""
    with _serving() as serve:
        yield serve


@contextmanager
def _serving() -> Generator[Serve, None, None]:
    with ExitStack() as stack:

        def serve(manager: type[M], /) -> M:
            # Not pytest's own folders, whose paths can be too long for a socket.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kinfolk-"))
            server = manager(Path(folder) / "socket").get_server()
            stack.callback(server.close)
            thread = threading.Thread(target=server.serve_forever, name="kinfolk-tests")
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.stop)
            connected: M = manager.open(server.address)
            stack.callback(connected.close)
            return connected

        yield serve
