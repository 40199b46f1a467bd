"""Kinfolk beside `multiprocessing.managers` and a raw socket echo, on this machine, in one run.

Machines differ and are noisy, so every figure is a ratio: the contenders take turns, round by
round, and the medians of their rounds are compared. Where the system's scheduler puts client and
server decides more about a call than anything else, and it changes its mind at any moment; so calls
are measured with both on one core, and with each on its own.
"""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import _bench_types
from _measuring import (
    ANYWHERE,
    Row,
    cores,
    each,
    from_words,
    interleave,
    on_one_core,
    print_row,
    program,
    row,
    said,
    server,
    stay_on,
    tell,
    where,
    words,
)

KEY = b"a key for the benchmark"
ROUNDS = 15
CALLS = 1000  # in a round
PROXIES = 200  # in a round; over TCP the standard library gets fewer, being slow at it
SLOW_PROXIES = 3
IMPORTS = 15
CROWD = 8  # threads of one client, or clients
CROWD_CALLS = 1000  # of each, in a round
CROWD_ROUNDS = 9

SPEC = """\
import attrs

from kinfolk import factory, manager, shared, singleton


@shared
@attrs.define
class Counter:
    total: int = 0

    def add(self, by: int) -> int:
        self.total += by
        return self.total


@manager
class Bench:
    counter = singleton(Counter)
    make = factory(Counter)
"""

CLASS = '''\


@shared
@attrs.define
class Class{i}:
    """Class {i}."""

    field: int = 0
'''

METHOD = '''\

    def method_{i}(
        self, name: str, *, limit: int = {i}, tags: list[str] | None = None
    ) -> dict[str, int]:
        """Do {i} things."""
        return {{}}
'''


def _bench_manager() -> Any:
    """Return the manager class that this run generates."""
    return importlib.import_module("bench_manager").BenchManager


# --- Servers, each a program of its own: `_bench.py SERVER CORE ADDRESS`


class StandardCounter:
    """What the standard library shares here."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, by: int) -> int:
        """Add, and return the sum."""
        self.total += by
        return self.total


class StandardManager(BaseManager):
    """The standard library's contender."""


def _serve_standard(address: Any) -> None:
    counter = StandardCounter()
    StandardManager.register("counter", callable=lambda: counter)
    StandardManager.register("make", StandardCounter)
    server = StandardManager(address=address, authkey=KEY).get_server()
    print(words(server.address), flush=True)
    server.serve_forever()


def _serve_kinfolk(address: Any) -> None:
    server = _bench_manager()(
        address=address, authkey=None if isinstance(address, str) else KEY
    ).get_server()
    print(words(server.address), flush=True)
    server.serve_forever()


def _serve_echo(address: Any) -> None:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind(address)
        listener.listen()
        print(words(listener.getsockname()), flush=True)
        peer, _ = listener.accept()
        if family == socket.AF_INET:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer:
            while data := peer.recv(4096):
                peer.sendall(data)


SERVERS = {"standard": _serve_standard, "kinfolk": _serve_kinfolk, "echo": _serve_echo}


def _transport(name: str, folder: Path, core: int) -> Iterator[Row]:
    """Measure calls and proxies over Unix sockets or TCP, with the servers on a core."""

    def address(kind: str) -> Any:
        return str(folder / f"{kind}{core}.sock") if name == "Unix" else ("127.0.0.1", 0)

    with ExitStack() as stack:
        kinfolk, standard, bare = (
            stack.enter_context(server(__file__, kind, address(kind), core))
            for kind in ("kinfolk", "standard", "echo")
        )
        key = None if name == "Unix" else KEY
        ours = stack.enter_context(_bench_manager().open(kinfolk, authkey=key))
        theirs = _standard_client(standard)
        echo = stack.enter_context(
            socket.socket(socket.AF_UNIX if name == "Unix" else socket.AF_INET)
        )
        echo.connect(bare)
        yield from _calls(f"{name}, {where(core)}", ours.counter(), theirs.counter(), echo)
        if core == cores()[0]:
            yield _proxies(name, ours, theirs)


def _calls(name: str, ours: Any, theirs: Any, echo: socket.socket) -> Iterator[Row]:
    if echo.family == socket.AF_INET:
        echo.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def bounce() -> None:
        echo.sendall(b"x" * 32)
        echo.recv(4096)

    found = interleave(
        ROUNDS,
        kinfolk=each(CALLS, lambda: ours.add(1)),
        standard=each(CALLS, lambda: theirs.add(1)),
        echo=each(CALLS, bounce),
    )
    echoed = found.pop("echo")
    most = 1 if name.startswith("Unix") else None
    yield row(f"a call, {name}, to the standard library's", found, most)
    yield row(f"a call, {name}, to a raw echo", {**found, "standard": echoed})


def _proxies(name: str, ours: Any, theirs: Any) -> Row:
    found = interleave(
        5,
        kinfolk=each(PROXIES, ours.make),
        standard=each(PROXIES if name == "Unix" else SLOW_PROXIES, theirs.make),
    )
    factor = 10 if name == "Unix" else 100
    return row(f"making an object and its proxy, {name}", found, 1 / factor, f"≤ 1/{factor}")


# --- Many at once


