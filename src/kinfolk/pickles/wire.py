"""Messages as `multiprocessing.connection` sends them, over a socket of ours.

A message is its length and as many bytes. A connection begins with challenges (see `challenges`),
and no pickle is read before those. Then the client sends requests, tuples of an object, a method,
arguments and keyword arguments, and each is answered by a pair: what kind of answer it is, and the
answer.

    part      offset  bytes  content
    --------  ------  -----  ------------------------------------------------------------
    message   0       4      n, the length: signed, big-endian; -1 if it does not fit
              4       8      only after -1: n, unsigned
              4 (12)  n      a pickle; in the challenges, plain bytes
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Final, TypeAlias

from kinfolk.deadlines import time_left
from kinfolk.signals import Passing, pass_on_what_handlers_raise
from kinfolk.sockets import close_in_children, in_pieces

__all__ = ["ERROR", "PROXY", "RETURN", "TRACEBACK", "UNSERIALIZABLE", "Message", "Wire", "framed"]

Message: TypeAlias = tuple[str, Any]
"""What kind of answer it is, one of those below, and the answer."""

RETURN: Final = "#RETURN"
PROXY: Final = "#PROXY"
ERROR: Final = "#ERROR"
TRACEBACK: Final = "#TRACEBACK"
UNSERIALIZABLE: Final = "#UNSERIALIZABLE"

_READ: Final = 64 * 2**10
_MOST: Final = 2**20
_SHORT: Final = 2**31 - 1
_LONG: Final = 16 * 2**10
_short, _long = struct.Struct("!i"), struct.Struct("!Q")


class Wire:
    """A connected socket, with as much of `multiprocessing.connection.Connection` as is used.

    One thread uses it at a time.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock: Final = sock
        self._buffer = bytearray()
        close_in_children(sock)

    def send_bytes(self, data: bytes) -> None:
        """Send a message."""
        if len(data) <= _LONG:
            # In one piece, which is one packet.
            self.sock.sendall(framed(data))
        else:
            self.sock.sendall(_head(data))
            self.sock.sendall(data)

    def recv_bytes(self) -> bytes:
        """Return the next message.

        Raises:
            EOFError: The peer has closed the connection.
            OSError: It closed it in the middle of a message.
        """
        (size,) = _short.unpack(self.take(_short.size))
        if size == -1:
            (size,) = _long.unpack(self.take(_long.size))
        try:
            return self.take(size)
        except EOFError as error:
            pass_on_what_handlers_raise(error)
            raise ConnectionResetError("the connection ended within a message") from None

    def wait_for_end(self, seconds: float) -> bool:
        """Wait for the peer to close the connection; return whether it has by then."""
        with Passing(OSError):
            try:
                self.sock.settimeout(seconds)
                return not self.sock.recv(1)
            except TimeoutError:
                return False
        return True

    def close(self) -> None:
        """Close the socket; closing twice has no effect."""
        self.sock.close()

    def take(self, size: int, until: float | None = None) -> bytes:
        """Return so many bytes.

        Args:
            size: How many.
            until: When to give up, by `time.monotonic`; by default never.

        Raises:
            EOFError: The peer has closed the connection, and nothing came before that.
            OSError: It closed it after a part.
            TimeoutError: The time has come.
        """
        buffer = self._buffer
        while len(buffer) < size:
            if until is not None:
                self.sock.settimeout(time_left(until))
            wanted = min(max(_READ, size - len(buffer)), _MOST)
            data = in_pieces(self.sock.recv, wanted)
            if not data:
                if buffer:
                    raise ConnectionResetError("the connection ended within a message")
                raise EOFError
            buffer += data
        taken = bytes(memoryview(buffer)[:size])
        del buffer[:size]
        return taken


def framed(data: bytes) -> bytes:
    """Return a message as it is sent."""
    return _head(data) + data


def _head(data: bytes) -> bytes:
    size = len(data)
    return _short.pack(size) if size <= _SHORT else _short.pack(-1) + _long.pack(size)
