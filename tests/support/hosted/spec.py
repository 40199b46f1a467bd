"""Shared classes for the tests of hosts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Generic, Self, TypeVar, cast

import attrs

from kinfolk import blocking, factory, manager, shared, singleton, stream
from kinfolk.types import Dict, RLock

T = TypeVar("T")


@attrs.frozen
class Page:
    """A value."""

    url: str
    status: int = 0


class Refused(Exception):
    """An exception that callers know, with an `__init__` of its own."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url} answered {status}")
        self.url = url
        self.status = status


class Unknown(Exception):
    """An exception that callers do not know."""


@shared
@attrs.define
class Frontier:
    """URLs still to fetch."""

    limit: int = 1000
    _pages: dict[str, Page] = attrs.field(factory=dict[str, Page], init=False)

    def push(self, url: str, *, priority: int = 0) -> bool:
        """Queue a URL once; return whether it was new."""
        return self._pages.setdefault(url, page := Page(url, priority)) is page

    def push_all(self, *urls: str, **statuses: int) -> None:
        """Queue several."""
        for url in urls:
            self.push(url)
        for url, status in statuses.items():
            self.push(url, priority=status)

    def pop(self) -> Page | None:
        """Take one."""
        return self._pages.popitem()[1] if self._pages else None

    @property
    def full(self) -> bool:
        """Whether there is no room."""
        return len(self._pages) >= self.limit

    def __len__(self) -> int:
        return len(self._pages)

    def __contains__(self, url: str) -> bool:
        return url in self._pages

    def __getitem__(self, url: str) -> Page:
        return self._pages[url]

    def __iter__(self) -> Iterator[Page]:
        yield from self._pages.values()

    def secret(self) -> str:
        """Not exposed by the generated module."""
        return "secret"


@shared
class Counter:
    """Counts, in two steps."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, by: int = 1) -> int:
        """Add, giving others every chance to come between."""
        seen = self.count
        time.sleep(0)
        self.count = seen + by
        return self.count

    def add_from(self, other: Counter) -> int:
        """Add what another has, by calling it."""
        return self.add(other.add(0))

    def __add__(self, other: int) -> int:
        if other < 0:
            return NotImplemented
        return self.count + other

    def __iadd__(self, other: int) -> Self:
        self.count += other
        return self if other else type(self)()

    def __call__(self) -> int:
        """Return the count."""
        return self.count


@shared
@attrs.define
class Job:
    """Made by a factory, or by the planner."""

    name: str
    retries: int = 3

    def run(self) -> str:
        """Return what it did."""
        return f"{self.name} ran"


@shared
@attrs.define
class UrgentJob(Job):
    """A shared class with a shared base."""

    def hurry(self) -> str:
        """Only the derived class has it."""
        return f"{self.name} hurries"


class SecretJob(UrgentJob):
    """Not shared itself."""


@shared
class Planner:
    """Takes and returns shared objects."""

    def __init__(self, frontier: Frontier, make: type[Job]) -> None:
        self._frontier = frontier
        self._make = make
        self._jobs: dict[str, Job] = {}

    def frontier(self) -> Frontier:
        """Return a singleton."""
        return self._frontier

    def plan(self, url: str) -> bool:
        """Call another object."""
        return self._frontier.push(url)

    def job(self, name: str, kind: str = "job") -> Job:
        """Return an object: a new one, or the one that has the name."""
        kinds: dict[str, Callable[[str], Job]] = {
            "job": self._make,
            "urgent": UrgentJob,
            "secret": SecretJob,
        }
        if name not in self._jobs:
            self._jobs[name] = kinds[kind](name)
        return self._jobs[name]

    def jobs(self) -> dict[str, list[Job]]:
        """Return objects within values."""
        return {"all": list(self._jobs.values())}

    def is_mine(self, job: Job) -> bool:
        """Return whether it is the very object."""
        return self._jobs.get(job.name) is job

    def hurry(self, job: UrgentJob) -> str:
        """Take a derived class."""
        return job.hurry()

    def forget(self) -> None:
        """Keep no job."""
        self._jobs.clear()


@shared
class Peer:
    """Calls others while others call it; `meet` is set by tests, and is not exposed."""

    meet: threading.Barrier

    def start(self, other: Peer) -> str:
        """Call another as soon as everybody has started."""
        self.meet.wait(30)
        return other.answer()

    def answer(self) -> str:
        """Be called."""
        return "answered"

    def call_back(self, other: Peer) -> str:
        """Call one that calls back."""
        return other.call(self)

    def call(self, other: Peer) -> str:
        """Call another."""
        return other.answer()


@shared
class Trouble:
    """Does what it should not."""

    def divide(self) -> float:
        """Raise a builtin exception."""
        return 1 / 0

    def refuse(self) -> None:
        """Raise an exception that callers know."""
        raise Refused("https://example.org", 403)

    def fail(self) -> None:
        """Raise one that they do not know, from another."""
        try:
            self.divide()
        except ZeroDivisionError as error:
            raise Unknown("no idea") from error

    def leave(self) -> None:
        """Raise what is meant to end a process."""
        raise SystemExit(3)

    def lie(self) -> int:
        """Return what is not declared."""
        return cast("int", "seven")

    def lie_about_jobs(self) -> list[Job]:
        """Return one that fits and one that does not."""
        return [Job("good"), cast("Job", 7)]

    def lie_about_streams(self) -> Iterator[int]:
        """Return no iterator."""
        return cast("Iterator[int]", [1])

    def deep(self) -> object:
        """Return what is nested too deep."""
        value: object = 0
        for _ in range(10_000):
            value = [value]
        return value


@shared
class Feed:
    """Streams; `closed` says which ones were closed early."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.steps = 0

    def numbers(self, count: int) -> Generator[int, None, None]:
        """Yield numbers, one per request."""
        try:
            for number in range(count):
                self.steps += 1
                yield number
        finally:
            self.closed.append("numbers")

    @stream(ahead=3)
    def batches(self, count: int) -> Iterator[int]:
        """Yield numbers, three per request."""
        for number in range(count):
            self.steps += 1
            yield number

    @stream(ahead=3)
    def letters(self) -> Iterator[str]:
        """Return an iterator that is no generator."""
        return iter("abcd")

    @stream(ahead=10)
    def breaks(self, after: int) -> Iterator[int]:
        """Raise after so many items."""
        yield from range(after)
        raise Refused("https://example.org", 500)

    @stream(ahead=10)
    def lies(self) -> Iterator[int]:
        """Yield what is not declared."""
        try:
            yield 1
            yield cast("int", "two")
        finally:
            self.closed.append("lies")

    @stream(ahead=10)
    def jobs(self) -> Iterator[Job]:
        """Yield shared objects."""
        yield Job("first")
        yield UrgentJob("second")


