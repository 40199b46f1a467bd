"""Clients that live and die at random, and a server that is restarted under them.

A run is a plan of numbered steps, drawn from a seed: a client is started, killed, stopped, made to
fork, and so on. After each step the clients go on for a while, counted in lines of their books. The
same seed replays the same plan, and every client draws what it does from it too. How the system
then schedules all of them is not replayed, so a failure may take several tries to come again.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import pytest
from support.arena.books import Books, Journal, check, check_complete
from support.arena.serving import Served, free_url, start_arena
from support.folders import short_folder
from support.programs import Program, stat_of
from support.threads import until

STEPS: Final = 40  # until everybody has to go, and everything is checked
MOST: Final = 5  # clients at once
SPACE: Final = 1_000_000_000  # numbers for each client


@attrs.define(eq=False)
class Client:
    """A client that was started, or the child that one left behind; it has no program."""

    pid: int
    books: Path
    born: int
    program: Program | None = None
    stopped: bool = False

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def gone(self) -> bool:
        """Whether it has ended."""
        if self.program is not None:
            return self.program.process.poll() is not None
        try:
            return stat_of(self.pid)[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True


class Chaos:
    """A server and its clients.

    Args:
        kind: "unix" or "tcp".
        seed: What the plan is drawn from.
        folder: For the socket, the journals and the books.
    """

    def __init__(self, kind: str, seed: int, folder: Path) -> None:
        self._dice = random.Random(f"{kind} {seed}")
        self._folder = folder
        self._books = folder / "b"
        self._books.mkdir()
        self._clients: list[Client] = []
        self._everybody: list[Client] = []
        self._lives = 0
        self._served = self._start_server(free_url(kind, folder))
        self._needed = self._warm_up()
        self.steps = 0

    # --- The plan

    def act(self) -> None:
        """Make some steps, and then see to it that all that is left is what has to be."""
        for _ in range(STEPS):
            self.steps += 1
            step = self._dice.choices(
                [self.start, self.kill, self.stop, self.go_on, self.interrupt, self.fork,
                 self.end, self.restart],
                [8, 4, 3, 4, 8, 2, 1, 2],
            )[0]  # fmt: skip
            step()
            self._pause(self._dice.choice([1, 5, 20, 100]))
        self._settle()

    def _choose(self, *, stopped: bool = False) -> Client | None:
        found = [client for client in self._clients if client.stopped == stopped]
        place = self._dice.random()
        return found[int(place * len(found))] if found else None

    def start(self) -> None:
        """Start a client."""
        if len(self._clients) >= MOST:
            return
        first = SPACE * (len(self._everybody) + 1)
        seed = self._dice.getrandbits(32)
        program = self._served.client("chaotic", seed, first, self._books)
        self._add(Client(program.pid, self._books / str(program.pid), self._lives, program))

    def _add(self, client: Client) -> None:
        self._clients.append(client)
        self._everybody.append(client)
        until(lambda: client.gone() or (client.books.exists() and client.books.stat().st_size))

    def kill(self) -> None:
        """Kill a client, which may be stopped."""
        client = self._choose(stopped=self._dice.random() < 0.3)
        if client is not None:
            self._kill(client)

    def _kill(self, client: Client) -> None:
        self._clients.remove(client)
        client.signal(signal.SIGKILL)
        until(client.gone)

    def stop(self) -> None:
        """Stop a client, wherever it is."""
        client = self._choose()
        if client is not None:
            client.signal(signal.SIGSTOP)
            client.stopped = True

    def go_on(self) -> None:
        """Let a client that was stopped go on."""
        client = self._choose(stopped=True)
        if client is not None:
            self._continue(client)

    def _continue(self, client: Client) -> None:
        client.signal(signal.SIGCONT)
        client.stopped = False
        self._progress(client)

    def interrupt(self) -> None:
        """Interrupt a client."""
        client = self._choose()
        if client is not None:
            client.signal(signal.SIGINT)

    def fork(self) -> None:
        """Have a client fork a child that lives on, and kill the client."""
        client = self._choose()
        if client is None:
            return
        known = set(self._books.iterdir())
        client.signal(signal.SIGUSR1)
        mark = f"forked {client.pid}\n"

        def forked() -> list[Path]:
            new = set(self._books.iterdir()) - known
            return [path for path in new if path.name.isdigit() and mark in path.read_text()]

        until(lambda: forked() or client.gone())
        (books,) = forked()
        self._kill(client)
        self._add(Client(int(books.name), books, self._lives))

    def end(self) -> None:
        """Have a client end by itself."""
        client = self._choose()
        if client is not None:
            self._end(client)

    def _end(self, client: Client) -> None:
        self._clients.remove(client)
        client.signal(signal.SIGTERM)
        until(client.gone)
        assert client.books.read_text().endswith("ended 0\n"), self._errors(client)
        if client.program is not None:
            assert client.program.wait() == 0, self._errors(client)

    def restart(self) -> None:
        """End the server or kill it, and start it again at the same address."""
        number = self._dice.choice([signal.SIGKILL, signal.SIGTERM])
        self._see_server()
        self._served.program.signal(number)
        self._served.program.wait()
        self._check_log()
        self._close_server()
        self._served = self._start_server(self._served.url)
        self._check_books(check)
        for client in self._clients:
            if not client.stopped:
                self._progress(client)

    # --- What is waited for

    def _pause(self, lines: int) -> None:
        """Let those clients that can do so much together that their books grow by some lines."""
        running = [client for client in self._clients if not client.stopped]
        start = self._size(running)
        if running:
            until(lambda: self._size(running) > start + 20 * lines or not all(map(_lives, running)))
        self._see_server()
        self._see_clients()

    def _progress(self, client: Client) -> None:
        """Make sure that a client goes on: something that it has begun from now on is done."""
        start = client.books.stat().st_size

        def went_on() -> bool:
            with client.books.open() as books:
                books.seek(start)
                return "done note" in books.read()

        until(lambda: went_on() or client.gone())

    def _size(self, clients: list[Client]) -> int:
        return sum(client.books.stat().st_size for client in clients)

    # --- What is checked

    def _settle(self) -> None:
        for client in self._clients:
            if client.stopped:
                self._continue(client)
        while self._clients:
            (self._kill if self._dice.random() < 0.5 else self._end)(self._clients[0])
        self._see_server()
        self._check_books(check_complete)
        with self._served.open() as manager:
            assert manager.lock().acquire(timeout=10.0), "the lock is not free"
            manager.lock().release()
            assert manager.witness().meetings() == 0
            until(lambda: manager.census().alive() == 0)
            journal = Journal.read(self._journals()[-1])
            assert sorted(manager.ledger().notes()) == sorted(journal.done["note"])
            left = journal.done["put"].keys() - journal.done["take"].keys()
            assert sorted(manager.belt().left()) == sorted(left)
            self._check_resources()

    def _check_books(self, judge: Callable[[list[Books], list[Journal]], None]) -> None:
        books = [Books.read(client.books) for client in self._everybody]
        judge(books, [Journal.read(path) for path in self._journals()])
        for client, each in zip(self._everybody, books, strict=True):
            most = self._lives - client.born
            assert each.lost <= most, f"{each.path.name} lost {each.lost} connections in {most}"

    def _journals(self) -> list[Path]:
        return [self._folder / f"journal{life}" for life in range(1, self._lives + 1)]

    def _check_resources(self) -> None:
        try:
            until(lambda: all(map(int.__le__, _resources(self._served), self._needed)))
        except AssertionError:
            found = _resources(self._served)
            raise AssertionError(f"{found} descriptors and threads, not {self._needed}") from None

    def _see_server(self) -> None:
        assert self._served.program.process.poll() is None, "the server has died by itself"

    def _see_clients(self) -> None:
        for client in self._clients:
            assert not client.gone(), f"a client has died by itself: {self._errors(client)}"

    def _errors(self, client: Client) -> str:
        if client.program is None:
            return (self._books / "errors").read_text()
        client.program.wait()
        return client.program.errors

    def _check_log(self) -> None:
        assert "Traceback" not in self._served.program.errors, self._served.program.errors

    # --- The server

    def _start_server(self, url: str) -> Served:
        self._lives += 1
        journal = self._journals()[-1]
        journal.touch()
        return start_arena(url, journal)

    def _warm_up(self) -> tuple[int, int]:
        """Return what the server has for one client, once its timer runs, for one that waited."""
        with self._served.open() as manager:
            with self._served.open() as other:
                manager.lock().acquire()
                assert not other.lock().acquire(timeout=0.001)
                manager.lock().release()
                most = _resources(self._served)
            until(lambda: all(map(int.__lt__, _resources(self._served), most)))
            return _resources(self._served)

    def _close_server(self) -> None:
        self._served.program.__exit__(None, None, None)

    def close(self) -> None:
        """End all that is there still."""
        for client in self._clients:
            client.signal(signal.SIGKILL)
        for client in self._everybody:
            if client.program is not None:
                client.program.__exit__(None, None, None)
        self._close_server()


def _lives(client: Client) -> bool:
    return not client.gone()


def _resources(served: Served) -> tuple[int, int]:
    """Return how many descriptors and threads a server has."""
    process = Path(f"/proc/{served.program.pid}")
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


@contextmanager
def chaos(kind: str, seed: int) -> Iterator[Chaos]:
    """Make one, and end it."""
    with short_folder() as folder:
        found = Chaos(kind, seed, folder)
        try:
            yield found
        finally:
            found.close()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_chaos_leaves_the_books_in_order(kind: str, request: pytest.FixtureRequest) -> None:
    """Whatever happens to clients and servers, nothing runs twice, is lost, or stays behind."""
    seconds: float = request.config.getoption("--chaos-seconds")
    seed: int | None = request.config.getoption("--chaos-seed")
    seed = random.randrange(1_000_000) if seed is None else seed
    end = time.monotonic() + seconds / 2
    with chaos(kind, seed) as run:
        try:
            while True:
                run.act()
                if time.monotonic() >= end:
                    break
        except BaseException as error:
            error.add_note(
                f"This was step {run.steps} of the plan of seed {seed}. To replay it: scripts/test "
                f"tests/chaos -k {kind} --chaos-seconds {seconds:g} --chaos-seed {seed}"
            )
            raise
