"""A server of the standard library's wire, over Kinfolk's objects.

Its clients may be plain `multiprocessing.managers.BaseManager`s. What it adds to theirs: it serves
the members that the spec exposes and no others, calls take turns, what a connection has acquired is
free when it ends, and the address is taken and given up as Kinfolk's other server does it.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from kinfolk.addresses import Address, UnixAddress
from kinfolk.declare import Factory, Singleton
from kinfolk.errors import AuthenticationFailed, HandshakeFailed
from kinfolk.host.hosting import Host
from kinfolk.host.owners import Process
from kinfolk.host.places import raised
from kinfolk.limits import Limits
from kinfolk.pickles.answering import Answering, Service
from kinfolk.pickles.by_hand import ByHand
from kinfolk.pickles.challenges import farewell, let_in
from kinfolk.pickles.clients import Client, Clients, Visit
from kinfolk.pickles.keys import ServerKey
from kinfolk.pickles.people import party, people
from kinfolk.pickles.things import Things
from kinfolk.server.admission import Admission
from kinfolk.server.ending import end_all
from kinfolk.server.files import spec_file
from kinfolk.server.listening import listen
from kinfolk.server.refusing import say_farewell
from kinfolk.server.reporting import make_report
from kinfolk.server.running import RunningServer
from kinfolk.server.waking import Waker
from kinfolk.sockets import check_user, tune
from kinfolk.wire.by_hand import Registry
from kinfolk.wire.greetings import AboutToEnd, CutShort, Refusal
from kinfolk.wire.reports import ServerReport
from kinfolk.wire.table import ManagerType

if sys.platform == "linux":
    from kinfolk.server.linux import LinuxDeaths as Deaths
else:
    from kinfolk.server.deaths import Deaths

__all__ = ["PickleServer"]

_logger = logging.getLogger("kinfolk.server")

_GRACE: Final = 1.0
# Nothing limits the references of all clients of a TCP address together.
_ENDLESS: Final = sys.maxsize


class PickleServer(RunningServer):
    """Serves a manager's objects over the standard library's wire.

    Args:
        offer: What the manager's generated class says.
        entries: What `@manager` says of the spec's class; the singletons are built from it.
        registry: What was registered by hand.
        address: Where to listen.
        key: The key that clients have to hold; None to make one beside a Unix socket.
        insecure: Listen also where others can read along.
        limits: What there is room for.
        grace: How many seconds running calls have to end when the server stops.
        begin: Called with the name of each singleton before it is made, which may take long.

    Raises:
        AlreadyRunning: Another server listens there.
        AddressError: The address cannot be used, or not without a key or `insecure`.
    """

    def __init__(
        self,
        offer: ManagerType,
        entries: Mapping[str, Singleton | Factory],
        registry: Registry,
        address: Address,
        *,
        key: bytes | None,
        insecure: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        grace: float = _GRACE,
        begin: Callable[[str], object] | None = None,
    ) -> None:
        with contextlib.ExitStack() as undo:
            # The address first: what lies beside it, and the objects, may be another server's.
            about = spec_file(offer.spec)
            listener = listen(address, key=key, insecure=insecure, about=about)
            undo.callback(listener.close)
            self._key = ServerKey(listener.address, key)
            undo.callback(self._key.remove)
            self._host = Host(offer, entries, limits, begin)
            undo.callback(self._host.close)
            waker = Waker()
            undo.callback(waker.close)
            self._deaths = Deaths()
            undo.pop_all()
        super().__init__(listener, waker, farewell)
        self._limits = limits
        self._grace = grace
        self._admission = Admission(limits)
        self._service = self._made_service(offer, registry)
        self._visits: set[Visit] = set()
        self._begun = time.monotonic()
        # Those of the connections that have ended.
        self._calls = 0

    def _made_service(self, offer: ManagerType, registry: Registry) -> Service:
        place, limits = self._listener.address, self._limits
        limit = limits.objects if isinstance(place, UnixAddress) else _ENDLESS
        return Service(
            offer=offer,
            things=Things(offer, self._host.objects, place.raw, limits.lent),
            by_hand=ByHand(registry, place.raw, self._key.value),
            clients=Clients(self._deaths, limit, self._let_go),
            deaths=self._deaths,
            limits=limits,
            admit=self._admission.welcome,
            refused=self._refusals.note,
            stopping=lambda: self._stopping,
            stop=self.stop,
            report=lambda: msgspec.msgpack.encode(self.report()),
        )

    @property
    def authkey(self) -> bytes:
        """The key that clients have to hold."""
        return self._key.value

    def number_of_objects(self) -> int:
        """Return how many objects clients refer to, those that are there once aside."""
        return self._service.number_of_objects()

    def report(self) -> ServerReport:
        """Return how it is doing, and who uses it. Takes the longer the more objects there are."""
        with self._changed:
            calls = self._calls + sum(visit.calls for visit in self._visits)
        return make_report(
            self._host,
            serializer="pickle",
            address=self.url,
            uptime=time.monotonic() - self._begun,
            calls=calls,
            clients=people(self._service.clients.all()),
            party=party,
        )

    def _end(self) -> None:
        self._stopping = True
        self._key.remove()
        self._listener.close()
        end_all(self._visits, self._changed, self._grace)
        self._service.clients.close()
        self._deaths.close()
        self._host.close()

    # --- Connections

    def _begin(self, sock: socket.socket, address: Any) -> None:
        visit = Visit(sock, address)
        with self._changed:
            self._visits.add(visit)
        self._admission.arrive(visit)
        try:
            self._start_thread(partial(self._run, visit))
        except RuntimeError:
            # Whoever accepted it refuses it, and closes it then.
            self._admission.leave(visit)
            with self._changed:
                self._visits.discard(visit)
            raise

    def _run(self, visit: Visit) -> None:
        """Serve a connection to its end."""
        try:
            if self._let_in(visit):
                Answering(visit, self._service).run()
        except (OSError, EOFError) as error:
            _logger.debug("%s is lost: %s", visit.who, error)
        except Exception as error:
            _logger.error("the connection of %s failed: %s", visit.who, raised(error))  # noqa: TRY400 - a message can hold values
        finally:
            self._leave(visit)

    def _let_in(self, visit: Visit) -> bool:
        """Find out who a client is; return False if it was refused."""
        seconds, sock = self._limits.handshake_timeout, visit.wire.sock
        refusal: Refusal
        try:
            self._shake_hands(visit, time.monotonic() + seconds)
        except HandshakeFailed as error:
            refusal = visit.dismissed or error
        except TimeoutError:
            refusal = HandshakeFailed(f"no handshake within {seconds:g} s")
        except (OSError, EOFError):
            refusal = visit.dismissed or CutShort("it closed the connection during the handshake")
        else:
            return True
        self._refusals.note(visit.who, refusal)
        # A wrong key was refused in the standard library's own words, as was one's end.
        if not isinstance(refusal, AuthenticationFailed | CutShort):
            say_farewell(sock, farewell(refusal), lambda: visit.dismissed)
        return False

    def _shake_hands(self, visit: Visit, until: float) -> None:
        sock, pid = visit.wire.sock, 0
        tune(sock)
        credentials = check_user(sock)
        if credentials is not None:
            pid = credentials.pid
            visit.process = Process(pid, credentials.uid, pid)
        let_in(visit.wire, self._key.value, until)
        sock.settimeout(None)
        if self._stopping:
            raise AboutToEnd
        self._service.clients.attach(visit, pid)

    def _leave(self, visit: Visit) -> None:
        self._deaths.forget(visit, visit.wire.sock.fileno())
        visit.wire.close()
        self._admission.leave(visit)
        visit.end()
        self._service.clients.detach(visit)
        with self._changed:
            self._visits.discard(visit)
            self._calls += visit.calls
            self._changed.notify_all()
        self._waker.wake()

    def _let_go(self, client: Client) -> None:
        """Take the references of a process that has ended."""
        self._service.things.release_all(client)
        self._service.by_hand.release_all(client)
