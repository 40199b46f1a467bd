"""Workers that are killed at random, and what they shared.

A run is a plan drawn from a seed, of workers that are started and killed. The same seed replays
the same plan, and every worker draws what it does from it too; how the system then schedules them
is not replayed, so a failure may take several tries to come again.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import attrs
import pytest
from support.programs import Program
from support.sharing.engines import ENGINES, SERVED, Engine
from support.sharing.fleet import Book
from support.sharing.manager import SharingManager
from support.threads import until

STEPS: Final = 60
MOST: Final = 6  # workers at once
PERMITS: Final = {"lock": 1, "rlock": 1, "semaphore": 2}
ATTEMPTS: Final = 2


@attrs.define
class Tally:
    """Reads the book, and sees what must never be."""

    killed: set[str] = attrs.field(factory=set[str])
    items: dict[str, set[int]] = attrs.field(factory=lambda: defaultdict[str, set[int]](set))
    surely_done: set[int] = attrs.field(factory=set[int])
    got: Counter[int] = attrs.field(factory=Counter[int])
    _inside: dict[str, set[str]] = attrs.field(factory=lambda: defaultdict[str, set[str]](set))
    _tokens: dict[str, int] = attrs.field(factory=dict[str, int])
    _working: dict[int, str] = attrs.field(factory=dict[int, str])
    _latest: dict[str, tuple[str, str]] = attrs.field(factory=dict[str, tuple[str, str]])

    def read(self, book: Path) -> None:
        """Take all lines in their order."""
        for line in book.read_text().splitlines():
            what, *words = line.split(maxsplit=3)
            assert what != "wrong", line
            try:
                self._take(what, words)
            except AssertionError as error:
                error.add_note(f"This was said by {line!r}.")
                raise

    def _take(self, what: str, words: list[str]) -> None:
        match what, words:
            case "kill", [pid]:
                self.killed.add(pid)
            case "enter", [name, token, pid]:
                self._enter(name, int(token), pid)
            case "leave", [name, _, pid]:
                self._inside[name].discard(pid)
            case _, [item, pid]:
                self._note(what, int(item), pid)

    def _enter(self, name: str, token: int, pid: str) -> None:
        others = self._inside[name] - self.killed
        assert len(others) < PERMITS[name], f"{pid} meets {others}"
        if token:
            assert token > self._tokens.get(name, 0), "the token is not higher"
            self._tokens[name] = token
        self._inside[name].add(pid)

    def _note(self, what: str, item: int, pid: str) -> None:
        before, of = self._latest.get(pid, ("", ""))
        if before == "done":  # and the worker went on
            self.surely_done.add(int(of))
        self._latest[pid] = what, str(item)
        if what == "begin":
            other = self._working.get(item)
            assert other is None or other in self.killed, f"{other} works on it too"
            self._working[item] = pid
        elif what in {"done", "failed"}:
            del self._working[item]
        elif what == "got":
            self.got[item] += 1
        self.items[what].add(item)


class Fleet:
    """Workers and their book.

    Args:
        engine: What they share.
        manager: The session of who watches them.
        seed: What the plan is drawn from.
        folder: For the book.
    """

    def __init__(
        self, engine: Engine[SharingManager], manager: SharingManager, seed: int, folder: Path
    ) -> None:
        self._dice = random.Random(seed)
        self._engine = engine
        self._sharing = manager
        self._path = folder / "book"
        self._book = Book(str(self._path))
        where = engine.address, engine.serializer, str(self._path)
        self._program = Program("-m", "support.sharing.fleet", *where)
        self._workers: list[int] = []
        self._items = 0

    def act(self) -> None:
        """Follow the plan, kill everybody, and check what is left."""
        for _ in range(STEPS):
            self._dice.choice([self._start, self._start, self._kill, self._put])()
            self._pause(self._dice.choice([5, 20, 60]))
        while self._workers:
            self._kill()
        self._check()

    def _start(self) -> None:
        if len(self._workers) < MOST:
            self._program.tell(str(self._dice.getrandbits(20)))
            self._workers.append(int(self._program.line()))

    def _kill(self) -> None:
        if self._workers:
            pid = self._workers.pop(self._dice.randrange(len(self._workers)))
            self._book.write("kill", pid)
            os.kill(pid, signal.SIGKILL)

    def _put(self) -> None:
        for _ in range(10):
            self._items += 1
            self._sharing.work().put(self._items)

    def _pause(self, lines: int) -> None:
        """Let the workers do something, if there are any."""
        if self._workers:
            start = self._path.stat().st_size
            until(lambda: self._path.stat().st_size > start + 20 * lines)

    # --- What is left

    def _check(self) -> None:
        # Nobody is there any more, and nobody waits.
        assert self._sharing.event().is_set() is False
        until(lambda: self._engine.sessions() == 1)
        assert self._engine.waiting == 0
        tally = Tally()
        tally.read(self._path)
        self._check_free()
        self._check_work(tally)
        self._check_queue(tally)

    def _check_free(self) -> None:
        for name, permits in PERMITS.items():
            held = getattr(self._sharing, name)()
            assert all(held.acquire(blocking=False) for _ in range(permits)), name
            if name != "rlock":
                assert not held.acquire(blocking=False), name
            for _ in range(permits):
                held.release()
        assert self._sharing.barrier().n_waiting == 0

    def _check_work(self, tally: Tally) -> None:
        """Each item was finished, given up, or is there still."""
        work = self._sharing.work()
        assert work.lent() == []
        given_up = [failure.item for failure in work.failed()]
        assert all(failure.attempts == ATTEMPTS for failure in work.failed())
        left = list[int]()
        while len(work):
            with work.take(timeout=0) as item:
                left.append(item)
        work.join()
        rest = {*given_up, *left}
        assert len(rest) == len(given_up) + len(left), "an item is there twice"
        finished = set(range(1, self._items + 1)) - rest
        assert finished <= tally.items["done"], "an item is lost"
        assert tally.surely_done <= finished, "an item that was finished came back"

    def _check_queue(self, tally: Tally) -> None:
        """Each item was taken once, or is there still, or died with the one who took it."""
        queue, found = self._sharing.queue(), tally.got.copy()
        while not queue.empty():
            found[queue.get(block=False)] += 1
        assert not found or max(found.values()) == 1, "an item came out twice"
        assert found.keys() <= tally.items["putting"] - tally.items["refused"]
        lost = tally.items["put"] - found.keys()
        assert len(lost) <= len(tally.killed), "more items are lost than processes"

    def close(self) -> None:
        """End all that is there still."""
        for pid in self._workers:
            os.kill(pid, signal.SIGKILL)
        self._program.__exit__(None, None, None)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", SERVED)
def test_nothing_is_lost_nor_had_by_two(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Whoever is killed, what it had goes on to others, and it waits for nothing any more."""
    seconds: float = request.config.getoption("--chaos-seconds")
    first: int | None = request.config.getoption("--chaos-seed")
    seed = random.randrange(1_000_000) if first is None else first
    end = time.monotonic() + seconds / 2
    while True:
        try:
            run(kind, seed, tmp_path / str(seed))
        except BaseException as error:
            error.add_note(
                f"This was the plan of seed {seed}. To replay it: scripts/test "
                f"tests/chaos/test_fleet.py --chaos-seconds 0 --chaos-seed {seed}"
            )
            raise
        if time.monotonic() >= end:
            break
        seed += 1


def run(kind: str, seed: int, folder: Path) -> None:
    """Follow the plan of a seed."""
    folder.mkdir()
    with ENGINES[kind](SharingManager) as engine, engine.open() as manager:
        fleet = Fleet(engine, manager, seed, folder)
        try:
            fleet.act()
        finally:
            fleet.close()
