"""Who speaks another serializer is told so, at either end and in one line."""

from __future__ import annotations

from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import pytest
from support.pickling import Pickled, serve_program
from support.programs import Program
from support.samples.manager import SampleManager
from support.serving import serve_here

from kinfolk.errors import HandshakeFailed


@pytest.mark.parametrize("kind", ["unix", "unix with a key", "tcp"])
def test_a_pickle_client_at_a_typed_server(folder: Path, kind: str) -> None:
    """It waits a moment for a word of the server's, and then asks."""
    with (
        serve_here(kind, folder) as served,
        pytest.raises(HandshakeFailed, match=r"the server speaks serializer 'typed', and this"),
    ):
        SampleManager.open(served.url, authkey=served.key or "any key at all", serializer="pickle")


def test_a_typed_client_at_a_pickle_server(served: Pickled) -> None:
    """The server's first word tells."""
    with pytest.raises(HandshakeFailed, match=r"speaks serializer 'pickle', and this .* 'typed'"):
        SampleManager.open(served.server.url, authkey=served.key)
    with served.open() as manager:
        assert manager.frontier().push("u")


def test_a_plain_client_at_a_typed_server(folder: Path) -> None:
    """It shows what it was told in place of a challenge, once the server has lost patience."""
    with serve_here("tcp", folder, limits={"handshake_timeout": 1}) as served:
        assert served.key is not None
        plain: Any = BaseManager(served.here.address, served.key.encode())
        with pytest.raises(Exception, match="this server speaks serializer 'typed' of kinfolk"):
            plain.connect()


@pytest.mark.parametrize("arguments", [("status",), ("status", "SPEC"), ("status", "URL")])
def test_status_says_that_it_speaks_pickle(folder: Path, arguments: tuple[str, ...]) -> None:
    """In one line, with how to end it."""
    check(folder, *arguments)


@pytest.mark.parametrize(
    "arguments", [("stop",), ("stop", "SPEC"), ("stop", "URL"), ("call", "dict.get('a')")]
)
def test_stop_and_call_say_that_it_speaks_pickle(folder: Path, arguments: tuple[str, ...]) -> None:
    """They leave it alone."""
    check(folder, *arguments)


def check(folder: Path, *arguments: str) -> None:
    """Run a command at a server of pickles, and see what it says."""
    spec = "kinfolk.examples.login.spec"
    with serve_program(spec, folder) as server:
        url = server.line().partition(" at ")[2]
        written = [{"SPEC": spec, "URL": url}.get(each, each) for each in arguments]
        with Program(
            "-m", "kinfolk", *written, KINFOLK_DIR=str(folder), KINFOLK_ADDRESS=""
        ) as program:
            program.wait()
            said = " ".join([*program.rest(), program.errors])
        assert "the server speaks serializer 'pickle'" in " ".join(said.split())
        assert f"kill {server.pid}" in " ".join(said.split())
        assert "Traceback" not in said
        assert server.process.poll() is None
