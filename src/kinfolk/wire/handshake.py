"""The handshake: how two ends find out that they may and can talk. No socket here.

After the preambles (`frames` has their bytes) the client says hello, and the server either
welcomes it at once, where the socket itself vouches for the peer's user, or asks for a proof that
it holds the key (`greetings` has the messages).

A proof is HMAC-SHA256, under the key, of its maker's role and of every message that went over the
connection before it. Both ends put a fresh nonce in there, and the client proves first: nobody
learns anything from the server who does not hold the key, an old proof fits no new connection, and
a proof sent back to its maker bears the wrong role. What follows the handshake is neither encrypted
nor signed.

Ends that were generated from different versions of a spec welcome each other: what does not fit is
found out afterwards (see `versions`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final, TypeVar

import attrs
import msgspec
from attrs import validators

from kinfolk.errors import (
    AuthenticationFailed,
    HandshakeFailed,
    LimitExceeded,
    ProtocolError,
    SpecMismatch,
)
from kinfolk.wire.frames import DEFAULT_LIMIT, FrameBuffer, decode, encode
from kinfolk.wire.greetings import (
    HANDSHAKE_LIMIT,
    HEARTBEAT,
    HIGHEST_LIMIT,
    MAGIC,
    NONCE,
    PREAMBLE,
    PROBE,
    TO_CLIENT,
    TO_SERVER,
    VERSION,
    Challenge,
    CutShort,
    Heartbeat,
    Hello,
    Message,
    Proof,
    Refusal,
    Refused,
    Welcome,
)
from kinfolk.wire.table import ManagerType

__all__ = [
    "OBSERVER",
    "AsksForKey",
    "ClientHandshake",
    "Identity",
    "Peer",
    "ServerHandshake",
    "SpeaksPickle",
    "farewell",
    "farewell_to_the_silent",
]

# How the standard library's servers begin, after a length of four bytes; as much as is read first.
_CHALLENGE: Final = b"#CHA"
_SHOWN: Final = 16  # digits of a fingerprint: enough to tell two apart, and to be read
_CLIENT: Final = b"kinfolk client\0"
_SERVER: Final = b"kinfolk server\0"

M = TypeVar("M")


class SpeaksPickle(HandshakeFailed):
    """The server speaks the standard library's wire."""


class AsksForKey(AuthenticationFailed):
    """The server asks for a key, and the client was given none."""


# --- What both ends do


@attrs.frozen
class Identity:
    """What an end says of itself.

    `manager` is the spec's module and the manager's class, `fingerprint` stands for the wire
    tables, and `limit` is the longest message that this end receives. `heartbeat` is for both
    ends, and the server's affair.
    """

    manager: str
    fingerprint: str
    limit: int = attrs.field(
        default=DEFAULT_LIMIT,
        validator=[validators.ge(HANDSHAKE_LIMIT), validators.le(HIGHEST_LIMIT)],
    )
    heartbeat: Heartbeat = HEARTBEAT

    @classmethod
    def of(
        cls,
        offer: ManagerType,
        limit: int = DEFAULT_LIMIT,
        heartbeat: Heartbeat = HEARTBEAT,
    ) -> Identity:
        """Return what an end says that has this manager's generated module."""
        tables = offer.table.closure()
        lines = sorted(f"{table.spec} {table.fingerprint}" for table in tables)
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return cls(f"{offer.spec}:{offer.name}", digest[:_SHOWN], limit, heartbeat)


OBSERVER: Final = Identity("", "")
"""What a client says that has no generated module, and makes no calls."""


@attrs.frozen
class Peer:
    """What the other end said of itself.

    `session` is what the two now share; it is empty if the client is an observer.
    """

    session: bytes
    limit: int
    fingerprint: str
    pid: int = 0
    heartbeat: Heartbeat = HEARTBEAT


