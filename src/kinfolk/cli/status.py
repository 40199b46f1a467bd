"""`kinfolk status`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.live import Live

from kinfolk.cli.keys import find_key
from kinfolk.cli.problems import one_line
from kinfolk.cli.servers import Found, Looked, Silent, find
from kinfolk.cli.tables import Row, View, rendered
from kinfolk.errors import KinfolkError

__all__ = ["status"]

# Seconds between the two reports that say how many calls there are in one, and between tables.
_SAMPLE: Final = 0.2
_INTERVAL: Final = 1.0
# Of what is no terminal, and has no width: no line of a table is folded.
_WIDE: Final = 10_000


def status(
    target: str | None = None,
    /,
    *,
    json: Annotated[bool, Parameter(negative=())] = False,
    watch: Annotated[bool, Parameter(negative=())] = False,
    authkey_file: Path | None = None,
) -> None:
    """Show what servers are doing, and who uses them.

    Example: `kinfolk status` shows all servers of yours, and `kinfolk status crawler.spec --watch`
    one of them, again each second: its process, clients, objects and calls per second, and who has
    a lock or an object's turn, and who waits for it.

    Args:
        target: A server's spec, as in crawler.spec or crawler.spec:Crawl, or its address. By
            default all in the folder of private sockets, and that at KINFOLK_ADDRESS.
        json: Print one JSON document, {"servers": […]}; with --watch, one line each second.
        watch: Go on until Ctrl-C.
        authkey_file: A file with the key, for servers that ask for one; else KINFOLK_AUTHKEY.
    """
    views = _views(target, find_key(authkey_file))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    if not watch:
        view = next(views)
        if json:
            print(msgspec.json.format(_document(view), indent=2).decode())
        else:
            console.print(rendered(view))
        return
    with contextlib.suppress(KeyboardInterrupt):
        if json:
            for view in views:
                print(_document(view).decode(), flush=True)
        else:
            _show(views, console)


def _show(views: Iterator[View], console: Console) -> None:
    """Show one view after the other: on a terminal each in place of the one before."""
    if not console.is_terminal:
        for view in views:
            console.print(rendered(view))
        return
    with Live(rendered(next(views)), console=console, auto_refresh=False) as live:
        for view in views:
            live.update(rendered(view), refresh=True)


def _views(target: str | None, key: bytes | None) -> Iterator[View]:
    """Look again and again; what is not there the first time is an error."""
    before, pause = find(target, key), _SAMPLE
    while True:
        time.sleep(pause)
        pause, problem = _INTERVAL, ""
        try:
            now = find(target, key)
        except KinfolkError as error:
            now, problem = [], one_line(error)
        yield View([Row(server, _rate(server, before)) for server in now], problem)
        before = now


def _rate(server: Looked, before: list[Looked]) -> float | None:
    """Return a server's calls per second since it was looked at before; None if it was not."""
    for earlier in before:
        if isinstance(server, Found) and isinstance(earlier, Found):
            now, then = server.report, earlier.report
            passed = now.uptime - then.uptime
            same = (server.address, now.pid) == (earlier.address, then.pid)
            if same and passed > 0:
                return (now.calls - then.calls) / passed
    return None


def _document(view: View) -> bytes:
    return msgspec.json.encode({"servers": [_server(row) for row in view.rows]})


def _server(row: Row) -> dict[str, object]:
    if isinstance(row.server, Silent):
        return {"address": str(row.server.address), "error": one_line(row.server.error)}
    fields = msgspec.structs.asdict(row.server.report)
    # As it was reached, which is not where it listens if that is all networks of a machine.
    fields["address"] = str(row.server.address)
    rate = None if row.rate is None else round(row.rate, 1)
    return {**fields, "calls_per_second": rate}
