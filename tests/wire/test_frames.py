"""Frames: messages to bytes, bytes to messages, and what is refused."""

from __future__ import annotations

import contextlib
import itertools
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinfolk.errors import LimitExceeded, ProtocolError
from kinfolk.wire.frames import (
    DEFAULT_LIMIT,
    HEADER,
    FrameBuffer,
    decode_reply,
    decode_request,
    encode,
)
from kinfolk.wire.messages import (
    NOTHING,
    Call,
    Declined,
    Failed,
    Failure,
    Items,
    Next,
    Release,
    Reply,
    Request,
    Result,
    Stop,
    Streaming,
    Withdraw,
)

ARGUMENTS = msgspec.Raw(msgspec.msgpack.encode({"url": "https://example.org"}))
FAILURE = Failure("builtins.KeyError", "'x'", "Traceback", msgspec.Raw(b"\x91\xa1x"))

REQUESTS: list[Request] = [
    Call(1, "frontier", "push", 2**62, ARGUMENTS),
    Call(2, 2**40, "limit=", 0, ARGUMENTS),
    Next(3, 4, 100, 5),
    Release([1, 2, 3]),
    Withdraw(1, 2),
    Stop(9),
]
REPLIES: list[Reply] = [
    Result(1, ARGUMENTS),
    Failed(2, FAILURE),
    Declined(3),
    Streaming(4, 5),
    Items(5, ARGUMENTS, more=True),
    Items(6, NOTHING, more=False, failure=FAILURE),
]


