"""Workers that use shared objects at random, until they are killed.

`python -m support.sharing.fleet ADDRESS SERIALIZER BOOK` forks a worker for each line `SEED` that
it reads, and prints its number. Workers write what they do into one book, each line in one step, so
that the lines stand in the order in which things happened:

    enter NAME TOKEN PID      it is inside NAME, of which this is the token, if it has any
    leave NAME TOKEN PID      it is about to go
    begin ITEM PID            it works on an item
    done ITEM PID             it is about to finish the item
    failed ITEM PID           it is about to fail
    putting ITEM PID          it is about to put an item into the queue
    put ITEM PID              it did
    refused ITEM PID          there was no room
    got ITEM PID              it took that out
    wrong PID REASON          what must never be

Whoever kills a worker writes `kill PID` before.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from queue import Empty, Full
from threading import BrokenBarrierError
from typing import Any

from support.sharing.manager import SharingManager

import kinfolk
from kinfolk.errors import CallTimeout

__all__ = ["Book"]


class Book:
    """A file that many processes write to."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, *words: object) -> None:
        """Add a line."""
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


class Failing(Exception):
    """What a worker raises in the middle of its work."""


class Worker:
    """One worker's life; one that hurries has deadlines, which not every wire knows."""

    def __init__(self, manager: SharingManager, seed: int, book: Book, *, hurries: bool) -> None:
        self._sharing = manager
        self._dice = random.Random(seed)
        self._first = seed * 1_000_000
        self._pid = os.getpid()
        self._book = book
        self._hurries = hurries

    def run(self) -> None:
        """Do one thing after another."""
        acts = [self.lock, self.lock, self.semaphore, self.condition, self.meet, self.work,
                self.work, self.put, self.get]  # fmt: skip
        while True:
            act = self._dice.choice(acts)
            try:
                act()
            except (CallTimeout, Failing, Empty, Full, BrokenBarrierError):
                pass
            except Exception as error:
                self._book.write("wrong", self._pid, act.__name__, repr(error))

    def _deadline(self) -> Any:
        seconds = self._dice.choice([0.0005, 0.002, 0.01, 0.05])
        return kinfolk.deadline(seconds) if self._hurries else nullcontext()

    @contextmanager
    def _inside(self, name: str, token: int = 0) -> Iterator[None]:
        self._book.write("enter", name, token, self._pid)
        try:
            if self._dice.random() < 0.5:
                self._sharing.event().is_set()
            yield
        finally:
            self._book.write("leave", name, token, self._pid)

    # --- What it does

    def lock(self) -> None:
        """Be inside, alone."""
        name = self._dice.choice(["lock", "rlock"])
        lock = getattr(self._sharing, name)()
        with self._deadline():
            lock.acquire()
        with self._inside(name, lock.token):
            pass
        lock.release()

    def semaphore(self) -> None:
        """Be inside, with one other at most."""
        semaphore = self._sharing.semaphore()
        if semaphore.acquire(timeout=0.01):
            with self._inside("semaphore"):
                pass
            semaphore.release()

    def condition(self) -> None:
        """Notify somebody, or wait, with the lock that the others use too."""
        lock, condition = self._sharing.lock(), self._sharing.locked_condition()
        with condition:
            with self._inside("lock", lock.token):
                if self._dice.random() < 0.5:
                    condition.notify(self._dice.choice([1, 2]))
            if self._dice.random() < 0.7:
                with self._deadline():
                    condition.wait(self._dice.choice([None if self._hurries else 0, 0.001, 0.02]))
                with self._inside("lock", lock.token):
                    pass

    def meet(self) -> None:
        """Meet another one."""
        barrier = self._sharing.barrier()
        try:
            barrier.wait(self._dice.choice([0.001, 0.02]))
        except BrokenBarrierError:
            barrier.reset()

    def work(self) -> None:
        """Work on an item."""
        with self._sharing.work().take(timeout=0.01) as item:
            self._book.write("begin", item, self._pid)
            if self._dice.random() < 0.2:
                self._book.write("failed", item, self._pid)
                raise Failing
            self._book.write("done", item, self._pid)

    def put(self) -> None:
        """Put a number into the queue."""
        self._first += 1
        item = self._first
        self._book.write("putting", item, self._pid)
        try:
            self._sharing.queue().put(item, timeout=0.005)
        except Full:
            self._book.write("refused", item, self._pid)
            raise
        self._book.write("put", item, self._pid)

    def get(self) -> None:
        """Take a number out."""
        with self._deadline():
            item = self._sharing.queue().get(timeout=0.02)
        self._book.write("got", item, self._pid)


def main(address: str, serializer: str, path: str) -> None:
    """Fork workers as told, until there is nobody who could tell."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 0)
            os.dup2(nothing, 1)
            manager = SharingManager.open(address, serializer=serializer)
            Worker(manager, int(line), Book(path), hurries=serializer == "typed").run()
        print(pid, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
