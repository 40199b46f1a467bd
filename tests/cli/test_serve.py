"""`kinfolk serve`, as a user runs it."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from support.folders import short_folder
from support.programs import Program

from kinfolk.limits import Limits

SPEC = '''
import attrs

from kinfolk import manager, shared, singleton


@shared
@attrs.define
class Counter:
    """Counts."""

    total: int = 0

    def add(self, by: int = 1) -> int:
        self.total += by
        return self.total


@manager
class Count:
    counter = singleton(Counter)
'''
BROKEN = """
from kinfolk import manager, shared, singleton


@shared
class Store:
    def __init__(self) -> None:
        self._open_database()

    def _open_database(self) -> None:
        raise RuntimeError("no database")

    def size(self) -> int:
        return 0


@manager
class Stores:
    store = singleton(Store)
"""
SECOND = """

@manager
class Recount:
    counter = singleton(Counter, 10)
"""
CLIENT = """
from {module} import CountManager

with CountManager.open() as manager:
    print(manager.counter().add(2))
"""
OTHER_VERSION = """
from kinfolk.wire import greetings

greetings.VERSION = 9
greetings.PREAMBLE = greetings.MAGIC + bytes([9])
"""
KEY = "a key for tests only"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Make a folder with specs, and what is generated from them."""
    with short_folder() as path:
        (path / "app").mkdir()
        (path / "app" / "__init__.py").write_text("")
        specs = {
            "app/spec.py": SPEC,
            "several.py": SPEC + SECOND,
            "broken.py": BROKEN,
            "stale.py": SPEC,
        }
        for name, text in specs.items():
            (path / name).write_text(text)
        modules = ["app.spec", "several", "broken", "stale"]
        with Program("-m", "kinfolk", "generate", *modules, cwd=path) as generator:
            assert generator.wait() == 0, generator.errors
        (path / "stale.py").write_text(SPEC.replace("by: int", "by: float"))
        (path / "missing.py").write_text(SPEC)
        (path / "docs.py").write_text("")
        yield path


@pytest.fixture(autouse=True)
def no_sockets(folder: Path) -> Iterator[None]:
    """Remove what killed servers leave."""
    yield
    shutil.rmtree(folder / "own", ignore_errors=True)


@contextmanager
def kinfolk_serve(folder: Path, *arguments: str, **env: str) -> Iterator[Program]:
    """Run the command in the folder, with sockets in a folder of their own."""
    defaults = {"KINFOLK_DIR": str(folder / "own"), "KINFOLK_ADDRESS": "", "KINFOLK_AUTHKEY": ""}
    with Program(
        "-m", "kinfolk", "serve", *arguments, cwd=folder, **{**defaults, **env}
    ) as program:
        yield program


def refused(folder: Path, *arguments: str, **env: str) -> str:
    """Run the command, which is to fail with one line, and return that."""
    with kinfolk_serve(folder, *arguments, **env) as program:
        assert program.wait() == 1
        assert program.errors.count("\n") == 1, program.errors
        return program.errors


def sockets(folder: Path) -> list[str]:
    """Return what is in the folder for sockets."""
    own = folder / "own"
    return sorted(path.name for path in own.iterdir()) if own.exists() else []


# --- Serving


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_serves_and_ends_cleanly(folder: Path, number: signal.Signals) -> None:
    """Once it prints its line clients can connect, and a signal ends it with success."""
    with kinfolk_serve(folder, "app.spec") as server:
        path = folder / "own" / "app.spec.Count.sock"
        server.expect(f"serving app.spec:Count at unix://{path}")
        code = CLIENT.format(module="app.manager")
        with Program("-c", code, cwd=folder, KINFOLK_DIR=str(folder / "own")) as client:
            client.expect("2")
            assert client.wait() == 0
        assert sockets(folder) == ["app.spec.Count.pid", "app.spec.Count.sock"]
        server.signal(number)
        assert server.wait() == 0
        assert server.errors == ""
    assert sockets(folder) == []


def test_it_ends_while_clients_are_connected(folder: Path) -> None:
    """A client that stays does not keep it from ending."""
    code = CLIENT.format(module="app.manager") + "    import sys; sys.stdin.read()\n"
    with kinfolk_serve(folder, "app.spec") as server:
        server.line()
        with Program("-c", code, cwd=folder, KINFOLK_DIR=str(folder / "own")) as client:
            client.expect("2")
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
    assert sockets(folder) == []


def test_a_manager_is_named_where_there_are_several(folder: Path) -> None:
    """The name stands after the module, as in the line that it prints."""
    with kinfolk_serve(folder, "several:Recount") as server:
        assert server.line().startswith("serving several:Recount at unix://")


def test_it_serves_over_tcp_with_a_key_from_a_file(folder: Path) -> None:
    """The key file is read as it was written by hand, with a newline at its end."""
    file = folder / "key"
    file.touch(0o600)
    file.write_text(f"{KEY}\n")
    address = "tcp://127.0.0.1:0"
    with kinfolk_serve(folder, "app.spec", "--address", address, "--authkey-file", "key") as server:
        url = server.line().rpartition(" ")[2]
        code = CLIENT.format(module="app.manager")
        env = {"KINFOLK_ADDRESS": url, "KINFOLK_AUTHKEY": KEY}
        with Program("-c", code, cwd=folder, **env) as client:
            client.expect("2")


