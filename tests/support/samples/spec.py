"""What the tests of servers and clients share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import attrs

from kinfolk import blocking, factory, hidden, manager, shared, singleton
from kinfolk.host.waiters import Waiters, current_owner, deferred, later
from kinfolk.types import RLock


@attrs.frozen
class Page:
    """A value."""

    url: str
    status: int = 0


@shared
@attrs.define
class Frontier:
    """URLs still to fetch."""

    limit: int = 1000
    _pages: dict[str, Page] = attrs.field(factory=dict[str, Page], init=False)

    def push(self, url: str, *, priority: int = 0) -> bool:
        """Queue a URL once; return whether it was new."""
        page = Page(url, priority)
        return self._pages.setdefault(url, page) is page

    def pop(self) -> Page | None:
        """Take a page, or None if there is none."""
        return self._pages.popitem()[1] if self._pages else None

    def __len__(self) -> int:
        return len(self._pages)

    def __iter__(self) -> Iterator[Page]:
        yield from self._pages.values()

    @hidden
    def forget(self) -> None:
        """Do what no client may."""
        self._pages.clear()

    def _secret(self) -> int:
        return 42


@shared
@attrs.define
class Job:
    """An object of one client's."""

    name: str
    retries: int = 3

    def describe(self) -> str:
        """Say what it is."""
        return f"{self.name} x{self.retries}"


class Odd(Exception):
    """An exception that no client knows, and that cannot travel."""

    def __init__(self, guard: threading.Lock) -> None:
        super().__init__(guard)
        self.guard = guard

    def __str__(self) -> str:
        return "odd"


@shared
class Trouble:
    """Does what an object should not."""

    def echo(self, value: bytes) -> bytes:
        """Give back what came."""
        return value

    def anything(self, value: Any) -> Any:
        """Give back whatever came."""
        return value

    def grow(self, size: int) -> bytes:
        """Return so many bytes."""
        return bytes(size)

    def refuse(self, text: str) -> None:
        """Raise an exception that everybody knows."""
        raise ValueError(text)

    def puzzle(self) -> None:
        """Raise an exception that cannot travel."""
        raise Odd(threading.Lock())

    def leave(self) -> None:
        """Raise what would end a program."""
        raise SystemExit(3)

    def lie(self) -> int:
        """Return what is not declared."""
        return "a word"  # type: ignore[return-value]


@shared(concurrent=True)
class Station:
    """Where calls wait for each other, and where it is seen who has left."""

    def __init__(self) -> None:
        self._guard = threading.Condition()
        self._present: set[str] = set()
        self._inside = 0
        self._open = threading.Event()
        self._gate: Waiters[bool] = Waiters()

    def enrol(self, name: str) -> None:
        """Note that the caller's process is here; the note ends with its session."""
        with self._guard:
            self._present.add(name)
            self._guard.notify_all()
        current_owner().session.at_end(name, lambda: self._leave(name))

    def _leave(self, name: str) -> None:
        with self._guard:
            self._present.discard(name)
            self._guard.notify_all()

    def present(self) -> list[str]:
        """Return who is here."""
        with self._guard:
            return sorted(self._present)

    def until(self, name: str, here: bool, timeout: float = 10.0) -> bool:
        """Wait, with a thread, until somebody is here or gone; return whether it came true."""
        with self._guard:
            return self._guard.wait_for(lambda: (name in self._present) == here, timeout)

    def stay(self, timeout: float | None = None) -> None:
        """Run on until `leave_all`, or for so many seconds, with a thread."""
        with self._guard:
            leave = self._open
            self._inside += 1
            self._guard.notify_all()
        leave.wait(timeout)

    def inside(self) -> int:
        """Return how many calls of `stay` have begun."""
        return self._inside

    def until_inside(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until so many calls of `stay` have begun."""
        with self._guard:
            return self._guard.wait_for(lambda: self._inside >= count, timeout)

    def leave_all(self) -> None:
        """End all calls of `stay` that have begun."""
        before, self._open = self._open, threading.Event()
        before.set()

    @blocking
    @deferred
    def knock(self) -> bool:
        """Wait, without a thread, for the next `open_gate`."""
        with self._guard:
            waiter = self._gate.add(None, expired=False)
            self._guard.notify_all()
        return later(waiter)

    def waiting(self) -> int:
        """Return how many knock."""
        return len(self._gate)

    def until_waiting(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until so many knock."""
        with self._guard:
            return self._guard.wait_for(lambda: len(self._gate) >= count, timeout)

    def open_gate(self) -> int:
        """Let everybody in who knocks; return how many there were."""
        count = 0
        while waiter := self._gate.next():
            count += waiter.settle(True)
        return count


@manager
class Sample:
    """What a test's server offers."""

    frontier = singleton(Frontier, limit=500)
    trouble = singleton(Trouble)
    station = singleton(Station)
    lock = singleton(RLock)
    job = factory(Job)
