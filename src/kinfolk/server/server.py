"""The server: accepts connections until it is told to stop, and then ends what it began."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from kinfolk.addresses import Address
from kinfolk.declare import Factory, Singleton
from kinfolk.host.hosting import Host
from kinfolk.limits import Limits
from kinfolk.server.admission import Admission
from kinfolk.server.connection import Connection, Service
from kinfolk.server.ending import end_all
from kinfolk.server.files import spec_file
from kinfolk.server.idling import Idling
from kinfolk.server.listening import listen
from kinfolk.server.people import People
from kinfolk.server.reporting import make_report
from kinfolk.server.resting import Rested
from kinfolk.server.running import RunningServer
from kinfolk.server.waking import Waker
from kinfolk.wire.by_hand import Registry
from kinfolk.wire.greetings import Heartbeat
from kinfolk.wire.handshake import Identity, farewell
from kinfolk.wire.reports import ServerReport
from kinfolk.wire.table import ManagerType

if sys.platform == "linux":
    from kinfolk.server.linux import LinuxDeaths as Deaths
else:
    from kinfolk.server.deaths import Deaths

__all__ = ["Server"]

_logger = logging.getLogger("kinfolk.server")

_GRACE: Final = 1.0


class Server(RunningServer):
    """Serves a manager's objects at an address, which it takes at once.

    Clients may connect from then on; they are answered while `serve_forever` runs.

    Args:
        offer: What the manager's generated class says.
        entries: What `@manager` says of the spec's class; the singletons are built from it.
        address: Where to listen.
        key: The key that clients have to hold; None where the socket vouches for their user.
        insecure: Listen also where others can read along.
        limits: What there is room for.
        idle: After how many seconds without a client it stops; None is never.
        grace: How many seconds running calls have to end when the server stops.
        begin: Called with the name of each singleton before it is made, which may take long.
        by_hand: What was registered by hand beside the entries.

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
        limits: Limits = Limits(),  # noqa: B008 - frozen
        idle: float | None = None,
        grace: float = _GRACE,
        begin: Callable[[str], object] | None = None,
        by_hand: Registry | None = None,
    ) -> None:
        identity = Identity.of(offer, limits.frame, Heartbeat(limits.heartbeat, limits.misses))
        with contextlib.ExitStack() as undo:
            # The address first: a second server must not build objects that the first one has.
            listener = listen(address, key=key, insecure=insecure, about=spec_file(offer.spec))
            undo.callback(listener.close)
            self._host = Host(offer, entries, limits, begin, by_hand)
            undo.callback(self._host.close)
            waker = Waker()
            undo.callback(waker.close)
            self._deaths = Deaths()
            undo.pop_all()
        super().__init__(listener, waker, farewell)
        self._grace = grace
        self._connections: set[Connection] = set()
        self._idling = Idling(idle, self._stop_if_idle)
        self._begun = time.monotonic()
        # Those of the connections that have ended.
        self._calls = 0
        self._service = Service(
            host=self._host,
            codecs=offer.codecs,
            identity=identity,
            key=key,
            limits=limits,
            admission=Admission(limits),
            refusals=self._refusals,
            deaths=self._deaths,
            stop=self.stop,
            is_stopping=lambda: self._stopping,
            report=self.report,
        )

    def _prepare(self) -> None:
        self._idling.begin()

    def _stop_if_idle(self) -> None:
        with self._changed:
            if not self._connections and not self._stopping:
                _logger.info("%s stops, since nobody is connected any more", self.url)
                self.stop()

    def _end(self) -> None:
        self._listener.close()
        self._deaths.close()
        self._resting.close()
        end_all(self._connections, self._changed, self._grace)
        self._host.close()

    def report(self) -> ServerReport:
        """Return how it is doing, and who uses it. Takes the longer the more objects there are."""
        with self._changed:
            connections = list(self._connections)
            calls = self._calls + sum(connection.calls for connection in connections)
        people = People(filter(None, [connection.caller for connection in connections]))
        return make_report(
            self._host,
            serializer="typed",
            address=self.url,
            uptime=time.monotonic() - self._begun,
            calls=calls,
            clients=[people.client(session) for session in self._host.sessions],
            party=people.party,
        )

    # --- Connections

    def _begin(self, sock: socket.socket, address: Any) -> None:
        connection = Connection(sock, address, self._service)
        with self._changed:
            if self._stopping:
                # It came while the server found that nobody was there.
                sock.close()
                return
            self._connections.add(connection)
            self._idling.came()
        self._service.admission.arrive(connection)
        try:
            self._resume(connection)
        except RuntimeError:
            self._service.admission.leave(connection)
            self._forget(connection)
            raise

    def _resume(self, connection: Connection) -> None:
        self._start_thread(partial(self._run, connection))

    def _run(self, connection: Connection) -> None:
        self._serve(connection)
        self._resting.stand_by()

    def _serve(self, connection: Connection, *, briefly: bool = False) -> None:
        """Serve a connection until it rests, or to its end."""
        rests = False
        try:
            while connection.run(briefly=briefly):
                rests = self._resting.add(
                    Rested(
                        connection,
                        partial(self._resume, connection),
                        partial(self._serve, connection, briefly=True),
                    )
                )
                if rests:
                    return
                briefly = False
        finally:
            if not rests:
                self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._changed:
            if connection in self._connections:
                self._connections.discard(connection)
                self._calls += connection.calls
            self._idling.left(len(self._connections), client=connection.caller is not None)
            self._changed.notify_all()
        self._waker.wake()
