"""Objects in this very process, called through proxies all the same.

Every argument and result is encoded and decoded as it would be on its way to another process, so
that what works here works there.
"""

from __future__ import annotations

import threading

from kinfolk.calls import CallingChannel
from kinfolk.errors import ConnectionClosed
from kinfolk.host.hosting import Host
from kinfolk.wire.messages import Call, Next, Reply, Withdraw

__all__ = ["LocalChannel"]


class LocalChannel(CallingChannel):
    """A channel to a host in this process; each channel is a session of its own."""

    def __init__(self, host: Host) -> None:
        super().__init__(host.offer)
        self._lock = threading.Lock()
        self._closed = False
        self._awaited: set[_Awaited] = set()
        session = host.session("this process")
        session.at_end(self, self._ended)
        self._link = session.attach()

    @property
    def address(self) -> str:
        """Where the objects live: in this process."""
        return f"local:{self._offer.server}"

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
        for each in awaited:
            each.done.set()

    def exchange(self, request: Call | Next) -> Reply:
        """Have the host carry out a request; see `CallingChannel.exchange`."""
        released = self.released()
        awaited = _Awaited()
        with self._lock:
            if self._closed:
                raise ConnectionClosed(f"{self.address} was closed; open the manager again")
            self._awaited.add(awaited)
        try:
            if released is not None:
                self._link.receive(released, awaited.answer)
            self._link.receive(request, awaited.answer)
            awaited.done.wait()
        except BaseException:
            # Ctrl-C: nobody wants the result any more.
            self._link.receive(Withdraw(request.call), awaited.answer)
            raise
        finally:
            self._awaited.discard(awaited)
        if awaited.reply is None:
            raise ConnectionClosed(f"{self.address} was closed while the call waited")
        return awaited.reply


class _Awaited:
    """A reply to come."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.reply: Reply | None = None

    def answer(self, reply: Reply) -> None:
        if self.reply is None:
            self.reply = reply
            self.done.set()