@shared(concurrent=True)
class OpenFeed:
    """Guards itself, and yet a generator can make only one step at a time."""

    @stream(ahead=5)
    def numbers(self, count: int) -> Iterator[int]:
        """Yield numbers, giving others every chance to come between."""
        for number in range(count):
            time.sleep(0)
            yield number


@shared
class Box(Generic[T]):
    """Holds one value of a type of its own."""

    def __init__(self, value: T) -> None:
        self._value = value

    def get(self) -> T:
        """Return it."""
        return self._value

    def put(self, value: T) -> None:
        """Replace it."""
        self._value = value


@shared
class Boxes:
    """Hands out one box as boxes of several types."""

    def __init__(self) -> None:
        self._box: Box[int] = Box(1)

    def whole(self) -> Box[int]:
        """Return it as what it is."""
        return self._box

    def text(self) -> Box[str]:
        """Return it as what it is not."""
        return cast("Box[str]", self._box)

    def take(self, box: Box[int]) -> int:
        """Take a box of one type."""
        return box.get()


@shared(concurrent=True)
class Gate:
    """Blocks in plain Python, and uses a lock that clients use too."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._open = threading.Event()

    @blocking
    def wait(self) -> bool:
        """Wait until it is opened."""
        return self._open.wait(30)

    def open(self) -> None:
        """End all waits."""
        self._open.set()

    @blocking
    def under_lock(self) -> bool:
        """Acquire and release the lock that it was made with."""
        with self._lock:
            return True


@shared
class Vault:
    """Takes turns, and uses a lock that clients use too; the events are set by tests."""

    inside: threading.Event | None = None
    go_on: threading.Event | None = None

    def __init__(self, lock: RLock) -> None:
        self._lock = lock

    def read(self) -> str:
        """Read under the lock."""
        inside, self.inside = self.inside, None
        if inside is not None and self.go_on is not None:
            inside.set()
            self.go_on.wait(30)
        with self._lock:
            return "gold"

    def try_to_read(self, timeout: float) -> str:
        """Read if the lock can be had in time."""
        if not self._lock.acquire(timeout=timeout):
            return ""
        self._lock.release()
        return "gold"


@manager
class Town:
    """What the tests call."""

    frontier = singleton(Frontier, limit=500)
    counter = singleton(Counter)
    job = factory(Job)
    planner = singleton(Planner, frontier, job)
    trouble = singleton(Trouble)
    feed = singleton(Feed)
    open_feed = singleton(OpenFeed)
    boxes = singleton(Boxes)
    lock = singleton(RLock)
    gate = singleton(Gate, lock)
    vault = singleton(Vault, lock)
    cookies = singleton(Dict[str, Page], {"a": Page("a")})
    peer = factory(Peer)
    box = factory(Box[int])