def plain(message: object) -> object:
    """Return a message as builtin values; `Raw` does not compare."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(message))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda m: type(m).__name__)
def test_a_request_comes_back_from_its_frame(request_: Request) -> None:
    """Every request survives being framed, cut out and decoded."""
    [message] = FrameBuffer().receive(bytes(encode(request_)))
    assert type(decode_request(message)) is type(request_)
    assert plain(decode_request(message)) == plain(request_)


@pytest.mark.parametrize("reply", REPLIES, ids=lambda m: type(m).__name__)
def test_a_reply_comes_back_from_its_frame(reply: Reply) -> None:
    """Every reply survives being framed, cut out and decoded."""
    [message] = FrameBuffer().receive(bytes(encode(reply)))
    assert type(decode_reply(message)) is type(reply)
    assert plain(decode_reply(message)) == plain(reply)


def test_the_header_is_the_length_of_the_message() -> None:
    """Four bytes, big-endian, say how long the message after them is."""
    frame = encode(Withdraw(1, 2))
    assert frame[:HEADER] == (len(frame) - HEADER).to_bytes(4, "big")
    assert frame[HEADER:] == b"\x93\x04\x01\x02"


@settings(max_examples=60)
@given(
    messages=st.lists(st.binary(max_size=400), max_size=12),
    cuts=st.lists(st.integers(min_value=1, max_value=700), min_size=1, max_size=20),
    own_memory=st.booleans(),
)
def test_messages_do_not_depend_on_how_the_bytes_arrive(
    messages: list[bytes], cuts: list[int], own_memory: bool
) -> None:
    """However the stream is cut into pieces, the same messages come out in order."""
    stream = b"".join(len(m).to_bytes(4, "big") + m for m in messages)
    buffer = FrameBuffer()
    found: list[bytes] = []
    lengths = itertools.cycle(cuts)
    while stream:
        length = next(lengths)
        space = buffer.space() if own_memory else None
        if space is None:
            found += map(bytes, buffer.receive(stream[:length]))
        else:
            length = min(length, len(space))
            space[:length] = stream[:length]
            found += map(bytes, buffer.filled(length))
        stream = stream[length:]
    assert found == messages
    assert buffer.empty


def test_a_frame_arrives_byte_by_byte() -> None:
    """A message is returned with its last byte, and not before."""
    frame = bytes(encode(REQUESTS[0]))
    buffer = FrameBuffer()
    for index in range(len(frame) - 1):
        assert buffer.receive(frame[index : index + 1]) == []
        assert not buffer.empty
    [message] = buffer.receive(frame[-1:])
    assert bytes(message) == frame[HEADER:]
    assert buffer.empty


def test_a_long_message_grows_with_its_bytes() -> None:
    """Memory for an announced message is taken in steps, each after the last one was filled."""
    length = 40 * 2**20
    buffer = FrameBuffer()
    tracemalloc.start()
    try:
        buffer.receive(length.to_bytes(4, "big") + b"x")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    received = 1
    spaces: list[int] = []
    messages: list[memoryview] = []
    while not messages:
        space = buffer.space()
        assert space is not None
        spaces.append(len(space))
        received += len(space)
        messages = buffer.filled(len(space))
    assert received == length == len(messages[0])
    assert bytes(messages[0][:1]) == b"x"
    assert spaces == sorted(spaces)


@pytest.mark.parametrize("length", [101, 2**31, 2**32 - 1])
def test_a_message_beyond_the_limit_is_refused_by_its_header(length: int) -> None:
    """The length is refused before a byte of the message came, naming both numbers."""
    buffer = FrameBuffer(limit=100)
    with pytest.raises(LimitExceeded, match=rf"\b{length} bytes .* limit of 100 bytes"):
        buffer.receive(length.to_bytes(4, "big"))


def test_a_message_of_exactly_the_limit_passes() -> None:
    """The limit itself is allowed."""
    message = bytes(100)
    assert FrameBuffer(limit=100).receive((100).to_bytes(4, "big") + message) == [message]


def test_the_default_limit_is_64_mebibytes() -> None:
    """One byte more than 64 MiB is refused by default."""
    assert DEFAULT_LIMIT == 64 * 1024 * 1024
    with pytest.raises(LimitExceeded, match=r"67108865 bytes .* 67108864 bytes"):
        FrameBuffer().receive((DEFAULT_LIMIT + 1).to_bytes(4, "big"))


def test_a_message_too_long_to_send_is_not_framed() -> None:
    """The sender meets the receiver's limit before the receiver does."""
    with pytest.raises(LimitExceeded, match=r"\d+ bytes is longer than the limit of 10 bytes"):
        encode(Call(1, "frontier", "push", 1, ARGUMENTS), limit=10)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="no such code"),
        pytest.param(b"GET / HTTP/1.1\r\n", id="another protocol"),
        pytest.param(b"\x92\x63\x01", id="an unknown number"),
        pytest.param(b"\x92\x11\xc0", id="a reply"),
        pytest.param(b"\x91\x04", id="a field missing"),
        pytest.param(b"\x92\x04\xa1x", id="a field of another type"),
        pytest.param(b"\x92\x04\x01\x01", id="bytes left over"),
        pytest.param(b"\x96\x01\x01\xa1x\xa1\xff\x01\xc0", id="no UTF-8"),
        pytest.param(b"\x95\x01\x01\xa1x\xa1y", id="cut short"),
    ],
)
def test_what_is_no_request_is_a_protocol_error(message: bytes) -> None:
    """Anything but a well-formed request is refused as such."""
    with pytest.raises(ProtocolError, match="no request"):
        decode_request(message)


def test_a_message_nested_too_deep_is_a_protocol_error() -> None:
    """Nesting that no reader survives is refused without a RecursionError."""
    message = b"\x96\x01\x01\xa1x\xa1y\x01" + b"\x91" * 100_000 + b"\xc0"
    with pytest.raises(ProtocolError, match="nested too deep"):
        decode_request(message)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_random_bytes_are_a_message_or_a_protocol_error(message: bytes) -> None:
    """No other error comes out of bytes that nobody meant."""
    for decode in (decode_request, decode_reply):
        with contextlib.suppress(ProtocolError):
            decode(message)
