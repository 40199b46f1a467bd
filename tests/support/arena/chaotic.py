"""A client that does one thing after another until it is told to end, is killed, or worse.

It keeps its books in a file, line by line, before and after each thing that it does, so that they
say what it did up to the moment of its death:

    begin WHAT NUMBER   it is about to do that
    done WHAT NUMBER    it did, and was told so
    no WHAT NUMBER      it was told that this surely was not done
    yes WHAT NUMBER     it was told that this surely was done, though it has no result
    cut WHAT NUMBER     it does not know
    got NUMBER          it took an item
    lost 0              a connection was lost
    forked PID          it is the child of another client, which has its books in this file too
    wrong REASON        what must never be

SIGINT interrupts a call, SIGTERM ends it, SIGUSR1 has it fork a child, which does the same.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

import attrs
from support.arena.manager import ArenaManager, ToolProxy
from support.arena.serving import open_arena

import kinfolk
from kinfolk.errors import CallTimeout, ConnectionLost, ObjectGone

T = TypeVar("T")

_TOOLS = 4


class Interrupted(BaseException):
    """What the handler raises."""


@attrs.define
class Signals:
    """What this process was sent."""

    ended: bool = False
    to_fork: bool = False
    armed: bool = False

    def listen(self) -> None:
        """Take signals from now on."""
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGUSR1, self._fork)

    def during(self, call: Callable[[], T]) -> T:
        """Call something that may be interrupted."""
        self.armed = True
        try:
            return call()
        finally:
            self.armed = False

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self.armed:
            self.armed = False
            raise Interrupted

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.ended = True

    def _fork(self, _number: int, _frame: FrameType | None) -> None:
        self.to_fork = True


@attrs.frozen
class Kept:
    """A tool that is kept, with its name, and the life of the server in which it was asked for."""

    tool: ToolProxy
    name: str
    life: int


class Chaotic:
    """One client's life.

    Args:
        manager: Its manager.
        seed: For its dice.
        first: The first of its numbers; those of two clients must differ.
        folder: Where the books are kept.
    """

    def __init__(self, manager: ArenaManager, seed: int, first: int, folder: str) -> None:
        self._manager = manager
        self._dice = random.Random(seed)
        self._number = first
        self._folder = folder
        self._signals = Signals()
        self._tools: list[Kept] = []
        self._open_books()

    def _open_books(self) -> None:
        path = f"{self._folder}/{os.getpid()}"
        self._books = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _write(self, *words: object) -> None:
        os.write(self._books, (" ".join(map(str, words)) + "\n").encode())

    def _next(self) -> int:
        self._number += 1
        return self._number

    def run(self) -> None:
        """Live it."""
        self._signals.listen()
        self._write("ready", 0)
        # More of what is surely seen if it runs twice, or is said not to have run.
        calls = (self.note, self.note, self.note, self.put, self.put)
        acts = (*calls, self.drain, self.lock, self.make, self.use, self.spawn)
        while not self._signals.ended:
            act = self._fork if self._signals.to_fork else self._dice.choice(acts)
            try:
                act()
            except ConnectionLost:
                self._write("lost", 0)
            except (Interrupted, CallTimeout):
                pass
            except Exception as error:
                self._write("wrong", act.__name__, repr(error))
        self._write("ended", 0)

    # --- Calls that are in the books

    def _booked(self, what: str, number: int, call: Callable[[], T]) -> T:
        self._write("begin", what, number)
        try:
            result = self._signals.during(self._in_time(call))
        except (CallTimeout, ConnectionLost) as error:
            self._write({"unknown": "cut"}.get(error.executed, error.executed), what, number)
            raise
        except BaseException:
            self._write("cut", what, number)
            raise
        self._write("done", what, number)
        return result

    def _in_time(self, call: Callable[[], T]) -> Callable[[], T]:
        """Put a call under a deadline, perhaps."""
        seconds = self._dice.choice([None, None, self._dice.uniform(1e-5, 3e-3)])
        if seconds is None:
            return call

        def limited() -> T:
            with kinfolk.deadline(seconds):
                return call()

        return limited

    def note(self) -> None:
        """Note a number."""
        number = self._next()
        answer = self._booked("note", number, lambda: self._manager.ledger().note(number))
        if answer != number:
            self._write("wrong", f"note({number}) returned {answer}")

    def put(self) -> None:
        """Put an item on the belt."""
        number = self._next()
        self._booked("put", number, lambda: self._manager.belt().put([number]))

    def drain(self) -> None:
        """Take some items from the belt."""
        life = self._manager.witness().life()
        number, count = self._next(), self._dice.randrange(1, 6)
        try:
            self._booked("drain", number, lambda: self._take(self._manager.belt().drain(), count))
        except ObjectGone as error:
            self._gone({life}, error)

    def _take(self, items: Iterator[int], count: int) -> None:
        for _, item in zip(range(count), items, strict=False):
            self._write("got", item)

    # --- The lock

    def lock(self) -> None:
        """Be inside, alone."""
        witness, lock = self._manager.witness(), self._manager.lock()
        life = witness.life()
        with kinfolk.deadline(self._dice.choice([1e-3, 0.02, 0.3])):
            self._signals.during(lock.acquire)
        if witness.enter(life) >= 0:
            if self._dice.random() < 0.5:
                self._manager.ledger().notes()
            witness.leave()
        try:
            lock.release()
        except RuntimeError as error:
            self._gone({life}, error)

    # --- Objects of its own

    def make(self) -> None:
        """Have a tool made, and keep it for a while."""
        self._keep(self._manager.tool)

    def spawn(self) -> None:
        """Have a tool make another."""
        if self._tools:
            kept = self._dice.choice(self._tools)
            self._using(kept, lambda: self._keep(kept.tool.spawn))

    def _keep(self, make: Callable[[str], ToolProxy]) -> None:
        life, name = self._manager.witness().life(), str(self._next())
        tool = self._signals.during(self._in_time(lambda: make(name)))
        self._tools.append(Kept(tool, name, life))
        if len(self._tools) > _TOOLS:
            del self._tools[self._dice.randrange(_TOOLS)]

    def use(self) -> None:
        """Use a tool that was made before."""
        if not self._tools:
            return
        kept, other = self._dice.choice(self._tools), self._dice.choice(self._tools)
        self._using(kept, lambda: self._check(kept))
        # Only older ones, so that they are not friends in a circle, which waits for the collector.
        if self._dice.random() < 0.3 and int(other.name) < int(kept.name):
            self._using(kept, lambda: kept.tool.befriend(other.tool), other)

    def _check(self, kept: Kept) -> None:
        name = self._signals.during(self._in_time(kept.tool.name))
        if name != kept.name:
            self._write("wrong", f"{kept.name} is called {name}")

    def _using(self, kept: Kept, call: Callable[[], object], *others: Kept) -> None:
        try:
            call()
        except ObjectGone as error:
            used = kept, *others
            self._gone({each.life for each in used}, error)
            # What has gone with the server is of no use any more.
            life = self._manager.witness().life()
            self._tools = [each for each in self._tools if each not in used or each.life == life]

    def _gone(self, lives: set[int], error: Exception) -> None:
        """Make sure that what is gone is gone with the server."""
        if lives == {self._manager.witness().life()}:
            self._write("wrong", f"the server is the same, but: {error!r}")

    # --- Children

    def _fork(self) -> None:
        self._signals.to_fork = False
        if os.fork():
            return
        # Others wait for the parent's output to end.
        nothing = os.open(os.devnull, os.O_RDWR)
        errors = os.open(f"{self._folder}/errors", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for number, stream in enumerate((nothing, nothing, errors)):
            os.dup2(stream, number)
        parent = os.getppid()
        self._open_books()
        self._dice.seed(self._number)
        self._number += 10_000_000
        for kept in tuple(self._tools):
            # What it inherited is kept for it only for a while, until it uses it.
            self._using(kept, kept.tool.name)
        self._write("forked", parent)


def main(url: str, key: str, seed: int, first: int, folder: str) -> None:
    """Live until told to end."""
    with open_arena(url, key) as manager:
        Chaotic(manager, seed, first, folder).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
