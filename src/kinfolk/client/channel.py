"""The channel to a server: a session, and as many connections as there are calls at once.

A call takes an idle connection, or opens one, and nobody else uses that one until it is back; so
threads never wait for each other's calls. All connections present the same session, which lives as
long as one of them does.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import Final
from weakref import WeakSet

import attrs

from kinfolk.addresses import Address
from kinfolk.calls import CallingChannel
from kinfolk.client.connection import Connection, Destination
from kinfolk.errors import ConnectionClosed, ConnectionLost, KinfolkError
from kinfolk.wire.frames import DEFAULT_LIMIT, encode
from kinfolk.wire.handshake import Identity
from kinfolk.wire.messages import Call, Next, Reply, Stop
from kinfolk.wire.table import ManagerType

__all__ = ["SocketChannel"]

# More stay open only while more calls are under way.
_MOST_IDLE: Final = 16
_STOP: Final = 0  # the numbers of calls begin with 1
_REPLACEMENT_TIMEOUT: Final = 1.0


class SocketChannel(CallingChannel):
    """A channel to the server at an address; connected once it is made.

    Args:
        offer: What the manager offers.
        address: Where the server listens.
        key: The key that both ends hold, if any.
        timeout: How many seconds connecting may take, now and whenever a connection is opened.
        limit: The longest reply to receive, in bytes.

    Raises:
        NotRunning: No server listens there.
        AuthenticationFailed: One end refuses the other's key or user.
        SpecMismatch: The server was generated from another spec.
        HandshakeFailed: What listens there is no server of ours.
        LimitExceeded: The server has no room for this client.
        CallTimeout: It took too long.
    """

    def __init__(
        self,
        offer: ManagerType,
        address: Address,
        *,
        key: bytes | None = None,
        timeout: float = 10.0,
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        super().__init__(offer)
        self._address = address
        self._destination = Destination(
            address,
            Identity.of(offer, limit),
            key,
            timeout,
            remedy=f"kinfolk serve {offer.spec}",
        )
        self._closed = False
        self.start_afresh()
        self._idle.append(self._open(self._destination))
        _channels.add(self)

    def start_afresh(self) -> None:
        """Begin without a session and without connections, as a forked child has to.

        What it inherited is the parent's: the sockets, closed by now, and the references.
        """
        self.released()
        self._session = b""
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._idle: deque[Connection] = deque()

    # --- What proxies and managers ask for

    @property
    def address(self) -> str:
        """Where the objects live, as a URL."""
        return str(self._address)

    def stop(self) -> None:
        """Stop the server, and close the channel."""
        self.exchange(Stop(_STOP))
        self.close()

    def close(self) -> None:
        """Close all connections, which ends the session; closing twice has no effect.

        Calls that other threads have under way fail with `ConnectionClosed`.
        """
        with self._lock:
            self._closed = True
            connections = list(self._connections)
        for connection in connections:
            connection.interrupt()
        self._close_idle()

    # --- Calls

    def exchange(self, request: Call | Next | Stop) -> Reply:
        """Send a request over a connection of its own; see `CallingChannel.exchange`."""
        connection = self._next_idle() or self._open(self._destination)
        try:
            frames = encode(request, connection.limit)
            released = self.released()
            if released is not None:
                frames = encode(released) + frames
            reply = connection.exchange(frames, request.call)
        except BaseException as error:
            self._give_up(connection, error)
            if self._closed and isinstance(error, ConnectionLost):
                raise ConnectionClosed(f"{self.address} was closed during the call") from None
            raise
        self._give_back(connection)
        return reply

    def _next_idle(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_back(self, connection: Connection) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            self._forget(connection)
        if self._closed:
            self._close_idle()

    def _give_up(self, connection: Connection, error: BaseException) -> None:
        """Take back a connection from a call that failed."""
        if connection.intact:
            self._give_back(connection)
            return
        try:
            with self._lock:
                self._connections.discard(connection)
                last = not self._connections
            if isinstance(error, ConnectionLost):
                self._drop_dead()
            elif last and not self._closed:
                # The session, and with it the locks that this process holds, lives on.
                self._replace()
            connection.withdraw()
        finally:
            connection.close()

    # --- Connections

    def _open(self, destination: Destination) -> Connection:
        while True:
            self._check_open()
            presented = self._session
            connection = Connection(destination, presented)
            with self._lock:
                # The server gives a new session where it does not know the old one. Of several
                # threads that get one at the same time, all take that of the first.
                if not self._closed and self._session in {presented, connection.session}:
                    self._session = connection.session
                    self._connections.add(connection)
                    return connection
            connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionClosed(f"{self.address} was closed; open the manager again")

    def _replace(self) -> None:
        soon = attrs.evolve(
            self._destination, timeout=min(self._destination.timeout, _REPLACEMENT_TIMEOUT)
        )
        with contextlib.suppress(KinfolkError, OSError):
            self._give_back(self._open(soon))

    def _drop_dead(self) -> None:
        """Forget the idle connections that ended too, so that each does not fail a call."""
        for _ in range(len(self._idle)):
            connection = self._next_idle()
            if connection is None:
                break
            if connection.alive:
                self._idle.appendleft(connection)
            else:
                self._forget(connection)

    def _close_idle(self) -> None:
        while connection := self._next_idle():
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
        connection.close()


_channels: WeakSet[SocketChannel] = WeakSet()


def _after_fork() -> None:
    for channel in list(_channels):
        channel.start_afresh()


os.register_at_fork(after_in_child=_after_fork)
