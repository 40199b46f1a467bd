"""Frames: how messages stand in the stream of bytes. No socket here, and nobody who waits.

Everything on a connection is the two preambles, each end's first bytes, and then frames:

    part      offset  bytes  content
    --------  ------  -----  ----------------------------------------------------------
    preamble  0       7      "KINFOLK"
              7       1      version of the protocol, 1
    frame     0       4      n, the length of the message: unsigned, big-endian
              4       n      the message, one MessagePack array

The client sends its preamble first. The first frames are the handshake's (`greetings` has their
messages), each way in turn and of at most 4,096 bytes; the client sends nothing more until it is
welcome. All later frames are requests and replies (`messages` has those), of at most the length
that the receiver named in the handshake.

A length is checked before anything is allocated for it, and memory for a long message is taken as
its bytes arrive, so a peer that announces much and sends little costs little.
"""

from __future__ import annotations

from struct import Struct as Layout
from typing import Final, TypeVar

import msgspec
from typing_extensions import Buffer

from kinfolk.errors import LimitExceeded, MessageTooLong, ProtocolError
from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.messages import Reply, Request

__all__ = [
    "DEFAULT_LIMIT",
    "HEADER",
    "FrameBuffer",
    "decode",
    "decode_reply",
    "decode_request",
    "encode",
    "whole_message",
]

M = TypeVar("M")

DEFAULT_LIMIT: Final = 64 * 2**20
"""The longest message that is received unless told otherwise, in bytes."""

HEADER: Final = 4
"""The bytes before a message."""

_FIRST_STEP: Final = 256 * 2**10
_GROWTH: Final = 16

_header = Layout(">I")
_read_header, _write_header = _header.unpack_from, _header.pack_into
_encode_into = msgspec.msgpack.Encoder().encode_into
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


# --- Messages


def encode(message: msgspec.Struct, limit: int = DEFAULT_LIMIT) -> bytearray:
    """Return the frame of a message.

    Raises:
        MessageTooLong: The message is longer than the receiver allows.
    """
    frame = bytearray()
    _encode_into(message, frame, HEADER)
    length = len(frame) - HEADER
    if length > limit:
        raise MessageTooLong(_too_long(length, limit))
    _write_header(frame, 0, length)
    return frame


def _too_long(length: int, limit: int) -> str:
    return f"a message of {length} bytes is longer than the limit of {limit} bytes"


def decode_request(message: Buffer) -> Request:
    """Return the request that a message is.

    Raises:
        ProtocolError: It is none.
    """
    try:
        return _requests.decode(message)
    except (ValueError, RecursionError) as error:
        pass_on_what_handlers_raise(error)
        raise _unreadable(error, "request") from None


def decode_reply(message: Buffer) -> Reply:
    """Return the reply that a message is.

    Raises:
        ProtocolError: It is none.
    """
    try:
        return _replies.decode(message)
    except (ValueError, RecursionError) as error:
        pass_on_what_handlers_raise(error)
        raise _unreadable(error, "reply") from None


def decode(decoder: msgspec.msgpack.Decoder[M], message: Buffer, what: str) -> M:
    """Decode a message; `what` it should be is for the error.

    Raises:
        ProtocolError: It is something else, malformed, or nested beyond what can be read.
    """
    try:
        return decoder.decode(message)
    except (ValueError, RecursionError) as error:
        pass_on_what_handlers_raise(error)
        raise _unreadable(error, what) from None


def _unreadable(error: Exception, what: str) -> ProtocolError:
    if isinstance(error, RecursionError):
        return ProtocolError(f"the peer sent a {what} that is nested too deep")
    # msgspec's own, or a UnicodeDecodeError.
    return ProtocolError(f"the peer sent what is no {what}: {error}")


# --- Frames


def whole_message(data: bytes, limit: int) -> bytes | None:
    """Return the message of data that is one frame and nothing else, as nearly all is.

    For any other it returns None, and a `FrameBuffer` has to make sense of it.
    """
    length = len(data) - HEADER
    if 0 <= length <= limit and _read_header(data)[0] == length:
        # A copy: it is short nearly always, and then a view takes longer.
        return data[HEADER:]
    return None


class FrameBuffer:
    """Cuts what is received into the messages of frames, whole and in order.

    Give it each piece of bytes, and act on the messages that come back:

        space = buffer.space()
        if space is None:
            messages = buffer.receive(connection.recv(65536))
        else:
            messages = buffer.filled(connection.recv_into(space))

    The second way receives a long message straight into its own memory; `receive` alone is right
    too. After an error the position in the stream is lost, and the connection is of no more use.

    Args:
        limit: The longest message to receive, in bytes.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._start = b""  # of a frame whose header is not whole
        self._message: bytearray | None = None  # begun, as far as memory was taken for it
        self._length = 0
        self._received = 0

    @property
    def empty(self) -> bool:
        """Whether what was received so far ended with a whole frame."""
        return not self._start and self._message is None

    def receive(self, data: bytes) -> list[memoryview]:
        """Take in the next bytes; return the messages that they complete.

        Raises:
            LimitExceeded: A frame says that its message is longer than the limit.
        """
        view = memoryview(data)
        if self._message is not None:
            return self._continue(view)
        if self._start:
            view = memoryview(self._start + data)
            self._start = b""
        messages: list[memoryview] = []
        while len(view) >= HEADER:
            end = HEADER + self._checked_length(view)
            if end > len(view):
                self._begin(view)
                return messages
            messages.append(view[HEADER:end])
            view = view[end:]
        self._start = bytes(view)
        return messages

    def space(self) -> memoryview | None:
        """Return where the next bytes of a begun message belong, None when none is begun."""
        if self._message is None:
            return None
        if self._received == len(self._message):
            self._grow(self._message)
        return memoryview(self._message)[self._received :]

    def filled(self, count: int) -> list[memoryview]:
        """Note that so many bytes were put into `space()`; return the message once it is whole."""
        self._received += count
        if self._message is None or self._received < self._length:
            return []
        message = memoryview(self._message)
        self._message = None
        return [message]

    def _checked_length(self, view: memoryview) -> int:
        length = int.from_bytes(view[:HEADER], "big")
        if length > self._limit:
            raise LimitExceeded(_too_long(length, self._limit))
        return length

    def _begin(self, view: memoryview) -> None:
        self._length = int.from_bytes(view[:HEADER], "big")
        self._received = len(view) - HEADER
        self._message = bytearray(min(self._length, max(_FIRST_STEP, self._received)))
        self._message[: self._received] = view[HEADER:]

    def _grow(self, message: bytearray) -> None:
        larger = bytearray(min(self._length, _GROWTH * len(message)))
        larger[: len(message)] = message
        self._message = larger

    def _continue(self, view: memoryview) -> list[memoryview]:
        while (space := self.space()) is not None:
            count = min(len(space), len(view))
            space[:count] = view[:count]
            whole = self.filled(count)
            view = view[count:]
            if whole:
                return whole + self.receive(bytes(view))
            if not view:
                break
        return []
