"""Who is who: the sessions and threads of the host, by the connections of clients."""

from __future__ import annotations

from collections.abc import Iterable

from kinfolk.host.chains import Chain
from kinfolk.host.overview import Who
from kinfolk.host.owners import Owner
from kinfolk.host.processes import program_of, user_of
from kinfolk.host.sessions import Session
from kinfolk.server.connection import Caller
from kinfolk.server.reporting import the_server
from kinfolk.wire.reports import Client, Party

__all__ = ["People"]


class People:
    """Knows the clients of a server.

    Args:
        callers: Their connections.
    """

    def __init__(self, callers: Iterable[Caller]) -> None:
        callers = list(callers)
        self._by_session = {caller.session: caller for caller in callers}
        self._by_chain = {caller.chain: caller for caller in callers}

    def client(self, session: Session) -> Client:
        """Return what is to be told of a session."""
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

    def party(self, who: Who, call: str) -> Party:
        """Return who somebody is."""
        caller = None
        if isinstance(who, Chain):
            caller = self._by_chain.get(who)
        elif isinstance(who, Owner) and isinstance(who.session, Session):
            caller = self._by_session.get(who.session)
            if caller is None:
                return Party(peer=who.session.peer, call=call)
        if caller is None:
            return the_server(call)
        return Party(peer=caller.session.peer, pid=caller.pid, call=call)
