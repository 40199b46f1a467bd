"""A client that is interrupted all the time, at random moments, and keeps its own books.

Signals raise wherever the main thread happens to be within a call. What the books say is printed
as JSON in the end: which notes were returned, which surely ran or did not, and what was wrong.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from traceback import walk_tb
from types import FrameType
from typing import Any, TypeVar

from support.arena.manager import ArenaManager
from support.arena.serving import open_arena

import kinfolk
from kinfolk.errors import ArgumentError, CallTimeout, ConnectionClosed, ConnectionLost

T = TypeVar("T")

_BEGINNINGS = {"RLockProxy.release", "RLockProxy.__exit__", "Proxy._give_back"}


class Interrupted(BaseException):
    """What the handler raises."""


class Broken(Interrupted, OSError):
    """What it raises as if the system had."""


class Late(Interrupted, TimeoutError):
    """What it raises as if the time were over."""


class Odd(Interrupted, ValueError):
    """What it raises as if something could not be read."""


class Lost(Interrupted, ConnectionLost):
    """What a call of its own raises, which is another than the one that it struck."""

    def __init__(self) -> None:
        super().__init__("the connection to another server", executed="no")


class Closed(Interrupted, ConnectionClosed):
    """What one of a manager that was closed raises."""


class Unfit(Interrupted, ArgumentError):
    """What one with a wrong argument raises."""


_KINDS = (Interrupted, Broken, Late, Odd, Lost, Closed, Unfit, KeyboardInterrupt)


def _is_interruption(error: BaseException) -> bool:
    """Return whether the handler raised this, or the standard library in its place."""
    if isinstance(error, Interrupted | KeyboardInterrupt):
        return True
    *_, (last, _) = walk_tb(error.__traceback__)
    struck = isinstance(error.__context__, Interrupted)
    return struck and last.f_globals["__name__"].partition(".")[0] in sys.stdlib_module_names


class Alarm:
    """Raises in the main thread after a while, as many times as it is armed for."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._strikes = 0
        signal.signal(signal.SIGALRM, self._ring)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self._strikes:
            self._strikes -= 1
            if self._strikes:
                self._set()
            raise self._dice.choice(_KINDS)

    def _set(self) -> None:
        longest = self._dice.choice([1e-4, 3e-4, 1e-3])
        signal.setitimer(signal.ITIMER_REAL, self._dice.uniform(1e-6, longest))

    def during(self, call: Callable[[], T], strikes: int = 1) -> T:
        """Call something, and perhaps interrupt it, and what is done about that as well."""
        self._strikes = strikes
        try:
            self._set()
            return call()
        finally:
            self._strikes = 0


