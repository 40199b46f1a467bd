"""The reading end of a server, fed with what nobody meant: declared errors only, and little memory.

There is no socket here. What a failing example was, hypothesis prints.
"""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Iterable, Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.samples.manager import FrontierProxy, SampleManager, TroubleProxy

from kinfolk.errors import HandshakeFailed, LimitExceeded, ProtocolError, SpecMismatch
from kinfolk.wire import frames
from kinfolk.wire.codec import NO_REFERENCES, Mismatch
from kinfolk.wire.frames import HEADER, FrameBuffer, decode_request, encode, whole_message
from kinfolk.wire.greetings import HANDSHAKE_LIMIT, PREAMBLE
from kinfolk.wire.handshake import ClientHandshake, Identity, ServerHandshake
from kinfolk.wire.messages import (
    Call,
    Claim,
    Describe,
    Lend,
    Next,
    Release,
    Report,
    Request,
    Stop,
    Withdraw,
)

OFFER = SampleManager._offer
IDENTITY = Identity.of(OFFER)
LIMIT = 5_000
DECLARED = (HandshakeFailed, SpecMismatch, ProtocolError, LimitExceeded)
MEMBERS = [OFFER.members(FrontierProxy), OFFER.members(TroubleProxy), OFFER.root]


class ReadingEnd:
    """What a server's connection does with what it receives, as far as there is no socket in it."""

    def __init__(self, key: bytes | None = None) -> None:
        self.handshake = ServerHandshake(IDENTITY, key=key, admit=lambda _token, _pid: b"t" * 16)
        self.buffer = FrameBuffer(LIMIT)
        self.received = 0
        self.requests: list[Request] = []

    def read(self, data: bytes, *, own_memory: bool) -> None:
        """Take in a piece, by either way that the buffer has."""
        self.received += len(data)
        if self.handshake.peer is None:
            self.handshake.receive(data)
            return
        message = whole_message(data, LIMIT) if self.buffer.empty else None
        for each in (message,) if message is not None else self._gather(data, own_memory):
            self.requests.append(decode_request(each))
        self.check_memory()

    def _gather(self, data: bytes, own_memory: bool) -> Iterator[memoryview]:
        while data:
            space = self.buffer.space() if own_memory else None
            if space is None:
                yield from self.buffer.receive(data)
                return
            count = min(len(space), len(data))
            space[:count] = data[:count]
            yield from self.buffer.filled(count)
            data = data[count:]

    def check_memory(self) -> None:
        """No more is taken than the limit allows, nor much more than has arrived."""
        message = self.buffer._message
        if message is not None:
            assert len(message) <= LIMIT
            assert len(message) <= max(frames._FIRST_STEP, frames._GROWTH * self.received)
        assert len(self.buffer._start) < HEADER


def read_all(pieces: Iterable[bytes], *, own_memory: bool, key: bytes | None = None) -> ReadingEnd:
    """Feed pieces until the first declared error; any other is the test's failure."""
    end = ReadingEnd(key)
    with contextlib.suppress(*DECLARED):
        for piece in filter(None, pieces):
            end.read(piece, own_memory=own_memory)
    return end


# --- What is fed

raws = st.builds(
    lambda value: msgspec.Raw(msgspec.msgpack.encode(value)),
    st.dictionaries(
        st.sampled_from(["url", "priority", "value", "other"]),
        st.none() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=9) | st.binary(max_size=9),
        max_size=3,
    ),
)
numbers = st.integers(0, 2**64 - 1)
targets = st.sampled_from(["frontier", "trouble", "", "nobody"]) | numbers
requests: st.SearchStrategy[Request] = st.one_of(
    st.builds(Call, numbers, targets, st.sampled_from(["push", "pop", "no"]), numbers, raws),
    st.builds(Next, numbers, numbers, numbers, numbers),
    st.builds(Release, st.lists(numbers, max_size=4)),
    st.builds(Withdraw, numbers, numbers),
    st.builds(Claim, numbers, numbers),
    st.builds(Lend, numbers, st.none() | st.lists(numbers)),
    st.builds(Describe, numbers),
    st.builds(Report, numbers),
    st.builds(Stop, numbers),
)