def test_the_environment_says_where_and_with_which_key(folder: Path) -> None:
    """Server and clients may be set up by the same two variables."""
    env = {"KINFOLK_ADDRESS": "tcp://127.0.0.1:0", "KINFOLK_AUTHKEY": KEY}
    with kinfolk_serve(folder, "app.spec", **env) as server:
        assert server.line().startswith("serving app.spec:Count at tcp://127.0.0.1:")


# --- What it refuses


def test_a_spec_that_was_not_generated_yet(folder: Path) -> None:
    """The error is the command to run."""
    assert "run `kinfolk generate missing`" in refused(folder, "missing")


def test_a_generated_module_that_no_longer_fits(folder: Path) -> None:
    """A server never calls methods by signatures that they do not have."""
    assert "stale_manager no longer fits stale: run `kinfolk generate stale`" in refused(
        folder, "stale"
    )


@pytest.mark.parametrize("spec", ["nothing.spec", "nothing", "docs", "no module"])
def test_what_is_no_spec(folder: Path, spec: str) -> None:
    """A module that is not there, or declares nothing, is named."""
    assert spec in refused(folder, spec)


def test_several_managers_and_none_named(folder: Path) -> None:
    """The error lists what could be written."""
    error = refused(folder, "several")
    assert error == (
        "kinfolk: several has several managers: name several:Count or several:Recount\n"
    )


def test_a_manager_that_is_not_there(folder: Path) -> None:
    """The error lists what is."""
    assert "has no manager Crawl: name app.spec:Count" in refused(folder, "app.spec:Crawl")


def test_a_singleton_that_cannot_be_made_shows_the_users_traceback(folder: Path) -> None:
    """Their own lines are shown, and none of ours."""
    with kinfolk_serve(folder, "broken") as server:
        assert server.wait() == 1
        assert "self._open_database()" in server.errors
        assert "RuntimeError: no database" in server.errors
        assert "the singleton Stores.store" in server.errors
        assert server.errors.splitlines()[-1] == (
            "kinfolk: nothing is served: broken failed to make its objects, as shown above: "
            "RuntimeError: no database"
        )
        assert "kinfolk/" not in server.errors
    assert sockets(folder) == []


def test_a_server_that_runs_already(folder: Path) -> None:
    """The error names its process."""
    with kinfolk_serve(folder, "app.spec") as server:
        server.line()
        assert f"the server with pid {server.pid} already serves" in refused(folder, "app.spec")
        assert sockets(folder) == ["app.spec.Count.pid", "app.spec.Count.sock"]


def test_a_server_of_another_project_that_runs_already(folder: Path, tmp_path: Path) -> None:
    """The error names both files, and what to do about it."""
    (tmp_path / "app").mkdir()
    for name in "__init__.py", "spec.py", "manager.py":
        (tmp_path / "app" / name).write_bytes((folder / "app" / name).read_bytes())
    with kinfolk_serve(folder, "app.spec") as server:
        server.line()
        error = refused(tmp_path, "app.spec", KINFOLK_DIR=str(folder / "own"))
    assert f"from {folder / 'app' / 'spec.py'}, and this would from {tmp_path}" in error
    assert "@manager(name=" in error


def test_a_port_in_use(folder: Path) -> None:
    """The error names the address, and who listens there, if the system tells."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        error = refused(folder, "app.spec", "--address", address, KINFOLK_AUTHKEY=KEY)
    remedy = "give another port, or 0 for any that is free"
    who = f"process {os.getpid()} " if sys.platform == "linux" else "another program"
    assert error.startswith(f"kinfolk: {who}")
    assert error.endswith(f" listens at {address}: {remedy}\n")


def test_a_host_that_does_not_resolve(folder: Path) -> None:
    """The error names the address, and says what to look at."""
    address = "tcp://no.such.host.invalid:5000"
    error = refused(folder, "app.spec", "--address", address, KINFOLK_AUTHKEY=KEY)
    assert error.startswith(f"kinfolk: cannot listen at {address}: ")
    assert error.endswith(": check the name of the host\n")


def test_a_short_key_in_the_environment(folder: Path) -> None:
    """The error says where it stands, and how to make a better one."""
    arguments = ["app.spec", "--address", "tcp://127.0.0.1:0"]
    error = refused(folder, *arguments, KINFOLK_AUTHKEY="short")
    assert error.startswith("kinfolk: KINFOLK_AUTHKEY: an authkey has at least 8 bytes, and this")
    assert error.endswith(
        "make one with `python -c 'import secrets; print(secrets.token_hex())'`\n"
    )


def test_a_client_of_another_version(folder: Path) -> None:
    """The client is told which version each end has, and the server's log as well."""
    code = OTHER_VERSION + CLIENT.format(module="app.manager")
    with kinfolk_serve(folder, "app.spec") as server:
        server.line()
        with Program("-c", code, cwd=folder, KINFOLK_DIR=str(folder / "own")) as client:
            assert client.wait() == 1
            last = client.errors.splitlines()[-1]
        server.signal(signal.SIGTERM)
        server.wait()
    assert last.startswith("kinfolk.errors.HandshakeFailed: unix://")
    assert last.endswith("install the same release of kinfolk at both ends")
    assert "speaks version 9 of the protocol and this end version 1" in server.errors


