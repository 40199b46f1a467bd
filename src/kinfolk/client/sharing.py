"""All channels of one kind in this process: which to share, and what a fork makes of them."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from kinfolk.wire.table import ManagerType

__all__ = ["Channels", "Shareable"]


class Shareable(Protocol):
    """A channel, as far as it is shared."""

    @property
    def offer(self) -> ManagerType:
        """What the manager offers."""
        ...

    @property
    def address(self) -> str:
        """Where the server is, as a URL."""
        ...

    @property
    def token(self) -> bytes:
        """What tells it from any other channel of any process."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        ...

    def close(self) -> None:
        """Close all connections; closing twice has no effect."""
        ...

    def start_afresh(self) -> None:
        """Begin without connections, in a forked child: what it inherited is the parent's."""
        ...


C = TypeVar("C", bound=Shareable)


class Channels(Generic[C]):
    """The channels of one kind, which keeps none of them alive."""

    def __init__(self) -> None:
        # With what says which was there first.
        self._all: WeakKeyDictionary[C, int] = WeakKeyDictionary()
        self._numbers = itertools.count()
        self._lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def add(self, channel: C) -> None:
        """Add a channel that was just made."""
        with self._lock:
            self._all[channel] = next(self._numbers)

    def all(self) -> list[C]:
        """Return those that there are now."""
        with self._lock:
            return sorted(self._all, key=self._all.__getitem__)

    def shared(self, offer: ManagerType, address: str, token: bytes, make: Callable[[], C]) -> C:
        """Return a channel for a proxy that came from another channel, perhaps of another process.

        Args:
            offer: What the manager offers.
            address: Where the server is, as a URL.
            token: That channel's. If it is here, or was inherited, it is taken; else any that leads
                to the same server.
            make: Makes a new one, if there is none.
        """
        found = self._fitting(offer, address, token)
        if found is not None:
            return found
        # Without the lock, since connecting takes a while, and others have less time perhaps.
        made = make()
        with self._lock:
            chosen = self._fitting(offer, address, token) or made
            if chosen is not made:
                made.close()
        return chosen

    def _fitting(self, offer: ManagerType, address: str, token: bytes) -> C | None:
        """Return a channel that leads to a server, if there is one: always the first of them."""
        fitting = [
            channel
            for channel in self.all()
            if channel.offer is offer and channel.address == address and not channel.closed
        ]
        own = (channel for channel in fitting if channel.token == token)
        return next(own, fitting[0] if fitting else None)

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        for channel in self.all():
            channel.start_afresh()