def _crowds(folder: Path) -> Iterator[Row]:
    """Measure calls that many threads of a client make at once, and many clients."""
    with _contenders(folder, "threads", ANYWHERE) as (kinfolk, standard):
        theirs = _standard_client(standard)
        with _bench_manager().open(kinfolk) as ours:
            found = interleave(
                CROWD_ROUNDS,
                kinfolk=_by_threads(ours.counter().add),
                standard=_by_threads(theirs.counter().add),
            )
            yield row(f"a call from each of {CROWD} threads of one client, Unix", found, 1)
    first = cores()[0]
    for core in dict.fromkeys(cores()):
        with ExitStack() as stack:
            kinfolk, standard = stack.enter_context(_contenders(folder, f"clients{core}", core))
            found = interleave(
                CROWD_ROUNDS,
                kinfolk=stack.enter_context(_by_clients("kinfolk", kinfolk, first)),
                standard=stack.enter_context(_by_clients("standard", standard, first)),
            )
            yield row(f"a call from each of {CROWD} clients, Unix, {where(core)}", found, 1)


@contextmanager
def _contenders(folder: Path, name: str, core: int) -> Iterator[list[Any]]:
    """Start a server of each kind on a core, and give their addresses."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(server(__file__, kind, str(folder / f"{kind}-{name}"), core))
            for kind in ("kinfolk", "standard")
        ]


def _standard_client(address: Any) -> Any:
    StandardManager.register("counter")
    StandardManager.register("make")
    manager = StandardManager(address=address, authkey=KEY)
    manager.connect()
    return manager


def _by_threads(add: Callable[[int], object]) -> Callable[[], float]:
    def work() -> None:
        for _ in range(CROWD_CALLS):
            add(1)

    with ThreadPoolExecutor(CROWD) as pool:  # so that each thread has its connection
        list(pool.map(lambda _: add(1), range(CROWD)))

    def round_() -> float:
        threads = [threading.Thread(target=work) for _ in range(CROWD)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (time.perf_counter() - start) / (CROWD * CROWD_CALLS)

    return round_


@contextmanager
def _by_clients(kind: str, address: str, core: int) -> Iterator[Callable[[], float]]:
    with ExitStack() as stack:
        clients = [
            stack.enter_context(program(__file__, f"client-{kind}", core, address))
            for _ in range(CROWD)
        ]

        def round_() -> float:
            start = time.perf_counter()
            for client in clients:
                tell(client, "go")
            for client in clients:
                said(client)
            return (time.perf_counter() - start) / (CROWD * CROWD_CALLS)

        yield round_


def _call_when_told(counter: Any) -> None:
    for _ in sys.stdin:
        for _ in range(CROWD_CALLS):
            counter.add(1)
        print("done", flush=True)


def _kinfolk_client(address: Any) -> None:
    with _bench_manager().open(address) as manager:
        _call_when_told(manager.counter())


def _plain_client(address: Any) -> None:
    _call_when_told(_standard_client(address).counter())


CLIENTS = {"client-kinfolk": _kinfolk_client, "client-standard": _plain_client}


def _imports(folder: Path) -> Row:
    # Both compiled, as installed packages are; a checkout may not be, if that is turned off here.
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)

    def importing(module: str) -> Callable[[], float]:
        code = (
            "import time; start = time.perf_counter(); "
            f"import {module}; print(time.perf_counter() - start)"
        )

        def round_() -> float:
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=folder,
                env=env,
                capture_output=True,
                text=True,
                check=True,
            )
            return float(done.stdout)

        return round_

    found = interleave(
        IMPORTS, ours=importing("bench_manager"), theirs=importing("multiprocessing.managers")
    )
    return row("importing a generated module, to multiprocessing.managers", found, 2.5)


def _generate(folder: Path) -> float:
    """Generate for 200 classes of 20 methods; return the seconds it took."""
    methods = "".join(METHOD.format(i=i) for i in range(20))
    classes = "".join(CLASS.format(i=i) + methods for i in range(200))
    head = "import attrs\n\nfrom kinfolk import manager, shared, singleton\n"
    tail = "\n\n@manager\nclass Large:\n    one = singleton(Class0)\n"
    (folder / "large_spec.py").write_text(head + classes + tail)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "kinfolk", "generate", "large_spec"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


# --- The table


def _figures(folder: Path) -> Iterator[Row]:
    for transport in ("Unix", "TCP"):
        for core in dict.fromkeys(cores()):
            with on_one_core():
                yield from _transport(transport, folder, core)
    yield from _crowds(folder)
    yield from _bench_types.figures(folder)
    yield _imports(folder)


def main() -> None:
    """Measure everything and print a table."""
    with tempfile.TemporaryDirectory(prefix="kinfolk-bench-") as name:
        folder = Path(name)
        (folder / "bench_spec.py").write_text(SPEC)
        generate = [sys.executable, "-m", "kinfolk", "generate", "bench_spec"]
        subprocess.run(generate, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        sys.path.insert(0, name)
        print(f"{'':58} {'Kinfolk':>10} {'other':>10} {'ratio':>7}  wanted", flush=True)
        for figure in _figures(folder):
            print_row(figure)
        seconds = _generate(folder)
        note = "" if seconds < 5 else "  MISSED"
        print(f"{'generating 200 classes of 20 methods':58} {seconds:>8.2f} s {'':18}  < 5 s{note}")
        seconds = _bench_types.after_a_death(folder)
        note = "" if seconds < 0.1 else "  MISSED"
        what = "the lock of a killed process goes to the next"
        print(f"{what:58} {seconds * 1e3:>7.1f} ms {'':18}  < 100 ms{note}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        stay_on(int(sys.argv[2]))
        {**SERVERS, **CLIENTS}[sys.argv[1]](from_words(sys.argv[3:]))
    else:
        main()
