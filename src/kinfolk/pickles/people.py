"""Who is who: what the connections of clients say of those."""

from __future__ import annotations

import os
from collections.abc import Iterable

from kinfolk.host.chains import Chain
from kinfolk.host.overview import Who
from kinfolk.host.processes import program_of, user_of
from kinfolk.pickles.clients import Client, Visit
from kinfolk.server.reporting import the_server
from kinfolk.wire import reports
from kinfolk.wire.reports import Party

__all__ = ["party", "people"]


def people(clients: Iterable[Client]) -> list[reports.Client]:
    """Return what is to be told of those who call."""
    return [_client(client) for client in clients if _calling(client)]


def party(who: Who, call: str) -> Party:
    """Return who somebody is."""
    visit = who.serves if isinstance(who, Chain) else who and who.session
    if not isinstance(visit, Visit):
        return the_server(call)
    return Party(peer=visit.who, pid=visit.caller.pid, call=call)


def _calling(client: Client) -> list[Visit]:
    """Return a client's connections for calls; each request has one too, for a moment."""
    return [visit for visit in tuple(client.visits) if visit.calling]


def _client(client: Client) -> reports.Client:
    visits = _calling(client)
    return reports.Client(
        peer=visits[0].who if visits else "",
        pid=client.pid,
        # Over a Unix socket, which is where a process is known, it is of this user.
        user=user_of(os.geteuid()) if client.pid else "",
        program=program_of(client.pid) if client.pid else "",
        connections=len(visits),
        # Each also has the withdrawal of its calls to do when it ends.
        held=sum(max(visit.held - 1, 0) for visit in visits),
        objects=len(client.holdings.counts),
    )
