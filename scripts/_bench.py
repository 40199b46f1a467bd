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
import statistics
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

import attrs

KEY = b"a key for the benchmark"
ROUNDS = 15
CALLS = 1000  # in a round
PROXIES = 200  # in a round; over TCP the standard library gets fewer, being slow at it
SLOW_PROXIES = 3
IMPORTS = 15
CROWD = 8  # threads of one client, or clients
CROWD_CALLS = 1000  # of each, in a round
CROWD_ROUNDS = 9
ANYWHERE = -1  # the scheduler's choice of a core

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
    print(_words(server.address), flush=True)
    server.serve_forever()


def _serve_kinfolk(address: Any) -> None:
    server = _bench_manager()(
        address=address, authkey=None if isinstance(address, str) else KEY
    ).get_server()
    print(_words(server.address), flush=True)
    server.serve_forever()


def _serve_echo(address: Any) -> None:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind(address)
        listener.listen()
        print(_words(listener.getsockname()), flush=True)
        peer, _ = listener.accept()
        if family == socket.AF_INET:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer:
            while data := peer.recv(4096):
                peer.sendall(data)


def _words(address: Any) -> str:
    return address if isinstance(address, str) else " ".join(map(str, address))


def _address(words: list[str]) -> Any:
    return words[0] if len(words) == 1 else (words[0], int(words[1]))


SERVERS = {"standard": _serve_standard, "kinfolk": _serve_kinfolk, "echo": _serve_echo}


