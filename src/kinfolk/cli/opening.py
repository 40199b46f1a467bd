"""Opening the manager of a server that runs, for commands that call it."""

from __future__ import annotations

from pathlib import Path

from kinfolk.cli.generated import manager_of
from kinfolk.cli.keys import find_key
from kinfolk.cli.problems import CommandError
from kinfolk.cli.servers import find_one, is_address
from kinfolk.managers import Manager

__all__ = ["opened"]


def opened(spec: str | None, address: str | None, authkey_file: Path | None) -> Manager:
    """Return the manager of the server that a user names, connected to it.

    Args:
        spec: Its spec, or one manager of it.
        address: Its address, in place of the spec.
        authkey_file: A file with the key.

    Raises:
        KinfolkError: There is no such server, or its generated module is not here.
    """
    if spec is not None and address is not None:
        raise CommandError("a server is named by --spec or by --address: leave one of them out")
    if address is not None and not is_address(address):
        raise CommandError(f"{address!r} is no address: write --spec {address}, or an address")
    found = find_one(address or spec, find_key(authkey_file))
    report, url = found.report, str(found.address)
    if not report.spec:
        raise CommandError(
            f"{url} serves no spec, but what was registered by hand: call it in code"
        )
    return manager_of(report).open(url, authkey=found.key, serializer=report.serializer)
