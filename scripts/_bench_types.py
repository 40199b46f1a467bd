"""The shared types beside those of `multiprocessing.managers.SyncManager`."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import current_process
from multiprocessing.managers import SyncManager as StandardManager
from pathlib import Path
from typing import Any

from _measuring import (
    ANYWHERE,
    Row,
    cores,
    each,
    from_words,
    interleave,
    on_one_core,
    program,
    row,
    said,
    server,
    stay_on,
    tell,
    where,
    words,
)

from kinfolk.types import SyncManager

KEY = b"a key for the benchmark"
ROUNDS = 9
PAIRS = 500  # in a round
OBJECTS = 10_000

KINDS: dict[str, Any] = {"kinfolk": SyncManager, "standard": StandardManager}


def figures(folder: Path) -> Iterator[Row]:
    """Measure locks, queues and memory."""
    os.environ["KINFOLK_AUTHKEY"] = KEY.decode()
    for core in dict.fromkeys(cores()):
        with on_one_core(), ExitStack() as stack:
            managers = {
                kind: stack.enter_context(_manager(kind, folder / f"{kind}-types{core}", core))
                for kind in KINDS
            }
            yield _pair(managers, core)
            yield _between(managers, core, "a permit handed to and fro", _permits)
            yield _between(managers, core, "Queue: put, and get elsewhere", _items)
    if Path("/proc/self/smaps_rollup").exists():
        yield _memory(folder)


def _serve(kind: str, address: str) -> None:
    current_process().authkey = KEY
    made = KINDS[kind](address=address, authkey=KEY).get_server()
    print(words(made.address), os.getpid(), flush=True)
    made.serve_forever()


@contextmanager
def _manager(kind: str, path: Path, core: int) -> Iterator[Any]:
    """Give a manager that is connected to a server of its own."""
    current_process().authkey = KEY  # by which proxies go to other processes
    with server(__file__, kind, str(path), core) as (address, pid):
        manager = KINDS[kind](address=address, authkey=KEY)
        manager.connect()
        manager.server_pid = pid
        yield manager


def _pair(managers: dict[str, Any], core: int) -> Row:
    def pairs(manager: Any) -> Callable[[], float]:
        lock = manager.RLock()

        def pair() -> None:
            lock.acquire()
            lock.release()

        return each(PAIRS, pair)

    found = interleave(ROUNDS, **{kind: pairs(found) for kind, found in managers.items()})
    return row(f"RLock: acquire and release, {where(core)}", found, 1 / 1.3, "≤ 1/1.3")


# --- Between two processes

Roles = tuple[tuple[str, list[Any]], tuple[str, list[Any]]]


def _permits(manager: Any) -> Roles:
    one, other = manager.Semaphore(0), manager.Semaphore(0)
    return ("ping", [one, other]), ("pong", [one, other])


def _items(manager: Any) -> Roles:
    queue = manager.Queue()
    return ("put", [queue]), ("get", [queue])


def _ping(one: Any, other: Any) -> None:
    one.release()
    other.acquire()


def _pong(one: Any, other: Any) -> None:
    one.acquire()
    other.release()


def _put(queue: Any) -> None:
    queue.put(("https://example.org", 1))


def _get(queue: Any) -> None:
    queue.get()


ROLES: dict[str, Callable[..., None]] = {"ping": _ping, "pong": _pong, "put": _put, "get": _get}


def _play(role: str, proxies: str) -> None:
    """Play a role, over and over, each time that it is told."""
    current_process().authkey = KEY
    given = pickle.loads(bytes.fromhex(proxies))
    print("ready", flush=True)
    for _ in sys.stdin:
        for _ in range(PAIRS):
            ROLES[role](*given)
        print("done", flush=True)


def _between(managers: dict[str, Any], core: int, what: str, roles: Callable[[Any], Roles]) -> Row:
    """Measure two processes that play each a role."""
    with ExitStack() as stack:

        def round_of(manager: Any) -> Callable[[], float]:
            players = []
            for role, given in roles(manager):
                code = pickle.dumps(given).hex()
                player = program(__file__, "play", cores()[0], role, code)
                players.append(stack.enter_context(player))
                said(players[-1])

            def round_() -> float:
                start = time.perf_counter()
                for player in players:
                    tell(player, "go")
                for player in players:
                    said(player)
                return (time.perf_counter() - start) / PAIRS

            return round_

        found = interleave(ROUNDS, **{kind: round_of(made) for kind, made in managers.items()})
    return row(f"{what}, {where(core)}", found, 1)


# --- Memory


def _used(pid: int | str) -> int:
    """Return how many bytes of memory a process uses, its part of what is shared."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LookupError(pid)


def _taken(kind: str, path: Path) -> float:
    """Return how many bytes an object takes, at both ends."""
    with _manager(kind, path, cores()[-1]) as manager:
        first = [manager.list() for _ in range(100)]
        before = _used("self") + _used(manager.server_pid)
        rest = [manager.list() for _ in range(OBJECTS)]
        taken = _used("self") + _used(manager.server_pid) - before
        del first, rest
    return taken / OBJECTS


def _memory(folder: Path) -> Row:
    ours, theirs = (_taken(kind, folder / f"{kind}-memory") for kind in KINDS)
    what = f"memory of each of {OBJECTS:,} lists, both ends"
    return Row(what, ours, theirs, "≤ 1/2", ours <= theirs / 2, "B")


# --- Deaths


def after_a_death(folder: Path) -> float:
    """Kill holders of a lock; return the most seconds until one who waits for it has it."""
    with _manager("kinfolk", folder / "kinfolk-deaths", cores()[-1]) as manager:
        return max(_handed_on(manager.Lock()) for _ in range(ROUNDS))


def _handed_on(lock: Any) -> float:
    with program(__file__, "hold", ANYWHERE, pickle.dumps(lock).hex()) as holder:
        assert said(holder) == "held"
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(lambda: lock.acquire() and time.perf_counter())
            while not found.running():
                time.sleep(0.01)
            time.sleep(0.1)
            start = time.perf_counter()
            holder.kill()
            passed = found.result() - start
    lock.release()
    return passed


def _hold(proxy: str) -> None:
    """Have a lock until the end."""
    current_process().authkey = KEY
    lock = pickle.loads(bytes.fromhex(proxy))
    lock.acquire()
    print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    stay_on(int(sys.argv[2]))
    if sys.argv[1] == "play":
        _play(sys.argv[3], sys.argv[4])
    elif sys.argv[1] == "hold":
        _hold(sys.argv[3])
    else:
        _serve(sys.argv[1], from_words(sys.argv[3:]))