@st.composite
def sessions(draw: st.DrawFn) -> tuple[bytes, list[Request]]:
    """Return the bytes of a client that does everything right, and what it asks for."""
    asked = draw(st.lists(requests, max_size=6))
    return b"".join(bytes(encode(each)) for each in asked), asked


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Return bytes with some of them changed, left out, repeated or put in."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found)))
        length = draw(st.integers(0, 8))
        match draw(st.sampled_from(["change", "remove", "repeat", "insert", "cut"])):
            case "change":
                found[at : at + length] = draw(st.binary(min_size=length, max_size=length))
            case "remove":
                del found[at : at + length]
            case "repeat":
                found[at:at] = found[at : at + length * 10]
            case "insert":
                found[at:at] = draw(st.binary(max_size=length))
            case _:
                del found[at:]
    return bytes(found)


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Cut bytes into pieces."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def hello() -> bytes:
    """Return the first bytes of a client."""
    return ClientHandshake(IDENTITY, pid=7).start()


bounded = settings(
    max_examples=300, print_blob=True, suppress_health_check=[HealthCheck.too_slow], deadline=None
)

# --- What becomes of it


@bounded
@given(st.data(), st.booleans())
def test_a_session_in_any_pieces_is_understood(data: st.DataObject, own_memory: bool) -> None:
    """What is right is read in full, wherever it is cut."""
    stream, asked = data.draw(sessions())
    cut = data.draw(pieces(stream))
    end = read_all([hello(), *cut], own_memory=own_memory)
    assert end.requests == asked
    assert end.buffer.empty


@bounded
@given(st.data(), st.booleans())
def test_a_damaged_session_raises_what_is_declared(data: st.DataObject, own_memory: bool) -> None:
    """Whatever was damaged after the handshake; and what is read before it is what was meant."""
    stream, _ = data.draw(sessions())
    damaged = data.draw(mutated(stream))
    read_all([hello(), *data.draw(pieces(damaged))], own_memory=own_memory)


@bounded
@given(st.data(), st.sampled_from([None, b"a key for tests"]))
def test_a_damaged_handshake_raises_what_is_declared(
    data: st.DataObject, key: bytes | None
) -> None:
    """Nobody gets in who does not prove what is asked."""
    damaged = data.draw(mutated(hello()))
    end = read_all(data.draw(pieces(damaged)), own_memory=False, key=key)
    if key is not None:
        assert end.handshake.peer is None
    assert len(end.handshake._stream._frames._start) < HEADER
    message = end.handshake._stream._frames._message
    assert message is None or len(message) <= HANDSHAKE_LIMIT


@bounded
@given(st.data(), st.binary(max_size=300), st.sampled_from([b"", PREAMBLE, hello()]))
def test_bytes_that_nobody_meant_raise_what_is_declared(
    data: st.DataObject, noise: bytes, beginning: bytes
) -> None:
    """From the first byte on, or after a beginning that was right."""
    read_all([beginning, *data.draw(pieces(noise))], own_memory=data.draw(st.booleans()))


@bounded
@given(st.binary(max_size=200) | raws.map(bytes))
def test_arguments_that_nobody_meant_are_a_mismatch(arguments: bytes) -> None:
    """A host tells the caller of it, and nothing else is ever raised."""
    for members in MEMBERS:
        for name in members.names:
            with contextlib.suppress(Mismatch):
                members[name].arguments.decode(arguments, NO_REFERENCES, 10)


@pytest.mark.parametrize("announced", [2**20, 64 * 2**20, 2**32 - 1])
@pytest.mark.parametrize("sent", [0, 1, 1_000, 200_000])
def test_what_is_announced_is_not_allocated(announced: int, sent: int) -> None:
    """Memory follows the bytes that came, in steps, however long the message says that it is."""
    stream = announced.to_bytes(4, "big") + bytes(sent)
    tracemalloc.start()
    try:
        buffer = FrameBuffer(2**32 - 1)
        for start in range(0, len(stream), 65_536):
            space = buffer.space()
            if space is None:
                buffer.receive(stream[start : start + 65_536])
            else:
                part = stream[start : start + min(len(space), 65_536)]
                space[: len(part)] = part
                buffer.filled(len(part))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < frames._FIRST_STEP * 2 + sent * 2


@pytest.mark.parametrize("beyond", [1, 2**20, 2**32 - 1 - LIMIT])
def test_beyond_the_limit_nothing_is_allocated(beyond: int) -> None:
    """The header alone is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded):
            FrameBuffer(LIMIT).receive((LIMIT + beyond).to_bytes(4, "big") + bytes(1_000))
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()
