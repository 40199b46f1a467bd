"""Who speaks another serializer is told so, at either end and in one line."""

from __future__ import annotations

import json
import os
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import pytest
from support.pickling import Pickled, serve_program
from support.programs import Program
from support.samples.manager import SampleManager
from support.serving import serve_here
from support.threads import until

from kinfolk.errors import HandshakeFailed


@pytest.mark.parametrize("kind", ["unix", "unix with a key", "tcp"])
def test_a_pickle_client_at_a_typed_server(
    folder: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits a moment for a word of the server's, and then asks; either end says why."""
    with serve_here(kind, folder) as served:
        key = served.key or "any key at all"
        with pytest.raises(HandshakeFailed, match=r"the server speaks serializer 'typed', and thi"):
            SampleManager.open(served.url, authkey=key, serializer="pickle")
        until(lambda: "the client speaks serializer 'pickle', and this server" in caplog.text)


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


SPEC = "kinfolk.examples.login.spec"


def run(folder: Path, *arguments: str, **env: str) -> list[str]:
    """Run a command to its end, and return what it prints."""
    own: Any = {"KINFOLK_DIR": str(folder), "KINFOLK_ADDRESS": "", "KINFOLK_AUTHKEY": "", **env}
    with Program("-m", "kinfolk", *arguments, **own) as program:
        assert program.wait() == 0, program.errors
        return program.rest()


@pytest.mark.parametrize("target", ["", SPEC, "URL"])
def test_commands_work_with_a_server_that_speaks_pickle(folder: Path, target: str) -> None:
    """Its key is the file beside the socket, whatever the environment says."""
    with serve_program(SPEC, folder) as server:
        url = server.line().partition(" at ")[2]
        named = [url if target == "URL" else target] if target else []
        option = ["--address" if target == "URL" else "--spec", *named] if target else []
        other = {"KINFOLK_AUTHKEY": "another key than that"}
        assert run(folder, "call", "dict.set('a', 'b')", *option, **other) == ["None"]
        assert run(folder, "call", "dict.get('a')", *option) == ["'b'"]
        [found] = json.loads("\n".join(run(folder, "status", *named, "--json", **other)))["servers"]
        assert (found["pid"], found["spec"], found["serializer"]) == (server.pid, SPEC, "pickle")
        assert found["calls"] == 2
        [stopped] = run(folder, "stop", *named, **other)
        assert stopped == f"stopped {SPEC}:Login, process {server.pid}, at {url}"
        assert server.process.poll() == 0
        assert "refused" not in server.errors


def test_the_key_of_a_dead_server_is_no_hindrance(folder: Path) -> None:
    """A server that speaks the typed wire may be in its place."""
    with serve_here("unix", folder) as served:
        beside = Path(str(served.here.address)).with_suffix(".key")
        beside.touch(mode=0o600)
        beside.write_text("a key of a server that was killed")
        [found] = json.loads("\n".join(run(folder, "status", served.url, "--json")))["servers"]
        assert (found["pid"], found["serializer"]) == (os.getpid(), "typed")


def test_a_report_says_who_uses_it(served: Pickled) -> None:
    """Who has a lock, and who waits for an object."""
    with served.open() as manager, manager.lock():
        report = served.server.report()
    [client] = report.clients
    assert (client.pid, client.held) == (os.getpid() if "unix" in report.address else 0, 1)
    [wait] = report.waits
    assert wait.holder is not None
    assert (wait.kind, wait.name, wait.holder.pid) == ("lock", "lock", client.pid)