@contextmanager
def _server(kind: str, folder: Path, address: Any, core: int) -> Iterator[Any]:
    """Start a server on a core, and give its address."""
    process = subprocess.Popen(
        [sys.executable, __file__, kind, str(core), *_words(address).split()],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert process.stdout is not None
    try:
        yield _address(process.stdout.readline().split())
    finally:
        process.terminate()
        process.wait()


# --- Measuring


@attrs.frozen
class Row:
    """One figure: ours, theirs, and the ratio that is wanted; times in seconds."""

    what: str
    ours: float
    theirs: float
    wanted: str = "-"
    reached: bool = True


def _interleave(rounds: int, **contenders: Callable[[], float]) -> dict[str, float]:
    """Let the contenders take turns; return the median of each one's rounds."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender()  # a round that does not count
    for _ in range(rounds):
        for name, contender in contenders.items():
            times[name].append(contender())
    return {name: statistics.median(values) for name, values in times.items()}


def _each(count: int, action: Callable[[], object]) -> Callable[[], float]:
    """Return a round that takes the mean time of an action."""

    def round_() -> float:
        start = time.perf_counter()
        for _ in range(count):
            action()
        return (time.perf_counter() - start) / count

    return round_


def _stay_on(core: int) -> None:
    """Keep this process, and the threads that it starts from now on, on one core."""
    if core != ANYWHERE and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _cores() -> list[int]:
    """Return the two cores to use: one twice where there is no other, or no telling."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return [cores[0], cores[-1]]


def _where(core: int) -> str:
    """Say how many cores a server on this one and its clients on the first have together."""
    return "one core" if core == _cores()[0] else "two cores"


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Keep this process on its first core within the block."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()
    _stay_on(min(cores, default=0))
    try:
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


def _transport(name: str, folder: Path, core: int) -> Iterator[Row]:
    """Measure calls and proxies over Unix sockets or TCP, with the servers on a core."""

    def address(kind: str) -> Any:
        return str(folder / f"{kind}{core}.sock") if name == "Unix" else ("127.0.0.1", 0)

    with ExitStack() as stack:
        ours = _bench_manager().open(
            stack.enter_context(_server("kinfolk", folder, address("kinfolk"), core)),
            authkey=None if name == "Unix" else KEY,
        )
        stack.enter_context(ours)
        standard = stack.enter_context(_server("standard", folder, address("standard"), core))
        theirs = _standard_client(standard)
        echo = stack.enter_context(
            socket.socket(socket.AF_UNIX if name == "Unix" else socket.AF_INET)
        )
        echo.connect(stack.enter_context(_server("echo", folder, address("echo"), core)))
        where = f"{name}, {_where(core)}"
        yield from _calls(where, ours.counter(), theirs.counter(), echo)
        if where.endswith("one core"):
            yield _proxies(name, ours, theirs)


def _calls(name: str, ours: Any, theirs: Any, echo: socket.socket) -> Iterator[Row]:
    if echo.family == socket.AF_INET:
        echo.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def bounce() -> None:
        echo.sendall(b"x" * 32)
        echo.recv(4096)

    found = _interleave(
        ROUNDS,
        kinfolk=_each(CALLS, lambda: ours.add(1)),
        standard=_each(CALLS, lambda: theirs.add(1)),
        echo=_each(CALLS, bounce),
    )
    reached = found["kinfolk"] <= found["standard"]
    wanted = "≤ 1" if name.startswith("Unix") else "-"
    yield Row(
        f"a call, {name}, to the standard library's",
        found["kinfolk"],
        found["standard"],
        wanted,
        reached or wanted == "-",
    )
    yield Row(f"a call, {name}, to a raw echo", found["kinfolk"], found["echo"])


def _proxies(name: str, ours: Any, theirs: Any) -> Row:
    found = _interleave(
        5,
        kinfolk=_each(PROXIES, ours.make),
        standard=_each(PROXIES if name == "Unix" else SLOW_PROXIES, theirs.make),
    )
    factor = 10 if name == "Unix" else 100
    return Row(
        f"making an object and its proxy, {name}",
        found["kinfolk"],
        found["standard"],
        f"≤ 1/{factor}",
        found["kinfolk"] * factor <= found["standard"],
    )


# --- Many at once


def _crowds(folder: Path) -> Iterator[Row]:
    """Measure calls that many threads of a client make at once, and many clients."""
    with _contenders(folder, "threads", ANYWHERE) as (kinfolk, standard):
        theirs = _standard_client(standard)
        with _bench_manager().open(kinfolk) as ours:
            yield _crowd_row(
                f"a call from each of {CROWD} threads of one client, Unix",
                kinfolk=_by_threads(ours.counter().add),
                standard=_by_threads(theirs.counter().add),
            )
    first = _cores()[0]
    for core in dict.fromkeys(_cores()):
        with ExitStack() as stack:
            kinfolk, standard = stack.enter_context(_contenders(folder, f"clients{core}", core))
            yield _crowd_row(
                f"a call from each of {CROWD} clients, Unix, {_where(core)}",
                kinfolk=stack.enter_context(_by_clients("kinfolk", kinfolk, folder, first)),
                standard=stack.enter_context(_by_clients("standard", standard, folder, first)),
            )


@contextmanager
def _contenders(folder: Path, name: str, core: int) -> Iterator[list[Any]]:
    """Start a server of each kind on a core, and give their addresses."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_server(kind, folder, str(folder / f"{kind}-{name}"), core))
            for kind in ("kinfolk", "standard")
        ]


def _crowd_row(what: str, **contenders: Callable[[], float]) -> Row:
    found = _interleave(CROWD_ROUNDS, **contenders)
    reached = found["kinfolk"] <= found["standard"]
    return Row(what, found["kinfolk"], found["standard"], "≤ 1", reached)


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
def _by_clients(kind: str, address: str, folder: Path, core: int) -> Iterator[Callable[[], float]]:
    command = [sys.executable, __file__, f"client-{kind}", str(core), address]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
            )
            for _ in range(CROWD)
        ]

        def tell_all() -> None:
            for client in clients:
                assert client.stdin is not None
                client.stdin.write("go\n")
                client.stdin.flush()
            for client in clients:
                assert client.stdout is not None
                client.stdout.readline()

        def round_() -> float:
            start = time.perf_counter()
            tell_all()
            return (time.perf_counter() - start) / (CROWD * CROWD_CALLS)

        tell_all()
        yield round_
        for client in clients:
            assert client.stdin is not None
            client.stdin.close()


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
    def importing(module: str) -> Callable[[], float]:
        code = (
            "import time; start = time.perf_counter(); "
            f"import {module}; print(time.perf_counter() - start)"
        )

        def round_() -> float:
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
            )
            return float(done.stdout)

        return round_

    found = _interleave(
        IMPORTS, ours=importing("bench_manager"), theirs=importing("multiprocessing.managers")
    )
    return Row(
        "importing a generated module, to multiprocessing.managers",
        found["ours"],
        found["theirs"],
        "≤ 2.5",
        found["ours"] <= 2.5 * found["theirs"],
    )


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


def main() -> None:
    """Measure everything and print a table."""
    with tempfile.TemporaryDirectory(prefix="kinfolk-bench-") as name:
        folder = Path(name)
        (folder / "bench_spec.py").write_text(SPEC)
        generate = [sys.executable, "-m", "kinfolk", "generate", "bench_spec"]
        subprocess.run(generate, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        sys.path.insert(0, name)
        print(f"{'':58} {'Kinfolk':>10} {'other':>10} {'ratio':>7}  wanted", flush=True)
        for transport in ("Unix", "TCP"):
            for core in dict.fromkeys(_cores()):
                with _on_one_core():
                    for row in _transport(transport, folder, core):
                        _print(row)
        for row in _crowds(folder):
            _print(row)
        _print(_imports(folder))
        seconds = _generate(folder)
        note = "" if seconds < 5 else "  MISSED"
        print(f"{'generating 200 classes of 20 methods':58} {seconds:>8.2f} s {'':18}  < 5 s{note}")


def _print(row: Row) -> None:
    note = "" if row.reached else "  MISSED"
    ours, theirs = f"{row.ours * 1e6:.1f} µs", f"{row.theirs * 1e6:.1f} µs"
    ratio = row.ours / row.theirs
    print(f"{row.what:58} {ours:>10} {theirs:>10} {ratio:>7.3f}  {row.wanted}{note}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _stay_on(int(sys.argv[2]))
        {**SERVERS, **CLIENTS}[sys.argv[1]](_address(sys.argv[3:]))
    else:
        main()