class _Stream:
    """The peer's messages out of its bytes."""

    def __init__(self) -> None:
        self._frames = FrameBuffer(HANDSHAKE_LIMIT)
        self._preamble = b""  # as far as it came

    def read(self, data: bytes, decoder: msgspec.msgpack.Decoder[M]) -> M | None:
        """Take in bytes, none at the end of the stream; return the message once it is whole.

        Raises:
            HandshakeFailed: The bytes are not of this protocol, end in the middle of it, or go on
                after the message.
        """
        if not data:
            raise CutShort("the peer closed the connection during the handshake")
        missing = len(PREAMBLE) - len(self._preamble)
        if missing:
            self._preamble += data[:missing]
            _check_preamble(self._preamble)
            data = data[missing:]
        try:
            messages = self._frames.receive(data)
            if not messages:
                return None
            if len(messages) > 1 or not self._frames.empty:
                raise HandshakeFailed("the peer did not wait for its answer")
            if decoder is TO_SERVER and bytes(messages[0]) == PROBE:
                raise HandshakeFailed(
                    "the client speaks serializer 'pickle', and this server 'typed'"
                )
            return decode(decoder, messages[0], "message of the handshake")
        except (LimitExceeded, ProtocolError) as error:
            raise HandshakeFailed(str(error)) from None


def _check_preamble(preamble: bytes) -> None:
    if _CHALLENGE in preamble:
        raise SpeaksPickle(
            "the server speaks serializer 'pickle', and this client 'typed': give "
            "serializer='pickle'"
        )
    if not MAGIC.startswith(preamble[: len(MAGIC)]):
        raise HandshakeFailed("the peer does not speak Kinfolk's protocol")
    if len(preamble) == len(PREAMBLE) and preamble != PREAMBLE:
        raise HandshakeFailed(
            f"the peer speaks version {preamble[-1]} of the protocol and this end version "
            f"{VERSION}: install the same release of kinfolk at both ends"
        )


class _Transcript:
    """Every message so far, both ways, each end's in the form in which it was sent."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256(PREAMBLE)

    def record(self, message: Message) -> bytearray:
        """Add a message; return its frame."""
        frame = encode(message, HANDSHAKE_LIMIT)
        self._hash.update(frame)
        return frame

    def proof(self, key: bytes, role: bytes) -> bytes:
        """Return what only the holder of the key can say, in this role, at this point."""
        return hmac.digest(key, role + self._hash.digest(), "sha256")


# --- The client's end


class ClientHandshake:
    """Send `start()`, then what each `receive` returns, until `peer` is set.

    Args:
        identity: What to say of this end.
        pid: This process.
        session: The token of the session to belong to; empty for a new one.
        key: The shared key, if there is one.
        vouched: The socket itself vouches for the server's user, so it may do without a key.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        pid: int = 0,
        session: bytes = b"",
        key: bytes | None = None,
        vouched: bool = False,
    ) -> None:
        self.peer: Peer | None = None
        self._hello = Hello(
            secrets.token_bytes(NONCE),
            identity.manager,
            identity.fingerprint,
            pid,
            identity.limit,
            session,
        )
        self._key = key
        self._vouched = vouched
        self._proved = False
        self._stream = _Stream()
        self._transcript = _Transcript()

    def start(self) -> bytes:
        """Return the first bytes to send."""
        return PREAMBLE + self._transcript.record(self._hello)

    def receive(self, data: bytes) -> bytes:
        """Take in what the server sent; return what to send to it now, if anything.

        Raises:
            HandshakeFailed: One end refuses the other; `AuthenticationFailed` where that is for
                the key or the user.
            SpecMismatch: The server offers another manager.
            LimitExceeded: The server has no room for this client.
        """
        match self._stream.read(data, TO_CLIENT):
            case Challenge() as challenge:
                return self._prove(challenge)
            case Welcome() as welcome:
                self.peer = self._enter(welcome)
            case Refused() as refused:
                raise refused.error()
            case None:
                pass
        return b""

    def _prove(self, challenge: Challenge) -> bytes:
        if self._proved:
            raise HandshakeFailed("the server asked for a proof twice")
        if self._key is None:
            raise AsksForKey("the server asks for a key: give it as authkey, or in KINFOLK_AUTHKEY")
        self._transcript.record(challenge)
        self._proved = True
        return bytes(self._transcript.record(Proof(self._transcript.proof(self._key, _CLIENT))))

    def _enter(self, welcome: Welcome) -> Peer:
        if self._key is not None and self._proved:
            self._transcript.record(msgspec.structs.replace(welcome, mac=b""))
            expected = self._transcript.proof(self._key, _SERVER)
            if not hmac.compare_digest(welcome.mac, expected):
                raise AuthenticationFailed("the server does not hold the key")
        elif not self._vouched:
            raise AuthenticationFailed("the server did not ask for the key, so it may be anybody's")
        return Peer(
            welcome.session, welcome.limit, welcome.fingerprint, heartbeat=welcome.heartbeat
        )


