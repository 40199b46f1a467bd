"""Objects that notice when something is done twice, lost, or done by two at once."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator

from kinfolk import factory, manager, shared, singleton
from kinfolk.host.owners import Owner
from kinfolk.host.waiters import current_owner
from kinfolk.types import RLock

JOURNAL = "ARENA_JOURNAL"
"""The variable that names the file with the books of a server that may be killed."""

_journal = (
    None if JOURNAL not in os.environ else os.open(os.environ[JOURNAL], os.O_WRONLY | os.O_APPEND)
)


def _write(what: str, number: int) -> None:
    """Write a line that outlives the server, in one step."""
    if _journal is not None:
        os.write(_journal, f"{what} {number}\n".encode())


@shared
class Ledger:
    """Notes what was done, in order."""

    def __init__(self) -> None:
        self._notes: list[int] = []

    def note(self, number: int) -> int:
        """Note a number; return it."""
        _write("note", number)
        self._notes.append(number)
        return number

    def release(self, number: int) -> None:
        """Note a number, as one that gives something back."""
        self.note(number)

    def notes(self) -> list[int]:
        """Return all that was noted."""
        return list(self._notes)

    def hold(self, gate: Gate) -> None:
        """Keep the turn of the ledger until a gate opens."""
        gate.pass_()


@shared(concurrent=True)
class Gate:
    """Lets calls through once it is open."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._guard = threading.Condition()
        self._inside = 0

    def pass_(self) -> None:
        """Wait, with a thread, until the gate is open."""
        with self._guard:
            self._inside += 1
            self._guard.notify_all()
        self._opened.wait()

    def until_inside(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until so many calls of `pass_` have begun."""
        with self._guard:
            return self._guard.wait_for(lambda: self._inside >= count, timeout)

    def open(self) -> None:
        """Let everybody through, from now on."""
        self._opened.set()


@shared(concurrent=True)
class Witness:
    """Sees who is where only one may be, and whether two are there at once."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._inside: Owner | None = None
        self._entries = 0
        self._meetings = 0

    def life(self) -> int:
        """Return a number that no other life of this server has."""
        return os.getpid()

    def enter(self, life: int | None = None) -> int:
        """Note that the caller is inside; return how many have been before.

        A caller that says in which life of the server it was let in, which was another, is not: its
        lock died with that. It is told -1.
        """
        if life not in {None, os.getpid()}:
            return -1
        owner = current_owner()
        with self._guard:
            there = self._inside
            if there is not None and not there.session.ended:
                self._meetings += 1
                _write("meeting", self._entries)
            self._inside = owner
            self._entries += 1
            return self._entries - 1

    def leave(self) -> None:
        """Note that the caller is inside no more."""
        with self._guard:
            if self._inside == current_owner():
                self._inside = None

    def meetings(self) -> int:
        """Return how many came in while another was there."""
        return self._meetings

    def entries(self) -> int:
        """Return how many came in."""
        return self._entries


@shared
class Belt:
    """Items that are taken away as they are looked at."""

    def __init__(self) -> None:
        self._items: deque[int] = deque()

    def put(self, items: list[int]) -> None:
        """Add items."""
        for item in items:
            _write("put", item)
        self._items.extend(items)

    def drain(self) -> Iterator[int]:
        """Take items, one by one."""
        while self._items:
            item = self._items.popleft()
            _write("take", item)
            yield item

    def left(self) -> list[int]:
        """Return what nobody has taken."""
        return list(self._items)


_tools: weakref.WeakSet[Tool] = weakref.WeakSet()
_closed: list[str] = []


@shared
class Tool:
    """An object of one client's, which is counted as long as it lives."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._friend: Tool | None = None
        _tools.add(self)

    def name(self) -> str:
        """Return its name."""
        return self._name

    def befriend(self, other: Tool) -> None:
        """Refer to another."""
        self._friend = other

    def friend(self) -> Tool:
        """Return the other, or itself if there is none."""
        return self._friend or self

    def spawn(self, name: str) -> Tool:
        """Return a new one."""
        return Tool(name)

    def work(self, gate: Gate) -> str:
        """Wait at a gate, and return the name."""
        gate.pass_()
        return self._name

    def parts(self) -> Iterator[str]:
        """Yield the letters of the name."""
        yield from self._name

    def letters(self) -> Iterator[str]:
        """Return what `parts` yields, as an iterator that is no generator and needs the tool."""
        return map(self._letter, range(len(self._name)))

    def _letter(self, index: int) -> str:
        return self._name[index]

    def close(self) -> None:
        """Note the end."""
        _closed.append(self._name)


@shared
class Valve:
    """Closes only when a gate opens."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def close(self) -> None:
        """Wait at the gate."""
        self._gate.pass_()
        _closed.append("valve")

    def turns(self) -> Iterator[int]:
        """Yield numbers."""
        yield from range(10)

    def hold(self, gate: Gate) -> None:
        """Keep the turn of the valve until a gate opens."""
        gate.pass_()


@shared
class Census:
    """Counts the tools."""

    def alive(self) -> int:
        """Return how many there are."""
        return len(_tools)

    def closed(self) -> list[str]:
        """Return the names of those that were closed."""
        return list(_closed)


@manager
class Arena:
    """What a test under stress is about."""

    ledger = singleton(Ledger)
    witness = singleton(Witness)
    belt = singleton(Belt)
    lock = singleton(RLock)
    census = singleton(Census)
    door = singleton(Gate)
    gate = factory(Gate)
    tool = factory(Tool)
    valve = factory(Valve)