class Storm:
    """One client's life.

    Args:
        manager: Its manager.
        seed: For its dice, and its number: the notes of two clients must differ.
        rounds: How many calls it makes of each kind.
    """

    def __init__(self, manager: ArenaManager, seed: int, rounds: int) -> None:
        self._manager = manager
        self._dice = random.Random(seed)
        self._alarm = Alarm(self._dice)
        self._rounds = rounds
        self._number = seed * 10_000_000
        self.returned: list[int] = []
        self.ran: list[int] = []
        self.did_not_run: list[int] = []
        self.wrong: list[str] = []
        self._history: deque[tuple[str, traceback.TracebackException | None]] = deque(maxlen=5)
        self.interruptions = 0
        # Those that struck while a lock was being given back.
        self.giving_back = 0
        self._acts = (
            *(self.note, self.note_in_time, self.make, self.drop, self.twice),
            *(self.lock, self.lock_in_time, self.release, self.hold, self.hold_too_long),
        )

    def run(self) -> None:
        """Live it."""
        for _ in range(self._rounds):
            for act in self._acts:
                try:
                    act()
                except BaseException as error:
                    if not _is_interruption(error):
                        raise
                    self.interruptions += 1
                    self._note(act.__name__, error)
                else:
                    self._history.append((act.__name__, None))

    def _note(self, what: str, error: BaseException) -> None:
        """Note what was cut short, and where: it may be seen only later what came of it."""
        # Put into words only if something is wrong, which takes longer than all the rest.
        where = traceback.TracebackException.from_exception(error, lookup_lines=False)
        self._history.append((what, where))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def note(self) -> None:
        """Make a call that returns what it is given, so that another's reply would be noticed."""
        number = self._next()
        answer = self._alarm.during(lambda: self._manager.ledger().note(number))
        if answer != number:
            self.wrong.append(f"note({number}) returned {answer}")
        self.returned.append(number)

    def note_in_time(self) -> None:
        """Make one under a deadline."""
        number = self._next()
        try:
            with kinfolk.deadline(self._dice.uniform(1e-5, 6e-4)):
                answer = self._manager.ledger().note(number)
        except CallTimeout as error:
            {"yes": self.ran, "no": self.did_not_run, "unknown": []}[error.executed].append(number)
            return
        if answer != number:
            self.wrong.append(f"note({number}) returned {answer}")
        self.returned.append(number)

    def twice(self) -> None:
        """Be interrupted while an interruption is dealt with."""
        self._alarm.during(self._manager.belt().left, strikes=2)

    def lock(self) -> None:
        """Wait for the lock; whoever is interrupted does not have it."""
        lock = self._manager.lock()
        self._alarm.during(lock.acquire)
        self._inside()

    def lock_in_time(self) -> None:
        """Wait for the lock under a deadline."""
        try:
            with kinfolk.deadline(self._dice.uniform(1e-5, 2e-3)):
                self._manager.lock().acquire()
        except CallTimeout as error:
            self._note(error.executed, error)
            if error.executed == "no":
                self._check_given_back()
            if error.executed == "yes":
                self._manager.lock().release()
            return
        self._inside()

    def _inside(self) -> None:
        witness = self._manager.witness()
        witness.enter()
        witness.leave()
        self._manager.lock().release()

    def release(self) -> None:
        """Give the lock back; whoever is interrupted does not have it any more."""
        self._manager.lock().acquire()
        self._given_back(self._manager.lock().release)

    def hold(self) -> None:
        """Hold the lock for a block; whoever is interrupted, wherever, does not have it."""
        self._given_back(self._hold)

    def hold_too_long(self) -> None:
        """Hold the lock for longer than there is time; it is given back all the same."""
        with suppress(CallTimeout), kinfolk.deadline(self._dice.uniform(1e-5, 1e-3)):
            self._hold()
        self._check_given_back()

    def _hold(self) -> None:
        with self._manager.lock():
            self._manager.belt().left()

    def _given_back(self, call: Callable[[], object]) -> None:
        try:
            self._alarm.during(call)
        except (Interrupted, KeyboardInterrupt) as error:
            self._note("just now", error)
            *_, (struck, _), _handler = walk_tb(error.__traceback__)
            code = struck.f_code
            if "kinfolk" not in code.co_filename or code.co_qualname in _BEGINNINGS:
                # Python may run a handler before the first line of what is called.
                with suppress(RuntimeError):
                    self._manager.lock().release()
            else:
                self.giving_back += 1
            self._check_given_back()
            raise

    def _check_given_back(self) -> None:
        try:
            self._manager.lock().release()
        except RuntimeError:
            return
        before = "\n".join(
            f"{what}: {''.join(where.format()) if where else ''}" for what, where in self._history
        )
        self.wrong.append(f"a lock is held that was given back, or never taken, after\n{before}")

    def make(self) -> None:
        """Make an object, and let it go."""
        name = str(self._next())
        tool = self._alarm.during(lambda: self._manager.tool(name))
        if tool.name() != name:
            self.wrong.append(f"{name} is called {tool.name()}")

    def drop(self) -> None:
        """Make an object that is let go while the signal may come, and a stream."""
        name = str(self._next())
        self._alarm.during(lambda: next(self._manager.tool(name).parts()))


def main(url: str, key: str, seed: int, rounds: int) -> None:
    """Live through a storm, say what came of it, and stay until told to go."""
    with open_arena(url, key) as manager:
        storm = Storm(manager, seed, rounds)
        storm.run()
        manager.belt().left()
        channel: Any = manager._channel
        names = "returned", "ran", "did_not_run", "wrong", "interruptions", "giving_back"
        books = {name: getattr(storm, name) for name in names}
        pool = channel._pool
        books["connections"] = len(pool._connections)
        books["idle"] = len(pool._idle)
        print(json.dumps(books), flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
