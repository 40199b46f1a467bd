"""What the two ends say to each other before the first call. No socket here.

Every message is one MessagePack array that begins with its number:

    number  message    from    fields
    ------  ---------  ------  --------------------------------------------------------
    1       Hello      client  nonce, manager, fingerprint, pid, limit, session
    2       Challenge  server  nonce
    3       Proof      client  mac
    4       Welcome    server  session, limit, fingerprint, mac, heartbeat
    5       Refused    server  kind, reason

`manager` is empty for an observer, a client without a generated module, which gets no session.
`session` is empty for a new session, else the secret token that the server gave to the first
connection of the process; the server's answer says which session it has become. `limit` is the
longest message that its sender receives. `fingerprint` stands for all that its sender was
generated from; where the two differ, the client asks for a description (see `messages`). `mac` of a
Welcome is empty where no key is used. `heartbeat` says how both ends find out that the network
between them is silent. A nonce has 32 bytes.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import msgspec

from kinfolk.errors import AuthenticationFailed, HandshakeFailed, LimitExceeded, SpecMismatch

__all__ = [
    "HANDSHAKE_LIMIT",
    "HEARTBEAT",
    "HIGHEST_LIMIT",
    "MAGIC",
    "NONCE",
    "PREAMBLE",
    "PROBE",
    "TO_CLIENT",
    "TO_SERVER",
    "VERSION",
    "AboutToEnd",
    "Challenge",
    "CutShort",
    "Heartbeat",
    "Hello",
    "Message",
    "Proof",
    "Refusal",
    "Refused",
    "Welcome",
    "one_line",
]

VERSION: Final = 1
MAGIC: Final = b"KINFOLK"
PREAMBLE: Final = MAGIC + bytes([VERSION])

HANDSHAKE_LIMIT: Final = 4096
"""The longest message of a handshake, in bytes."""

PROBE: Final = b"\xc0"
"""What a client that speaks pickle sends in place of a greeting, to see whether it is answered."""

HIGHEST_LIMIT: Final = 2**32 - 1
"""The longest message of all, for which a header has room."""

NONCE: Final = 32
"""The length of a nonce."""

_ABOUT_TO_END: Final = "the server is about to end"
_REASON: Final = 900  # characters; with four bytes each they fit into a message


class CutShort(HandshakeFailed):
    """The handshake came to no end, since the other end closed the connection."""


class AboutToEnd(CutShort):
    """The server gives its address up; who comes in that moment has done nothing wrong."""

    def __init__(self, reason: str = _ABOUT_TO_END) -> None:
        super().__init__(reason)


Refusal: TypeAlias = HandshakeFailed | SpecMismatch | LimitExceeded
"""What a client may be refused for; the first has a subclass for the key and the user."""

Kind: TypeAlias = Literal["handshake", "authentication", "spec", "limit"]
_ERRORS: Final[dict[Kind, type[Refusal]]] = {
    "handshake": HandshakeFailed,
    "authentication": AuthenticationFailed,
    "spec": SpecMismatch,
    "limit": LimitExceeded,
}

_Nonce: TypeAlias = Annotated[bytes, msgspec.Meta(min_length=NONCE, max_length=NONCE)]
_Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=HANDSHAKE_LIMIT, le=HIGHEST_LIMIT)]


class Heartbeat(NamedTuple):
    """How many seconds lie between two beats, and how many may be missed in a row.

    The highest of both are those of the systems' own settings.
    """

    interval: Annotated[int, msgspec.Meta(ge=1, le=32_767)] = 5
    misses: Annotated[int, msgspec.Meta(ge=1, le=127)] = 3


HEARTBEAT: Final = Heartbeat()
"""That of a server which was not told otherwise."""


class Hello(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Who calls, for which manager, and from which spec it was generated."""

    nonce: _Nonce
    manager: str
    fingerprint: str
    pid: int
    limit: _Limit
    session: bytes = b""


class Challenge(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Prove that you hold the key."""

    nonce: _Nonce


class Proof(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """The client's proof."""

    mac: bytes


class Welcome(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """The client may send requests; with the server's own proof."""

    session: bytes
    limit: _Limit
    fingerprint: str
    mac: bytes = b""
    heartbeat: Heartbeat = HEARTBEAT


class Refused(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """The client may not, and why, in one line. The same in every version of the protocol."""

    kind: Kind
    reason: str

    @classmethod
    def because(cls, error: Refusal) -> Refused:
        """Return what tells a client of the error for which it is refused."""
        kind: Kind = "handshake"
        if isinstance(error, SpecMismatch):
            kind = "spec"
        elif isinstance(error, LimitExceeded):
            kind = "limit"
        elif isinstance(error, AuthenticationFailed):
            kind = "authentication"
        return cls(kind, one_line(str(error)))

    def error(self) -> Refusal:
        """Return what the client raises."""
        # It has no kind of its own: earlier clients would not know that.
        if self.kind == "handshake" and self.reason == _ABOUT_TO_END:
            return AboutToEnd()
        return _ERRORS[self.kind](one_line(self.reason))


def one_line(reason: str) -> str:
    """Return a text, parts of which can be a peer's words, as one line that a message holds."""
    return "".join(c if c.isprintable() else " " for c in reason[:_REASON])


Message: TypeAlias = Hello | Challenge | Proof | Welcome | Refused

TO_SERVER: Final[msgspec.msgpack.Decoder[Hello | Proof]] = msgspec.msgpack.Decoder(Hello | Proof)
TO_CLIENT: Final[msgspec.msgpack.Decoder[Challenge | Welcome | Refused]] = msgspec.msgpack.Decoder(
    Challenge | Welcome | Refused
)
