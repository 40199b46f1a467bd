"""All channels of one kind in this process: which to share, and what a fork makes of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

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

    def start_afresh(self) -> None:
        """Begin without connections, in a forked child: what it inherited is the parent's."""
        ...


C = TypeVar("C", bound=Shareable)


class Channels(Generic[C]):
    """The channels of one kind, which keeps none of them alive."""

    def __init__(self) -> None:
        self._all: WeakSet[C] = WeakSet()
        self._sharing = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def add(self, channel: C) -> None:
        """Add a channel that was just made."""
        self._all.add(channel)

    def all(self) -> list[C]:
        """Return those that there are now."""
        return list(self._all)

    def shared(self, offer: ManagerType, address: str, token: bytes, make: Callable[[], C]) -> C:
        """Return a channel for a proxy that came from another channel, perhaps of another process.

        Args:
            offer: What the manager offers.
            address: Where the server is, as a URL.
            token: That channel's. If it is here, or was inherited, it is taken; else any that leads
                to the same server.
            make: Makes a new one, if there is none.
        """
        with self._sharing:
            fitting = [
                channel
                for channel in self.all()
                if channel.offer is offer and channel.address == address and not channel.closed
            ]
            for channel in fitting:
                if channel.token == token:
                    return channel
            return fitting[0] if fitting else make()

    def _after_fork(self) -> None:
        self._sharing = threading.RLock()
        for channel in self.all():
            channel.start_afresh()
