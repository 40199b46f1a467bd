"""The server: accepts connections until it is told to stop, and then ends what it began."""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import selectors
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

from kinfolk.addresses import Address
from kinfolk.declare import Factory, Singleton
from kinfolk.host.hosting import Host
from kinfolk.host.limits import Limits
from kinfolk.server.connection import Connection, Service
from kinfolk.server.listening import listen
from kinfolk.sockets import close_in_children
from kinfolk.wire.frames import DEFAULT_LIMIT
from kinfolk.wire.handshake import Identity
from kinfolk.wire.table import ManagerType

if sys.platform == "linux":
    from kinfolk.server.linux import LinuxDeaths as Deaths
else:
    from kinfolk.server.deaths import Deaths

__all__ = ["Server"]

_logger = logging.getLogger("kinfolk.server")

# What accept() says when the system has no room for one more connection.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE: Final = 0.5
_GRACE: Final = 1.0


class Server:
    """Serves a manager's objects at an address, which it takes at once.

    Clients may connect from then on; they are answered while `serve_forever` runs.

    Args:
        offer: What the manager's generated class says.
        entries: What `@manager` says of the spec's class; the singletons are built from it.
        address: Where to listen.
        key: The key that clients have to hold; None where the socket vouches for their user.
        insecure: Listen also where others can read along.
        limit: The longest request to receive, in bytes.
        limits: What one client may have at once.
        handshake_timeout: How many seconds a client has to say who it is.
        grace: How many seconds running calls have to end when the server stops.

    Raises:
        AlreadyRunning: Another server listens there.
        AddressError: The address cannot be used, or not without a key or `insecure`.
    """

    def __init__(
        self,
        offer: ManagerType,
        entries: Mapping[str, Singleton | Factory],
        address: Address,
        *,
        key: bytes | None = None,
        insecure: bool = False,
        limit: int = DEFAULT_LIMIT,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        handshake_timeout: float = 10.0,
        grace: float = _GRACE,
    ) -> None:
        identity = Identity.of(offer, limit)
        with contextlib.ExitStack() as undo:
            # The address first: a second server must not build objects that the first one has.
            self._listener = listen(address, key=key, insecure=insecure)
            undo.callback(self._listener.close)
            self._host = Host(offer, entries, limits)
            undo.callback(self._host.close)
            self._woken, self._waker = socket.socketpair()
            undo.callback(self._close_wakers)
            self._deaths = Deaths()
            undo.pop_all()
        for sock in (self._woken, self._waker):
            sock.setblocking(False)  # noqa: FBT003 - named so by the standard library
            close_in_children(sock)
        self._listener.sock.setblocking(False)  # noqa: FBT003
        self._grace = grace
        self._stopping = False
        self._closed = False
        self._served = False
        self._connections: set[Connection] = set()
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._service = Service(
            host=self._host,
            codecs=offer.codecs,
            identity=identity,
            key=key,
            handshake_timeout=handshake_timeout,
            deaths=self._deaths,
            stop=self.stop,
        )

    @property
    def address(self) -> str | tuple[str, int]:
        """Where it listens, as `multiprocessing.managers` writes it; clients use this one."""
        return self._listener.address.raw

    @property
    def url(self) -> str:
        """Where it listens, as a URL."""
        return str(self._listener.address)

    def serve_forever(self) -> None:
        """Serve until `stop` is called, a client asks for it, or Ctrl-C; then end cleanly.

        Raises:
            RuntimeError: It serves already, or has served: make a new server.
        """
        with self._changed:
            if self._served:
                raise RuntimeError(f"{self.url} is served once only: make a new server")
            self._served = True
        try:
            self._accept_until_stopped()
        except KeyboardInterrupt:
            _logger.info("interrupted")
        finally:
            self.close()

    def stop(self) -> None:
        """End `serve_forever`. May be called by any thread, and by a signal handler."""
        self._stopping = True
        self._wake()

    def close(self) -> None:
        """Give the address up, end all connections and the host; closing twice has no effect."""
        if self._closed:
            return
        self._closed = True
        self._listener.close()
        self._deaths.close()
        self._end_connections()
        self._host.close()
        self._close_wakers()

    # --- Accepting

    def _accept_until_stopped(self) -> None:
        listening = self._listener.sock
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(listening, selectors.EVENT_READ)
            while not self._stopping:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._woken in ready:
                    self._woken.recv(4096)
                if listening in ready and not self._accept():
                    # Asking again at once would get the same answer, over and over.
                    selector.unregister(listening)
                    self._pause(selector)
                    selector.register(listening, selectors.EVENT_READ)

    def _pause(self, selector: selectors.BaseSelector) -> None:
        """Wait until there may be room again: a connection ended, or some time went by."""
        if selector.select(_PAUSE):
            self._woken.recv(4096)

    def _accept(self) -> bool:
        """Accept a connection, and give it a thread; False if the system has no room for it."""
        try:
            sock, address = self._listener.sock.accept()
        except OSError as error:
            # Any other is the one connection's trouble: it went away while it waited.
            if error.errno in _EXHAUSTED:
                _logger.warning("no connection can be accepted: %s", error.strerror)
                return False
            return True
        sock.setblocking(True)  # noqa: FBT003
        connection = Connection(sock, address, self._service)
        with self._changed:
            self._connections.add(connection)
        thread = threading.Thread(
            target=self._run,
            args=(connection,),
            name=f"kinfolk-{next(self._numbers)}",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError as error:
            _logger.warning("a connection is refused: %s", error)
            self._forget(connection)
            sock.close()
            return False
        return True

    def _run(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: it is over
            self._waker.send(b"!")

    def _close_wakers(self) -> None:
        self._woken.close()
        self._waker.close()

    # --- Ending

    def _end_connections(self) -> None:
        deadline = time.monotonic() + self._grace
        with self._changed:
            for connection in self._connections:
                connection.finish()
            while self._connections and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            remaining = list(self._connections)
        for connection in remaining:
            connection.lost()
