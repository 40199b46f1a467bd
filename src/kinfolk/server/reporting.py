"""Reports of a server: what its host knows, put together with what its connections know."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, Literal

from kinfolk.host.hosting import Host
from kinfolk.host.overview import Awaited, Who, overview
from kinfolk.server.files import spec_file
from kinfolk.wire.reports import Client, Party, ServerReport, Wait

__all__ = ["make_report", "the_server"]

_OURS: Final = "the server"


def make_report(
    host: Host,
    *,
    serializer: Literal["typed", "pickle"],
    address: str,
    uptime: float,
    calls: int,
    clients: list[Client],
    party: Callable[[Who, str], Party],
) -> ServerReport:
    """Return a report.

    Args:
        host: The objects.
        serializer: What the server speaks.
        address: Where it listens, as a URL.
        uptime: For how many seconds it has been there.
        calls: How many calls have come.
        clients: Those who call.
        party: Knows who has something, or waits for it.
    """
    offer, hosted = host.offer, host.hosted
    return ServerReport(
        pid=os.getpid(),
        spec=offer.spec,
        manager=offer.name,
        file=spec_file(offer.spec),
        serializer=serializer,
        address=address,
        uptime=uptime,
        calls=calls,
        objects=len(hosted),
        clients=clients,
        waits=[_wait(awaited, party) for awaited in overview(hosted)],
    )


def the_server(call: str) -> Party:
    """Return who somebody is of whom no client is known: the server itself."""
    return Party(peer=_OURS, call=call)


def _wait(awaited: Awaited, party: Callable[[Who, str], Party]) -> Wait:
    return Wait(
        kind=awaited.kind,
        name=awaited.name,
        holder=None if awaited.holder is None else party(*awaited.holder),
        waiters=[party(who, call) for who, call in awaited.waiters],
    )
