"""Reports of a server: what its host knows, put together with what its connections know."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from kinfolk.host.chains import Chain
from kinfolk.host.hosting import Host
from kinfolk.host.overview import Awaited, Who, overview
from kinfolk.host.processes import program_of, user_of
from kinfolk.pickles.clients import Client, Visit
from kinfolk.server.files import spec_file
from kinfolk.wire import reports
from kinfolk.wire.reports import Party, ServerReport, Wait

__all__ = ["make_report"]

_OURS: Final = "the server"


def make_report(
    host: Host, clients: Iterable[Client], *, address: str, uptime: float, calls: int
) -> ServerReport:
    """Return a report.

    Args:
        host: The objects.
        clients: Those who call.
        address: Where the server listens, as a URL.
        uptime: For how many seconds it has been there.
        calls: How many calls have come.
    """
    offer, hosted = host.offer, host.hosted
    return ServerReport(
        pid=os.getpid(),
        spec=offer.spec,
        manager=offer.name,
        file=spec_file(offer.spec),
        serializer="pickle",
        address=address,
        uptime=uptime,
        calls=calls,
        objects=len(hosted),
        clients=[_client(client) for client in clients if _calling(client)],
        waits=[_wait(awaited) for awaited in overview(hosted)],
    )


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


def _wait(awaited: Awaited) -> Wait:
    return Wait(
        kind=awaited.kind,
        name=awaited.name,
        holder=None if awaited.holder is None else _party(*awaited.holder),
        waiters=[_party(who, call) for who, call in awaited.waiters],
    )


def _party(who: Who, call: str) -> Party:
    visit = who.serves if isinstance(who, Chain) else who and who.session
    if not isinstance(visit, Visit):
        return Party(peer=_OURS, call=call)
    return Party(peer=visit.who, pid=visit.caller.pid, call=call)
