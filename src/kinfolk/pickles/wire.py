"""Messages as `multiprocessing.connection` sends them, over a socket of ours.

A message is its length and as many bytes. A connection begins with two challenges, the server's
first, by which each end proves that it holds the key; no pickle is read before that. After it the
client sends requests, tuples of an object, a method, arguments and keyword arguments, and each is
answered by a pair: what kind of answer it is, and the answer.

    part      offset  bytes  content
    --------  ------  -----  ------------------------------------------------------------
    message   0       4      n, the length: signed, big-endian; -1 if it does not fit
              4       8      only after -1: n, unsigned
              4 (12)  n      a pickle; in the challenges, plain bytes
"""

from __future__ import annotations

import multiprocessing
import socket
import struct
from collections.abc import Callable
from multiprocessing.connection import answer_challenge, deliver_challenge
from typing import Any, Final, TypeAlias

from kinfolk.errors import AuthenticationFailed, HandshakeFailed
from kinfolk.signals import Passing, pass_on_what_handlers_raise
from kinfolk.sockets import close_in_children, in_pieces
from kinfolk.wire.greetings import MAGIC

__all__ = ["ERROR", "PROXY", "RETURN", "TRACEBACK", "UNSERIALIZABLE", "Message", "Wire"]

_Challenge: TypeAlias = Callable[[Any, bytes], object]
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
        size = len(data)
        head = _short.pack(size) if size <= _SHORT else _short.pack(-1) + _long.pack(size)
        if size <= _LONG:
            # In one piece, which is one packet.
            self.sock.sendall(head + data)
        else:
            self.sock.sendall(head)
            self.sock.sendall(data)

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Return the next message.

        Raises:
            EOFError: The peer has closed the connection.
            OSError: It closed it in the middle of a message, or the message is longer than allowed.
        """
        (size,) = _short.unpack(self._take(_short.size))
        if maxlength is not None and not 0 <= size <= maxlength:
            if _short.pack(size) == MAGIC[: _short.size]:
                raise HandshakeFailed(
                    "the client speaks serializer 'typed', and this server 'pickle'"
                )
            raise OSError("bad message length")
        if size == -1:
            (size,) = _long.unpack(self._take(_long.size))
        try:
            return self._take(size)
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

    def __del__(self) -> None:
        # With the thread whose it was; that it was not closed before is no mistake. There is none
        # if a signal handler raised first of all.
        if hasattr(self, "sock"):
            self.sock.close()

    def _take(self, size: int) -> bytes:
        buffer = self._buffer
        while len(buffer) < size:
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

    # --- The challenges

    def let_in(self, key: bytes) -> None:
        """Prove to each other that both ends hold the key, as the server.

        Raises:
            AuthenticationFailed: They do not hold the same.
            HandshakeFailed: The client speaks something else.
        """
        self._prove(
            key, deliver_challenge, answer_challenge, "the client does not hold the server's key"
        )

    def enter(self, key: bytes) -> None:
        """Prove to each other that both ends hold the key, as the client.

        Raises:
            AuthenticationFailed: They do not hold the same.
            HandshakeFailed: The server speaks something else.
        """
        self._prove(
            key, answer_challenge, deliver_challenge, "the two ends do not hold the same key"
        )

    def _prove(self, key: bytes, first: _Challenge, then: _Challenge, refused: str) -> None:
        try:
            first(self, key)
            then(self, key)
        except multiprocessing.AuthenticationError as error:
            pass_on_what_handlers_raise(error)
            raise AuthenticationFailed(refused) from None
        except (AssertionError, ValueError) as error:
            pass_on_what_handlers_raise(error)
            raise HandshakeFailed("the peer does not speak the standard library's wire") from None