def test_tcp_without_a_key(folder: Path) -> None:
    """The error says where a key can stand."""
    error = refused(folder, "app.spec", "--address", "tcp://127.0.0.1:0")
    assert "give --authkey-file, or set KINFOLK_AUTHKEY" in error


def test_a_network_without_insecure(folder: Path) -> None:
    """What can be read along is served only by asking."""
    arguments = ["app.spec", "--address", "tcp://0.0.0.0:0"]
    assert "`--insecure`" in refused(folder, *arguments, KINFOLK_AUTHKEY=KEY)
    with kinfolk_serve(folder, *arguments, "--insecure", KINFOLK_AUTHKEY=KEY) as server:
        assert server.line().startswith("serving app.spec:Count at tcp://0.0.0.0:")


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (KEY, 0o644, "is open to other users (mode 644): run `chmod 600"),
        ("short", 0o600, "at least 8 bytes, and this one 5"),
        (None, 0, "No such file or directory"),
    ],
)
def test_a_bad_key_file(
    folder: Path, tmp_path: Path, content: str | None, mode: int, complaint: str
) -> None:
    """A key that others know, or could guess, is none."""
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    arguments = ["app.spec", "--address", "tcp://127.0.0.1:0", "--authkey-file", str(file)]
    assert complaint in refused(folder, *arguments)


def test_a_key_file_that_never_ends(folder: Path, tmp_path: Path) -> None:
    """Nobody's key is that long; and who may read it is asked first."""
    file = tmp_path / "key"
    file.write_text("k" * 5_000)
    file.chmod(0o600)
    arguments = ["app.spec", "--address", "tcp://127.0.0.1:0", "--authkey-file"]
    assert "holds more than 4096 bytes, which is no key" in refused(folder, *arguments, str(file))
    assert "is open to other users (mode 666)" in refused(folder, *arguments, "/dev/zero")


def test_an_address_that_is_none(folder: Path) -> None:
    """The error says how one is written."""
    assert "write tcp://host:port" in refused(folder, "app.spec", "--address", "localhost:80")


def test_a_folder_that_is_open_to_others(folder: Path) -> None:
    """The error is the command that mends it."""
    with short_folder() as own:
        os.chmod(own, 0o755)  # noqa: PTH101 - as a user would
        assert f"run `chmod 700 {own}`" in refused(folder, "app.spec", KINFOLK_DIR=str(own))


# --- Limits


def test_the_limits_are_options(folder: Path) -> None:
    """A client that meets one is told both numbers."""
    code = CLIENT.format(module="app.manager")
    own = str(folder / "own")
    with kinfolk_serve(folder, "app.spec", "--connections", "1") as server:
        server.line()
        staying = code + "    import sys; sys.stdin.read()\n"
        with Program("-c", staying, cwd=folder, KINFOLK_DIR=own) as first:
            first.expect("2")
            with Program("-c", code, cwd=folder, KINFOLK_DIR=own) as second:
                assert second.wait() == 1
                assert "the server has 1 connections (limit 1)" in second.errors


def test_a_limit_that_cannot_be_is_one_line(folder: Path) -> None:
    """It names the option, and says what can be."""
    words = "kinfolk: connections must be at least 1, not 0\n"
    assert refused(folder, "app.spec", "--connections", "0") == words


def test_the_help_lists_every_limit_with_its_default(folder: Path) -> None:
    """Nobody has to look for them in the source."""
    with kinfolk_serve(folder, "--help", COLUMNS="200") as program:
        lines = []
        with contextlib.suppress(AssertionError):
            while True:
                lines.append(program.line())
        assert program.wait() == 0
    text = " ".join(" ".join(lines).replace("│", " ").split())
    for field in attrs.fields(Limits):
        option = f"--{field.name.replace('_', '-')} "
        assert f"[default: {field.default}]" in text.partition(option)[2].partition(" --")[0]


def test_it_may_open_the_files_that_its_limits_need(folder: Path) -> None:
    """The soft limit of a shell is too low for 1,000 clients, and the hard one is what counts."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    script = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (256, "
        f"{hard})); sys.argv = ['kinfolk', 'serve', 'app.spec', '--connections', '300', "
        "'--handshakes', '100']; runpy.run_module('kinfolk', run_name='__main__')"
    )
    own = {"KINFOLK_DIR": str(folder / "own"), "KINFOLK_ADDRESS": ""}
    with Program("-c", script, cwd=folder, **own) as server:
        server.line()
        limits = Path(f"/proc/{server.pid}/limits")
        if not limits.exists():
            pytest.skip("the system does not show the limits of a process")
        [line] = [each for each in limits.read_text().splitlines() if "open files" in each]
        assert int(line.split()[3]) == 300 * 2 + 100 + 200
