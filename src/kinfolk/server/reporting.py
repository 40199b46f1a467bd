"""Reports of a server: what its host knows, put together with what its connections know."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final

from kinfolk.host.chains import Chain
from kinfolk.host.hosting import Host
from kinfolk.host.overview import Awaited, Who, overview
from kinfolk.host.owners import Owner
from kinfolk.host.processes import program_of, user_of
from kinfolk.host.sessions import Session
from kinfolk.server.connection import Caller
from kinfolk.wire.reports import Client, Party, ServerReport, Wait

__all__ = ["make_report"]

_OURS: Final = "the server"


def make_report(
    host: Host, callers: Iterable[Caller], *, address: str, uptime: float, calls: int
) -> ServerReport:
    """Return a report.

    Args:
        host: The objects and sessions.
        callers: The connections of clients.
        address: Where the server listens, as a URL.
        uptime: For how many seconds it has been there.
        calls: How many calls have come.
    """
    offer, people, hosted = host.offer, _People(callers), host.hosted
    return ServerReport(
        pid=os.getpid(),
        spec=offer.spec,
        manager=offer.name,
        file=str(getattr(sys.modules.get(offer.spec), "__file__", None) or ""),
        serializer="typed",
        address=address,
        uptime=uptime,
        calls=calls,
        objects=len(hosted),
        clients=[people.client(session) for session in host.sessions],
        waits=[people.wait(awaited) for awaited in overview(hosted)],
    )


class _People:
    """Knows who is who: the sessions and threads of the host, by the connections of clients."""

    def __init__(self, callers: Iterable[Caller]) -> None:
        callers = list(callers)
        self._by_session = {caller.session: caller for caller in callers}
        self._by_chain = {caller.chain: caller for caller in callers}

    def client(self, session: Session) -> Client:
        caller = self._by_session.get(session)
        seen = None if caller is None else caller.credentials
        holdings = session.service.holdings
        return Client(
            peer=session.peer,
            pid=0 if caller is None else caller.pid,
            user="" if seen is None else user_of(seen.uid),
            program="" if seen is None else program_of(seen.pid),
            connections=session.connections,
            waiting=session.waiting,
            held=session.held,
            objects=holdings["objects"],
            streams=holdings["streams"],
        )

    def wait(self, awaited: Awaited) -> Wait:
        return Wait(
            kind=awaited.kind,
            name=awaited.name,
            holder=None if awaited.holder is None else self._party(*awaited.holder),
            waiters=[self._party(who, call) for who, call in awaited.waiters],
        )

    def _party(self, who: Who, call: str) -> Party:
        caller = None
        if isinstance(who, Chain):
            caller = self._by_chain.get(who)
        elif isinstance(who, Owner) and isinstance(who.session, Session):
            caller = self._by_session.get(who.session)
            if caller is None:
                return Party(peer=who.session.peer, call=call)
        if caller is None:
            return Party(peer=_OURS, call=call)
        return Party(peer=caller.session.peer, pid=caller.pid, call=call)
