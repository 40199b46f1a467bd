"""Turns: calls on one object do not overlap.

A turn belongs to a chain of calls, which is what one thread does from its outermost call on. Within
the chain it is re-entrant. Who finds it taken waits, and gets it in the order of arrival. A chain
that would wait for itself, over any number of others, gets `Deadlock` at once.

An object has one turn in the process, however many hosts it lives in, and it has it for life: it
may be called by other objects long after the last client has let it go.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable

from kinfolk.deadlines import pieces
from kinfolk.errors import CallTimeout
from kinfolk.host.chains import Chain, graph, thread
from kinfolk.host.owners import Owner

__all__ = ["Turn", "give_turn", "take_turn_away", "turn_of", "withdraw"]


class Turn:
    """The right to be the one call of an object.

    Args:
        subject: What it is the turn of: a weak reference, or the object where there can be none.
    """

    __slots__ = ("_depth", "_holder", "_label", "_queue", "hosts", "subject")

    def __init__(self, subject: object) -> None:
        self.subject = subject
        self.hosts = 0
        self._holder: Chain | None = None
        self._label = ""
        self._depth = 0
        # No deque before it is needed: an empty one takes more memory than most shared objects.
        self._queue: deque[Chain] | tuple[()] = ()

    @property
    def mine(self) -> bool:
        """Whether this thread's chain has it."""
        return self._holder is thread.chain

    @property
    def held_by(self) -> str | None:
        """The call that has it, None if it is free."""
        return self._label if self._holder is not None else None

    @property
    def waiting(self) -> int:
        """How many chains wait for it."""
        return len(self._queue)

    def parties(self) -> tuple[tuple[str, Chain] | None, list[tuple[str, Chain, Owner | None]]]:
        """Return the call that has it, and those that wait, each with its chain.

        Of those that wait it is known for whom; the holder goes on meanwhile.
        """
        with graph.lock:
            holder = None if self._holder is None else (self._label, self._holder)
            return holder, [(chain.label, chain, chain.owner) for chain in self._queue]

    def take(self, label: str, until: Callable[[], float | None] = lambda: None) -> None:
        """Get the turn for a call, waiting for it if another chain has it; `leave` ends it.

        Args:
            label: What others read of the call: `Frontier.push`.
            until: Returns when to wait no longer, by `time.monotonic`; asked only who has to wait.

        Raises:
            Deadlock: The other chain waits, itself or through others, for a turn of this one.
            CallTimeout: It took too long, or the call was taken back meanwhile; see `withdraw`.
        """
        chain = thread.chain
        # Nearly every call gets it at once, and a lock would take longer than all the rest. Nothing
        # is called in this line, so no other thread and no signal handler comes in.
        self._holder = holder = self._holder or chain
        if holder is not chain:
            self._wait(chain, label, until)
            return
        self._depth += 1
        if self._depth == 1:
            self._label = label

    def leave(self) -> None:
        """End a call; with the outermost one the turn goes to the next in the queue."""
        self._depth -= 1
        if self._depth:
            return
        if not self._queue:
            self._holder = None
            # Asked again, of one who has just begun to wait and found it taken.
            if not self._queue:
                return
        with graph.lock:
            self._pass_on(thread.chain)

    def _wait(self, chain: Chain, label: str, until: Callable[[], float | None]) -> None:
        try:
            self._line_up(chain, label)
            left = pieces(until())
            in_time = any(chain.granted.acquire(timeout=seconds) for seconds in left)
        except BaseException:
            self._give_up(chain)
            raise
        if not in_time:
            self._give_up(chain)
        if not in_time or self._holder is not chain:
            raise _too_late(label)

    def _line_up(self, chain: Chain, label: str) -> None:
        with graph.lock:
            if chain.withdrawn is not None and chain.withdrawn is chain.serves:
                raise _too_late(label)
            graph.begin(chain, self, label)
            if not self._queue:
                self._queue = deque()
            self._queue.append(chain)
            # Who had it may have left, and have seen nobody wait.
            self._pass_on()

    def _pass_on(self, leaving: Chain | None = None) -> None:
        """Give it to the first who waits, if it is free or one leaves, with the graph's lock held.

        Others may take it at this very moment.
        """
        if self._holder is leaving is not None:
            self._holder = self._queue[0] if self._queue else None
        elif self._queue:
            self._holder = self._holder or self._queue[0]
        if self._queue and self._holder is self._queue[0]:
            # All of it before anything is called, in which a signal handler may take it too.
            self._label, self._depth = self._queue[0].label, 1
            chain = self._queue.popleft()
            graph.end(chain)
            chain.granted.release()

    def holder(self) -> tuple[str, Chain | None]:
        """Return the call that has it, and its chain; see `Awaited.holder`."""
        return self._label, self._holder

    def _give_up(self, chain: Chain) -> None:
        """Leave the queue, since the wait was interrupted."""
        with graph.lock:
            if chain.waits_for is self:
                self.dismiss(chain)
            # It may have been handed over, or withdrawn, at the same moment.
            chain.granted.acquire(blocking=False)
            handed = self._holder is chain
        if handed:
            self.leave()

    def dismiss(self, chain: Chain) -> None:
        """Take out a chain that waits, and let it go on; called with the graph's lock held."""
        if self._queue and chain in self._queue:
            self._queue.remove(chain)
        graph.end(chain)
        chain.granted.release()


def withdraw(chain: Chain, request: object) -> None:
    """Take back a request that has not got its turn: it will not wait for it any longer.

    Args:
        chain: The chain that carries the request out; no effect if it has gone on to another.
        request: The request.
    """
    with graph.lock:
        if chain.serves is not request:
            return
        chain.withdrawn = request
        if isinstance(chain.waits_for, Turn):
            chain.waits_for.dismiss(chain)


def _too_late(label: str) -> CallTimeout:
    return CallTimeout(f"{label} was taken back while it waited for its turn", executed="no")


# --- Which objects have turns

_turns: dict[int, Turn] = {}


def turn_of(obj: object) -> Turn | None:
    """Return the turn of an object, None for one that has never been offered to clients."""
    return _turns.get(id(obj))


def give_turn(obj: object) -> Turn:
    """Return the turn of an object, which from here on has one; see `take_turn_away`."""
    key = id(obj)
    with graph.lock:
        turn = _turns.get(key)
        if turn is None:
            turn = _turns[key] = Turn(_reference(obj, key))
        turn.hosts += 1
    return turn


def take_turn_away(obj: object) -> None:
    """Say that a host has let an object go.

    If Python can tell when it dies, it keeps its turn until then, as long as others may call it.
    """
    with graph.lock:
        turn = _turns.get(id(obj))
        if turn is None:
            return
        turn.hosts -= 1
        if turn.hosts == 0 and turn.subject is obj:
            del _turns[id(obj)]


def _reference(obj: object, key: int) -> object:
    def forget(_: object) -> None:
        # Runs before the number of the dead object can be given to another.
        _turns.pop(key, None)

    try:
        return weakref.ref(obj, forget)
    except TypeError:
        return obj


# In a forked child nothing is hosted, and a turn may belong to a thread that it does not have.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turns.clear)
