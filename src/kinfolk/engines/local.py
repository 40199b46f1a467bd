"""Objects in this very process, called through proxies all the same.

Every argument and result is encoded and decoded as it would be on its way to another process, so
that what works here works there.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from kinfolk.calls import Calls
from kinfolk.errors import ConnectionClosed
from kinfolk.host.hosting import Host
from kinfolk.proxy import Proxy
from kinfolk.wire.members import Member
from kinfolk.wire.messages import Call, Next, Reply, Target, Withdraw
from kinfolk.wire.table import ManagerType

__all__ = ["LocalChannel"]


class LocalChannel:
    """A channel to a host in this process; each channel is a session of its own."""

    def __init__(self, host: Host) -> None:
        self._offer = host.offer
        self._lock = threading.Lock()
        self._closed = False
        self._awaited: set[_Awaited] = set()
        self._calls = Calls(self, self._exchange)
        session = host.session("this process")
        session.at_end(self, self._ended)
        self._link = session.attach()

    @property
    def offer(self) -> ManagerType:
        """What the manager offers."""
        return self._offer

    @property
    def address(self) -> str:
        """Where the objects live: in this process."""
        return f"local:{self._offer.server}"

    def call(self, target: Target, member: Member, arguments: Mapping[str, object]) -> Any:
        """Call a member of an object; see `Channel.call`."""
        return self._calls.call(target, member, arguments)

    def make(self, name: str, arguments: Mapping[str, object]) -> Any:
        """Have a factory make a new object, and return its proxy."""
        return self._calls.make(name, arguments)

    def singleton(self, name: str) -> Proxy:
        """Return a proxy of a singleton."""
        return self._calls.singleton(name)

    def drop(self, target: int) -> None:
        """Note that a reference died; see `Channel.drop`."""
        self._calls.drop(target)

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

    def _exchange(self, request: Call | Next) -> Reply:
        released = self._calls.released()
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
