"""Reports: what a server tells of itself, and of those who use it.

A report is MessagePack maps of the fields below, so that either end may know fewer or more of them.
No sockets and no running objects here.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from kinfolk.errors import ProtocolError

__all__ = ["Client", "Party", "ServerReport", "Wait", "decode_report"]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A process that uses the server.

    `peer` is its name for people. Over TCP `pid` is what the process says of itself, and `user` and
    `program` are empty; so they are wherever the system does not tell. `waiting` counts its calls
    that wait, `held` the locks and the like that it has, `objects` and `streams` what is kept for
    it.
    """

    peer: str
    pid: int = 0
    user: str = ""
    program: str = ""
    connections: int = 0
    waiting: int = 0
    held: int = 0
    objects: int = 0
    streams: int = 0


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """One that holds something or waits for it, in a call such as "Frontier.push" if it is known.

    `pid` is that of the client, and 0 if there is none: the server's own threads may hold too.
    """

    peer: str
    pid: int = 0
    call: str = ""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is held, or waited for: a lock, an object's turn, or any other event.

    `name` is the entry, "login_lock", or the class of an object that has no name.
    """

    kind: Literal["lock", "turn", "event"]
    name: str
    holder: Party | None = None
    waiters: list[Party] = msgspec.field(default_factory=list[Party])


class ServerReport(msgspec.Struct, frozen=True, kw_only=True):
    """A server, at the moment of the report.

    `file` is that of the spec, `uptime` in seconds, `objects` how many clients can call, and
    `calls` how many calls of clients have come since the server began.
    """

    pid: int
    spec: str
    manager: str
    file: str
    serializer: str
    address: str
    uptime: float
    calls: int
    objects: int
    clients: list[Client]
    waits: list[Wait]


_decoder: Final = msgspec.msgpack.Decoder(ServerReport)


def decode_report(data: msgspec.Raw) -> ServerReport:
    """Return a report that came from a server.

    Raises:
        ProtocolError: It is none.
    """
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"the server sent what is no report: {error}") from None
