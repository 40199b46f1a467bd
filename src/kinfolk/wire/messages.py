"""What the two ends say to each other after the handshake.

A message is one MessagePack array: a number that says which message it is, then its fields in the
order below. Arguments and results stand in it as MessagePack of their own, since their types are
known only once the member is.

    number  message    from    fields
    ------  ---------  ------  ----------------------------------------------------------
    1       Call       client  call, target, member, caller, arguments
    2       Next       client  call, stream, count, caller
    3       Release    client  targets
    4       Withdraw   client  call, withdrawn
    5       Stop       client  call
    6       Claim      client  call, target
    7       Lend       client  call, targets
    8       Describe   client  call
    9       Report     client  call
    17      Result     server  call, value
    18      Failed     server  call, failure
    19      Declined   server  call
    20      Streaming  server  call, stream
    21      Items      server  call, items, more, failure

`call` is chosen by the client and never used twice in a session; replies come in any order.
`Release` has no reply. The `Result` of a `Withdraw` says whether the method has run, "yes" or "no";
that of a `Describe` is a description (see `descriptions`), that of a `Report` a report (see
`reports`), and of `Claim`, `Lend` and `Stop` nil. An observer, which has no session, may send
`Stop`, `Describe` and `Report`.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

__all__ = [
    "NOTHING",
    "NO_CALL",
    "ROOT",
    "Call",
    "Claim",
    "Declined",
    "Describe",
    "Failed",
    "Failure",
    "Items",
    "Lend",
    "Next",
    "Release",
    "Reply",
    "Report",
    "Request",
    "Result",
    "Stop",
    "Streaming",
    "Target",
    "Withdraw",
]

Target: TypeAlias = str | int
"""An object: the name of a singleton, or the number of any other."""

ROOT: Final = ""
"""The target of calls on the manager itself, whose members are its factories."""

NO_CALL: Final = 0
"""The number of a request that is no call of a channel's; those begin with 1."""

NOTHING: Final = msgspec.Raw(b"\xc0")
"""None, where a value of any type stands."""


class Failure(msgspec.Struct, array_like=True, frozen=True):
    """An exception on its way.

    `args` and `state` are the exception's `args` and `__dict__` as values of type `Any`; `NOTHING`
    where they cannot travel, and then the caller gets a `RemoteError`.
    """

    class_name: str
    message: str
    traceback: str
    # Not `Raw | None`: msgspec would take that for None alone.
    args: msgspec.Raw = NOTHING
    state: msgspec.Raw = NOTHING


class Call(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Call a member. `caller` is a token of the calling thread or task, never reused."""

    call: int
    target: Target
    member: str
    caller: int
    arguments: msgspec.Raw


class Next(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Ask a stream for up to `count` items."""

    call: int
    stream: int
    count: int
    caller: int


class Release(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """References that died at the client, one entry for each; streams are closed the same way."""

    targets: list[int]


class Withdraw(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """Take back another call of the session, of which nobody will see the reply.

    One that waits waits no more, and what it was granted already is undone. One that has not
    arrived yet will not be carried out; one whose method runs goes on. The references in its
    reply count as released.
    """

    call: int
    withdrawn: int


class Stop(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """End the server. Answered before it ends."""

    call: int


class Claim(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """Refer to an object whose number came from elsewhere: a pickle, or the parent of a fork."""

    call: int
    target: int


class Lend(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """Keep objects for a while, until another session claims them.

    One entry for each mention; None is all that this session refers to, for a fork.
    """

    call: int
    targets: list[int] | None


class Describe(msgspec.Struct, array_like=True, frozen=True, tag=8):
    """Say what the server offers, to a client that was generated from another version."""

    call: int


class Report(msgspec.Struct, array_like=True, frozen=True, tag=9):
    """Say how the server is doing, and who uses it."""

    call: int


class Result(msgspec.Struct, array_like=True, frozen=True, tag=17):
    """The call returned."""

    call: int
    value: msgspec.Raw


class Failed(msgspec.Struct, array_like=True, frozen=True, tag=18):
    """The call raised, or was refused."""

    call: int
    failure: Failure


class Declined(msgspec.Struct, array_like=True, frozen=True, tag=19):
    """The operator returned `NotImplemented`."""

    call: int


class Streaming(msgspec.Struct, array_like=True, frozen=True, tag=20):
    """The call returned an iterator, to be asked for items under this number."""

    call: int
    stream: int


class Items(msgspec.Struct, array_like=True, frozen=True, tag=21):
    """Items of a stream; `more` is False after the last, `failure` is what ended it if not that."""

    call: int
    items: msgspec.Raw
    more: bool
    failure: Failure | None = None


Request: TypeAlias = Call | Next | Release | Withdraw | Stop | Claim | Lend | Describe | Report
Reply: TypeAlias = Result | Failed | Declined | Streaming | Items
