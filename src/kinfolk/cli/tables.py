"""What `kinfolk status` shows, as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

import attrs
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kinfolk.cli.problems import one_line
from kinfolk.cli.servers import Found, Looked, Silent
from kinfolk.wire.reports import Client, Party, ServerReport, Wait

__all__ = ["Row", "View", "duration", "rendered"]

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@attrs.frozen
class Row:
    """A server, and how many calls came to it in a second, if that is known."""

    server: Looked
    rate: float | None = None


@attrs.frozen
class View:
    """All servers at one moment; or, if they cannot be looked at any more, why."""

    rows: list[Row]
    problem: str = ""


def rendered(view: View) -> RenderableType:
    """Return what rich prints."""
    if view.problem:
        return Text(view.problem)
    if not view.rows:
        return Text("no server of yours runs: start one with `kinfolk serve SPEC`")
    found = [row.server for row in view.rows if isinstance(row.server, Found)]
    silent = [row.server for row in view.rows if isinstance(row.server, Silent)]
    parts: list[RenderableType] = [_servers(view.rows)] if found else []
    for server in found:
        parts.extend(_details(server))
    parts.extend(Text(_complaint(server)) for server in silent)
    return Group(*parts)


def duration(seconds: float) -> str:
    """Return a time for people, in the two largest units that fit: "3 h 20 min"."""
    left, parts = int(seconds), list[str]()
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


# --- Tables


def _servers(rows: list[Row]) -> Table:
    table = _table("PID", "SERVES", "UP", "CLIENTS", "OBJECTS", "CALLS/S", wide={"SERVES"})
    for row in rows:
        if isinstance(row.server, Found):
            report = row.server.report
            rate = "" if row.rate is None else f"{row.rate:,.0f}"
            counts = f"{len(report.clients):,}", f"{report.objects:,}", rate
            _add(table, str(report.pid), row.server.name, duration(report.uptime), *counts)
    return table


def _complaint(server: Silent) -> str:
    text, address = one_line(server.error), str(server.address)
    return text if address in text else f"{address}: {text}"


def _details(server: Found) -> Iterator[RenderableType]:
    report = server.report
    source = f", from {report.file}" if report.file else ""
    wire = ", by pickle" if report.serializer == "pickle" else ""
    yield Text(f"\n{server.name} at {server.address}{source}{wire}")
    if report.clients:
        yield _clients(report.clients)
    if report.waits:
        yield _waits(report)


def _clients(clients: list[Client]) -> Table:
    table = _table(
        *("CLIENT", "USER", "PROGRAM", "CONNECTIONS", "WAITING", "HOLDS", "OBJECTS", "STREAMS"),
        wide={"PROGRAM"},
    )
    for client in clients:
        counts = client.connections, client.waiting, client.held, client.objects, client.streams
        # Over TCP, what is known of the user and the program is where they are.
        program = client.program or client.peer
        _add(table, str(client.pid or ""), client.user, program, *(f"{n:,}" for n in counts))
    return table


def _waits(report: ServerReport) -> Table:
    programs = {client.pid: client.program for client in report.clients if client.pid}
    table = _table(
        *("WHAT", "NAME", "HELD BY", "WAITING", "WHO WAITS"), wide={"HELD BY", "WHO WAITS"}
    )
    for wait in report.waits:
        holder = "" if wait.holder is None else _party(wait.holder, programs)
        _add(table, wait.kind, wait.name, holder, str(len(wait.waiters)), _crowd(wait, programs))
    return table


def _crowd(wait: Wait, programs: dict[int, str], limit: int = 3) -> str:
    shown = [_party(party, programs) for party in wait.waiters[:limit]]
    more = len(wait.waiters) - limit
    return ", ".join([*shown, f"and {more} more"] if more > 0 else shown)


def _party(party: Party, programs: dict[int, str]) -> str:
    who = f"{party.pid} {programs.get(party.pid, '')}".strip() if party.pid else party.peer
    return f"{who} in {party.call}" if party.call else who


def _table(*headings: str, wide: AbstractSet[str]) -> Table:
    """Return an empty table; only its wide columns are folded where there is no room."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=heading not in wide, overflow="fold")
    return table


def _add(table: Table, *cells: str) -> None:
    # As text: what a server says of itself is no markup.
    table.add_row(*map(Text, cells))
