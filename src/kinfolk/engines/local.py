"""Objects in this very process, called through proxies all the same.

Every argument and result is encoded and decoded as it would be on its way to another process, so
that what works here works there.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NoReturn

from kinfolk.calls import CallingChannel, Numbered
from kinfolk.deadlines import end_of_block, pieces
from kinfolk.errors import CallTimeout, ConnectionClosed, NotSupported
from kinfolk.host.hosting import Host
from kinfolk.keeper import keeper
from kinfolk.proxy import Proxy
from kinfolk.wire.by_hand import Registry
from kinfolk.wire.messages import Release, Reply

__all__ = ["LocalChannel"]


class LocalChannel(CallingChannel):
    """A channel to a host in this process; each channel is a session of its own.

    Args:
        host: The host.
        by_hand: Returns what was registered by hand.
    """

    def __init__(self, host: Host, by_hand: Callable[[], Registry] = dict) -> None:
        super().__init__(host.offer, by_hand)
        keeper.start()
        self._lock = threading.Lock()
        self._closed = False
        self._awaited: set[SimpleQueue[Reply | None]] = set()
        session = host.session("this process")
        session.at_end(self, self._ended)
        self._link = session.attach()

    @property
    def address(self) -> str:
        """Where the objects live: in this process."""
        return f"local:{self._offer.server}"

    @property
    def linked(self) -> bool:
        """Whether it was not closed."""
        return not self._closed

    def stop(self) -> None:
        """Close the channel; there is no server to stop."""
        self.close()

    def close(self) -> None:
        """End the session; the host stays. Closing twice has no effect."""
        self._link.close()

    def _ended(self) -> None:
        # By `close`, or with the host.
        with self._lock:
            self._closed = True
            awaited = list(self._awaited)
        for replies in awaited:
            replies.put(None)

    def pickled(self, proxy: Proxy) -> NoReturn:
        """Refuse: no other process reaches what lives in this one."""
        raise NotSupported(
            f"{proxy!r} cannot be pickled, since its object lives in this process: serve the "
            "manager, and open it here and there"
        )

    def exchange(self, request: Numbered) -> Reply:
        """Have the host carry out a request; see `CallingChannel.exchange`."""
        # No event or condition, which are written in Python: a signal handler may raise in this
        # thread while it waits, and would leave their lock to whoever answers.
        replies: SimpleQueue[Reply | None] = SimpleQueue()
        with self._lock:
            if self._closed:
                raise ConnectionClosed(f"{self.address} was closed; open the manager again")
            self._awaited.add(replies)
        try:
            self._link.receive(request, replies.put)
            reply = self._wait_for(replies)
        finally:
            self._awaited.discard(replies)
        if reply is None:
            raise ConnectionClosed(f"{self.address} was closed while the call waited")
        return reply

    def _wait_for(self, replies: SimpleQueue[Reply | None]) -> Reply | None:
        for seconds in pieces(end_of_block()):
            with contextlib.suppress(Empty):
                return replies.get(timeout=seconds)
        raise CallTimeout(f"{self.address} did not answer before the deadline")

    def tell(self, message: Release) -> None:
        """Have the host note what died; see `CallingChannel.tell`."""
        self._link.receive(message, _ignore)


def _ignore(_: Reply) -> None:
    """Take an answer that does not come."""
