"""Clients without a generated module, which look at a server or end it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import short_folder
from support.serving import Served, serve, serve_here

from kinfolk.addresses import parse_address
from kinfolk.client.observer import Observer
from kinfolk.errors import AuthenticationFailed, CallTimeout, NotRunning


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture(params=["unix", "tcp", "unix with a key"])
def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    """Run a server in a process of its own."""
    with serve(request.param, folder) as found:
        yield found


@pytest.mark.parametrize("key", [None, b"another key"])
def test_an_observer_needs_the_key(folder: Path, key: bytes | None) -> None:
    """As any client does."""
    with serve_here("unix with a key", folder) as served, pytest.raises(AuthenticationFailed):
        Observer(parse_address(served.url), key=key)


def test_an_observer_ends_a_server_and_sees_that_it_is_gone(served: Served) -> None:
    """After `wait` the address is free."""
    with served.observe() as observer:
        observer.stop()
        assert observer.wait()
        with pytest.raises(NotRunning):
            served.observe()
    assert served.program.wait() == 0


def test_a_server_that_does_not_answer_is_not_waited_for(folder: Path) -> None:
    """A stopped process accepts connections, and then says nothing."""
    with serve("unix", folder) as served, served.observe(timeout=0.3) as observer:
        served.program.signal(signal.SIGSTOP)
        assert not observer.wait()
        with pytest.raises(CallTimeout):
            served.observe(timeout=0.1)
