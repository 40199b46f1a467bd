"""Chains of calls, for whom they are made, who waits for whom, and circles of waiting.

A chain is what one thread does from its outermost call on. It may wait for an object's turn, which
another chain has; or, within a call, for something that a caller has, such as a lock, and then for
whatever that caller does next, which it cannot do while a call of its own waits. All that is known
here is who waits, so a circle is found at the moment in which somebody would close it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Protocol

from kinfolk.callers import caller_token
from kinfolk.errors import Deadlock
from kinfolk.host.owners import THIS_PROCESS, Owner

__all__ = [
    "Awaited",
    "Chain",
    "Held",
    "acting_for",
    "current_owner",
    "graph",
    "serving_nothing",
    "thread",
    "waiting_for",
]


class Chain:
    """The calls of one thread, for as long as it lives.

    `waits_for` is what it waits for, as the call `label` made for `owner`. `serves` is the request
    that it carries out, if it is one, for `acting`, and `withdrawn` the last one that was taken
    back.
    """

    __slots__ = ("acting", "granted", "label", "owner", "serves", "waits_for", "withdrawn")

    def __init__(self) -> None:
        self.waits_for: Awaited | None = None
        self.label = ""
        self.owner: Owner | None = None
        self.serves: object = None
        self.acting: Owner | None = None
        self.withdrawn: object = None
        # Held, except for the moment in which a turn is handed to this chain.
        self.granted = threading.Lock()
        self.granted.acquire()


class _Thread(threading.local):
    def __init__(self) -> None:
        self.chain: Final = Chain()


thread: Final = _Thread()
"""`thread.chain` is the chain of the calling thread."""


def current_owner() -> Owner:
    """Return the owner of the call being served in this thread.

    In a thread that serves none it is the thread itself.
    """
    return thread.chain.acting or Owner(THIS_PROCESS, caller_token())


class acting_for:  # noqa: N801 - used as a function
    """Serve a call of an owner in this thread, within the block."""

    # A class, since a generator takes twice as long.
    __slots__ = ("_before", "_chain", "_owner")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def __enter__(self) -> None:
        chain = self._chain = thread.chain
        self._before, chain.acting = chain.acting, self._owner

    def __exit__(self, *_: object) -> None:
        self._chain.acting = self._before


class Awaited(Protocol):
    """Something that can be waited for."""

    def holder(self) -> tuple[str, Chain | None]:
        """Return who has it, in words; and the chain for which those who wait for it wait too."""
        ...


class Held:
    """Something that belongs to a caller for a while; `owner` is None while it is free.

    Args:
        name: What it is, in words: "the lock".
        alone: Only its owner can give it back, and so nobody gets it while that one waits.
    """

    def __init__(self, name: str, *, alone: bool = True) -> None:
        self.name = name
        self.owner: Owner | None = None
        self._alone = alone

    def holder(self) -> tuple[str, Chain | None]:
        """Return its owner, and the chain in which that one waits; see `Awaited.holder`."""
        chain = graph.chain_of(self.owner) if self._alone else None
        return f"the caller that has {self.name}", chain


class _Graph:
    """All chains that wait. Its lock is held by whoever looks at it or changes what it is made of.

    The lock is one for all, since a circle goes through several objects, and held for moments only.
    It is re-entrant because a collected object's `__del__` may call another inside any line.
    """

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """Forget all: in a forked child those who wait are not there."""
        self.lock = threading.RLock()
        self._waiting: set[Chain] = set()

    def begin(self, chain: Chain, awaited: Awaited, label: str) -> None:
        """Note that a chain is about to wait.

        Raises:
            Deadlock: It would wait for itself.
        """
        chain.waits_for, chain.label, chain.owner = awaited, label, current_owner()
        self._waiting.add(chain)
        circle = self._circle(chain, awaited)
        if circle:
            self.end(chain)
            raise Deadlock(
                f"{label} would wait for {', which waits for '.join(circle)}, which made this call"
            )

    def end(self, chain: Chain) -> None:
        """Note that a chain waits no more."""
        self._waiting.discard(chain)
        chain.waits_for = chain.owner = None

    def chain_of(self, owner: Owner | None) -> Chain | None:
        """Return the chain in which a call of an owner waits."""
        return next((chain for chain in self._waiting if chain.owner == owner), None)

    def _circle(self, chain: Chain, awaited: Awaited) -> list[str]:
        """Follow who waits for whom until it comes back to the chain; nothing if it does not."""
        names: list[str] = []
        seen: set[Chain] = set()
        while True:
            name, holder = awaited.holder()
            if holder is None or holder in seen:
                return []
            names.append(name)
            if holder is chain:
                # What it has itself was given to it at this very moment.
                return [] if isinstance(awaited, Held) and len(names) == 1 else names
            if holder.waits_for is None:
                return []
            seen.add(holder)
            awaited = holder.waits_for


graph: Final = _Graph()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=graph.start_afresh)


@contextmanager
def serving_nothing() -> Generator[None, None, None]:
    """Say that what this thread does within the block is no part of the request that it serves.

    It is done also if that request was taken back.
    """
    chain = thread.chain
    before, chain.serves = chain.serves, None
    try:
        yield
    finally:
        chain.serves = before


@contextmanager
def waiting_for(awaited: Awaited, label: str) -> Generator[None, None, None]:
    """Say that this thread waits within the block.

    Raises:
        Deadlock: It would wait for itself.
    """
    chain = thread.chain
    with graph.lock:
        graph.begin(chain, awaited, label)
    try:
        yield
    finally:
        with graph.lock:
            graph.end(chain)