# --- The server's end


def farewell_to_the_silent(error: Refusal) -> bytes:
    """Return the bytes that tell a client why it is refused that has never spoken.

    One of Kinfolk's would have, so it is one of the standard library's. That waits for a message in
    its own form, and shows what it is when it is not the right one.
    """
    text = f"{error}: this server speaks serializer 'typed' of kinfolk, not 'pickle'"
    return len(text).to_bytes(4, "big") + text.encode()


def farewell(error: Refusal, *, greeted: bool = False) -> bytes:
    """Return the bytes that tell a refused client why; `greeted` says whether it got any before."""
    frame = encode(Refused.because(error), HANDSHAKE_LIMIT)
    return bytes(frame) if greeted else PREAMBLE + frame


class ServerHandshake:
    """Send what each `receive` returns, until `peer` is set.

    Args:
        identity: What to say of this end.
        key: The shared key; None where the socket itself vouches for the client's user.
        admit: Takes the token that a client presents, empty for a new session, and returns the
            token of the session that it gets. May raise `HandshakeFailed` and `LimitExceeded`. Not
            asked about an observer, which gets none.
    """

    def __init__(
        self, identity: Identity, *, key: bytes | None, admit: Callable[[bytes, int], bytes]
    ) -> None:
        self.peer: Peer | None = None
        self.begun = False  # whether the client has said anything
        self._identity = identity
        self._key = key
        self._admit = admit
        self._hello: Hello | None = None
        self._greeted = False
        self._stream = _Stream()
        self._transcript = _Transcript()

    def receive(self, data: bytes) -> bytes:
        """Take in what the client sent; return what to send to it now, if anything.

        Raises:
            HandshakeFailed: The client is refused; `farewell` tells it.
            SpecMismatch: The same, for a client of another manager.
            LimitExceeded: The same, where `admit` says so.
        """
        self.begun = True
        match self._stream.read(data, TO_SERVER):
            case Hello() as hello if self._hello is None:
                answer = PREAMBLE + self._greet(hello)
                self._greeted = True
                return answer
            case Proof(mac) if self._hello is not None and self._key is not None:
                return self._check(self._hello, mac, self._key)
            case None:
                return b""
            case _:
                raise HandshakeFailed("the peer sent its messages in the wrong order")

    def farewell(self, error: Refusal) -> bytes:
        """Return the bytes that tell a refused client why."""
        return farewell(error, greeted=self._greeted)

    def _greet(self, hello: Hello) -> bytes:
        self._hello = hello
        self._transcript.record(hello)
        if self._key is None:
            return self._welcome(hello)
        return bytes(self._transcript.record(Challenge(secrets.token_bytes(NONCE))))

    def _check(self, hello: Hello, mac: bytes, key: bytes) -> bytes:
        if not hmac.compare_digest(mac, self._transcript.proof(key, _CLIENT)):
            raise AuthenticationFailed("the client does not hold the server's key")
        self._transcript.record(Proof(mac))
        return self._welcome(hello)

    def _welcome(self, hello: Hello) -> bytes:
        own = self._identity
        if hello.manager not in {own.manager, OBSERVER.manager}:
            raise SpecMismatch(f"the server offers {own.manager}, not {hello.manager}")
        session = self._admit(hello.session, hello.pid) if hello.manager else b""
        welcome = Welcome(session, own.limit, own.fingerprint, heartbeat=own.heartbeat)
        frame = self._transcript.record(welcome)
        if self._key is not None:
            mac = self._transcript.proof(self._key, _SERVER)
            frame = encode(msgspec.structs.replace(welcome, mac=mac), HANDSHAKE_LIMIT)
        self.peer = Peer(session, hello.limit, hello.fingerprint, hello.pid, own.heartbeat)
        return bytes(frame)
