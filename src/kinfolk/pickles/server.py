"""A server of the standard library's, over Kinfolk's objects.

Its clients may be plain `multiprocessing.managers.BaseManager`s. What it adds: it serves the
members that the spec exposes and no others, calls take turns, what a connection has acquired is
free when it ends, and the address is taken and given up as Kinfolk's other server does it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing import managers
from multiprocessing.process import current_process
from typing import Any, Final, cast

from kinfolk.addresses import Address, UnixAddress
from kinfolk.declare import Factory, Singleton
from kinfolk.errors import (
    ArgumentError,
    AuthenticationFailed,
    HandshakeFailed,
    KinfolkError,
    ObjectGone,
)
from kinfolk.heartbeat import keep_watch
from kinfolk.host import turns
from kinfolk.host.chains import thread
from kinfolk.host.hosting import Host
from kinfolk.host.owners import Owner, acting_for
from kinfolk.host.places import raised
from kinfolk.host.refusals import failure_of, log_raised
from kinfolk.limits import Limits
from kinfolk.pickles.calls import Answer, Answers, call, missing, text_of
from kinfolk.pickles.clients import Client, Clients, Visit
from kinfolk.pickles.keys import key_file, make_key
from kinfolk.pickles.names import ITERATOR, ITERATOR_METHODS, ident_of, plain_names
from kinfolk.pickles.stdlib import (
    AuthenticationString,
    Naming,
    public_methods,
    rebuild_proxy,
    token_of,
)
from kinfolk.pickles.streams import Stream
from kinfolk.pickles.things import Things
from kinfolk.pickles.values import REBUILD, Lower, Reduced, dumps, loads, lower_error
from kinfolk.pickles.wire import ERROR, PROXY, RETURN, TRACEBACK, UNSERIALIZABLE
from kinfolk.server.accepting import Acceptor
from kinfolk.server.admission import Admission
from kinfolk.server.listening import listen
from kinfolk.server.refusing import RefusalLog
from kinfolk.sockets import close_in_children, peer_credentials, tune
from kinfolk.wire.table import ManagerType

if sys.platform == "linux":
    from kinfolk.server.linux import LinuxDeaths as Deaths
else:
    from kinfolk.server.deaths import Deaths

__all__ = ["PickleServer", "Registry"]

_logger = logging.getLogger("kinfolk.server")

_GRACE: Final = 1.0
# Nothing limits the references of all clients of a TCP address together.
_ENDLESS: Final = sys.maxsize

Registry = Mapping[str, tuple[Any, Any, Any, Any]]
"""What was registered by hand, as `BaseManager` keeps it."""


class PickleServer(managers.Server):
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

    address: Any

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
        # Not theirs, which listens in its own way.
        with contextlib.ExitStack() as undo:
            self.listener: Any = listen(address, key=key, insecure=insecure)
            undo.callback(self.listener.close)
            place: Address = self.listener.address
            self._key_file = None
            if isinstance(place, UnixAddress):
                self._key_file = key_file(place)
                self._key_file.unlink(missing_ok=True)
                undo.callback(self._remove_key)
                key = key or make_key(place)
            assert key is not None  # listen() does without one at a Unix socket only
            self._host = Host(offer, entries, limits, begin)
            undo.callback(self._host.close)
            self._woken, self._waker = socket.socketpair()
            undo.callback(self._close_wakers)
            self._deaths = Deaths()
            undo.pop_all()
        for sock in (self._woken, self._waker):
            sock.setblocking(False)  # noqa: FBT003 - named so by the standard library
            close_in_children(sock)
        self.listener.sock.setblocking(False)  # noqa: FBT003
        self.authkey = AuthenticationString(key)
        self.address = place.raw
        self.url = str(place)
        self.registry: Any = dict(registry)
        self.id_to_obj: dict[str, Any] = {"0": (None, (), None)}
        self.id_to_refcount: dict[str, int] = {}
        self.id_to_local_proxy_obj: dict[str, Any] = {}
        self.mutex = threading.Lock()
        self.stop_event = threading.Event()
        # So that a proxy of another server's object is not taken for one of an object here.
        self._salt = secrets.randbits(32) << 64
        self._offer = offer
        self._limits = limits
        self._grace = grace
        self._things = Things(offer, self._host.objects, self.address, limits.lent)
        self._refusals = RefusalLog(_logger)
        self._admission = Admission(limits)
        shared_by_all = not isinstance(place, UnixAddress)
        limit = _ENDLESS if shared_by_all else limits.objects
        self._clients = Clients(self._deaths, limit, self._let_go)
        self._visits: set[Visit] = set()
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._served = False
        self._closed = False
        self._owner = os.getpid()

    def serve_forever(self) -> None:
        """Serve until `stop` is called, a client asks for it, or Ctrl-C; then end cleanly.

        Raises:
            RuntimeError: It serves already, or has served: make a new server.
        """
        with self._changed:
            if self._served:
                raise RuntimeError(f"{self.url} is served once only: make a new server")
            self._served = True
        process: Any = current_process()
        # By this the standard library knows a proxy of an object that is in this very process.
        before, process._manager_server = getattr(process, "_manager_server", None), self
        try:
            acceptor = Acceptor(self.listener.sock, self._woken, self._begin, self._refusals)
            acceptor.run(self.stop_event.is_set)
        except KeyboardInterrupt:
            _logger.info("interrupted")
        finally:
            self.close()
            process._manager_server = before

    def stop(self) -> None:
        """End `serve_forever`. May be called by any thread, and by a signal handler."""
        self.stop_event.set()
        self._wake()

    def close(self) -> None:
        """Give the address up, end all connections and the host; closing twice has no effect."""
        if self._closed:
            return
        self._closed = True
        self.stop_event.set()
        self._remove_key()
        self.listener.close()
        self._end_visits()
        self._clients.close()
        self._deaths.close()
        self._host.close()
        self._close_wakers()

    # --- Connections

    def _begin(self, sock: socket.socket, address: Any) -> None:
        """Serve a connection in a thread of its own; see `Acceptor`."""
        visit = Visit(sock, address)
        with self._changed:
            self._visits.add(visit)
        self._admission.arrive(visit)
        name = f"kinfolk-{next(self._numbers)}"
        serving: Any = threading.Thread(
            target=self.handle_request, args=(visit,), name=name, daemon=True
        )
        try:
            serving.start()
        except RuntimeError:
            self._leave(visit)
            raise

    def handle_request(self, conn: Any) -> None:
        """Serve a connection to its end."""
        visit: Visit = conn
        try:
            self._let_in(visit)
            self._handle_request(visit)
        except KinfolkError as error:
            self._refusals.note(visit.who, visit.dismissed or error)
        except TimeoutError:
            reason = f"no handshake within {self._limits.handshake_timeout:g} s"
            self._refusals.note(visit.who, reason)
        except (OSError, EOFError) as error:
            _logger.debug("%s is lost: %s", visit.who, error)
        except Exception as error:
            _logger.error("the connection of %s failed: %s", visit.who, raised(error))  # noqa: TRY400 - a message can hold values
        finally:
            self._leave(visit)

    def _let_in(self, visit: Visit) -> None:
        sock, pid = visit.wire.sock, 0
        tune(sock)
        if sock.family == socket.AF_UNIX:
            credentials = peer_credentials(sock)
            if credentials.uid != os.geteuid():
                raise AuthenticationFailed("the server belongs to another user")
            pid = credentials.pid
        sock.settimeout(self._limits.handshake_timeout)
        visit.wire.let_in(bytes(self.authkey))
        sock.settimeout(None)
        self._admission.welcome(visit)
        if self.stop_event.is_set():
            raise HandshakeFailed("the server is about to end")
        self._clients.attach(visit, pid)

    def _leave(self, visit: Visit) -> None:
        self._deaths.forget(visit, visit.wire.fileno())
        visit.wire.close()
        self._admission.leave(visit)
        visit.end()
        self._clients.detach(visit)
        with self._changed:
            self._visits.discard(visit)
            self._changed.notify_all()
        self._wake()

    def _let_go(self, client: Client) -> None:
        """Take the references of a process that has ended."""
        self._things.release_all(client)
        for ident, count in list(client.counts.items()):
            for _ in range(count):
                with contextlib.suppress(KeyError, AssertionError):
                    self._uncount(ident)

    # --- What is asked for once, each over a connection of its own

    def _handle_request(self, c: Any) -> None:
        visit: Visit = c
        name = "a request"
        try:
            _, name, args, kwds = self._received(visit)
            result = self._asked(name)(visit, *args, **kwds)
            if name in {"accept_connection", "shutdown"}:
                return  # They have answered.
            data = dumps((RETURN, result), self._lowered(visit))
        except (OSError, EOFError) as error:
            if not isinstance(error, KinfolkError):
                raise
            data = self._raised(error)
        except BaseException as error:
            log_raised(str(name), error)
            data = self._raised(error)
        visit.wire.send_bytes(data)

    def _asked(self, name: str) -> Any:
        if name not in self.public:
            raise missing("a server", name)
        return getattr(self, name)

    def shutdown(self, c: Any) -> None:
        """Stop the server, as a client asks."""
        _logger.info("%s stops the server", c.who)
        c.send((RETURN, None))
        self.stop()

    def create(
        self, c: Any, typeid: str, /, *args: Any, **kwds: Any
    ) -> tuple[str, tuple[str, ...]]:
        """Return the name of an entry's object and what can be called of it; make it first."""
        visit: Visit = c
        with acting_for(Owner(visit, 0)):
            if self._things.is_entry(typeid):
                ident, hosted = self._things.entry(typeid, visit.caller, args, kwds)
                return ident, plain_names(hosted.operations.names)
            return self._create_by_hand(visit, typeid, args, kwds)

    def get_methods(self, c: Any, token: Any) -> Any:
        """Return what can be called of an object."""
        visit: Visit = c
        if token.id in self.id_to_obj:
            return tuple(self.id_to_obj[token.id][1])
        return plain_names(self._things.find(token.id, visit.caller).operations.names)

    def number_of_objects(self, c: Any) -> int:
        """Return how many objects clients refer to, those that are there once aside."""
        held = {number for each in self._clients.all() for number in each.holdings.counts}
        return len(held) + len(self.id_to_refcount)

    def incref(self, c: Any, ident: str) -> None:
        """Count a reference of a client's."""
        visit: Visit = c
        if not self._is_by_hand(ident):
            self._things.claim(ident, visit.caller)
            return
        super().incref(c, ident)
        visit.caller.count(ident, 1)

    def decref(self, c: Any, ident: str) -> None:
        """Count a reference less, and let the object go with the last."""
        visit: Visit = c
        if not self._is_by_hand(ident):
            self._things.release(ident, visit.caller)
            return
        self._uncount(ident)
        visit.caller.count(ident, -1)

    # --- What was registered by hand, and streams

    def _create_by_hand(
        self, visit: Visit, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]
    ) -> tuple[str, tuple[str, ...]]:
        if typeid not in self.registry:
            raise ObjectGone(f"{self._offer.name} has no entry {typeid[:100]!r}")
        make, exposed, typeids, _ = self.registry[typeid]
        if make is None:
            if kwds or len(args) != 1:
                raise ArgumentError(f"{typeid!r} takes one argument, the object itself")
            obj = args[0]
        else:
            obj = make(*args, **kwds)
        if self._things.is_shared(obj):
            names, token = self._things.mention(obj, visit.caller)
            return token.id, names
        names = tuple(exposed or public_methods(obj)) + tuple(typeids or ())
        ident = ident_of(self._salt | id(obj))
        with self.mutex:
            self.id_to_obj[ident] = obj, set(names), typeids
            self.id_to_refcount.setdefault(ident, 0)
        self.incref(visit, ident)
        return ident, names

    def _stream(self, visit: Visit, stream: Stream) -> tuple[tuple[str, ...], Naming]:
        ident = ident_of(self._host.objects.next_number())
        with self.mutex:
            self.id_to_obj[ident] = stream, set(ITERATOR_METHODS), None
            self.id_to_refcount[ident] = 0
        self.incref(visit, ident)
        return ITERATOR_METHODS, token_of(ITERATOR, self.address, ident)

    def _is_by_hand(self, ident: str) -> bool:
        return ident in self.id_to_obj or ident in self.id_to_local_proxy_obj

    def _uncount(self, ident: str) -> None:
        obj = self.id_to_obj.get(ident, (None,))[0]
        super().decref(None, ident)  # type: ignore[arg-type]  # it does not look at it
        if isinstance(obj, Stream) and ident not in self.id_to_obj:
            obj.close()

    # --- Calls

    def serve_client(self, conn: Any) -> None:
        """Carry out the calls of one thread of a client."""
        visit: Visit = conn
        sock, chain = visit.wire.sock, thread.chain
        keep_watch(sock, self._limits.heartbeat, self._limits.misses)
        chain.serves = visit
        visit.at_end(self, lambda: turns.withdraw(chain, visit))
        self._deaths.watch(visit, sock.fileno())
        _logger.info("%s is connected", visit.who)
        try:
            while not self.stop_event.is_set():
                answer = self._answer(visit)
                try:
                    visit.wire.send_bytes(answer.data)
                except BaseException:
                    answer.lost()
                    raise
        except (EOFError, OSError):
            _logger.info("%s left", visit.who)
        finally:
            chain.serves = None

    def _answer(self, visit: Visit) -> Answer:
        data = visit.wire.recv_bytes()
        try:
            ident, called, args, kwds = self._loaded(visit, data)
            del data
            if self._is_by_hand(ident):
                return Answer(self._call_by_hand(visit, ident, called, args, kwds))
            hosted = self._things.find(ident, visit.caller)
            return call(hosted, visit, called, args, kwds, self._answers(visit))
        except BaseException as error:
            return Answer(self._raised(error))

    def _call_by_hand(self, visit: Visit, ident: str, called: str, args: Any, kwds: Any) -> bytes:
        obj, exposed, typeids = self.id_to_obj.get(ident) or self.id_to_local_proxy_obj[ident]
        with acting_for(Owner(visit, 0)):
            if called not in exposed:
                return self._message(visit, text_of(obj, called))
            result = getattr(obj, called)(*args, **kwds)
            typeid = typeids and typeids.get(called)
            if not typeid:
                return self._message(visit, result)
            # What is made stays alive by the reference that this counts.
            ident, names = self.create(visit, typeid, result)
        return dumps((PROXY, (names, token_of(typeid, self.address, ident))), _as_it_is)

    # --- Messages

    def _answers(self, visit: Visit) -> Answers:
        return Answers(
            partial(self._message, visit),
            partial(self._copy, visit),
            lambda stream: dumps((PROXY, self._stream(visit, stream)), _as_it_is),
        )

    def _message(self, visit: Visit, result: Any) -> bytes:
        if self._things.is_shared(result):
            return dumps((PROXY, self._things.mention(result, visit.caller)), _as_it_is)
        return self._returned(result, self._lowered(visit))

    def _copy(self, visit: Visit, result: Any) -> bytes:
        """Return the message with an object itself; those that it refers to stay."""
        lower = self._lowered(visit)

        def lower_others(obj: object) -> Reduced | None:
            return None if obj is result else lower(obj)

        return self._returned(result, lower_others)

    def _returned(self, result: Any, lower: Lower) -> bytes:
        try:
            return dumps((RETURN, result), lower)
        except Exception as error:
            return dumps((UNSERIALIZABLE, f"{type(error).__name__}: {error}"), _as_it_is)

    def _raised(self, error: BaseException) -> bytes:
        """Return the message that tells of an exception, as itself if it can be pickled."""
        trace = failure_of(error, self._offer.codecs).traceback

        def lower(obj: object) -> Reduced | None:
            return lower_error(error, trace) if obj is error else None

        try:
            data = dumps((ERROR, error), lower)
            loads(data, {})
        except Exception:
            text = trace or f"{type(error).__qualname__}: {error}\n"
            return dumps((TRACEBACK, text), _as_it_is)
        return data

    def _received(self, visit: Visit) -> Any:
        return self._loaded(visit, visit.wire.recv_bytes())

    def _loaded(self, visit: Visit, data: bytes) -> Any:
        try:
            return loads(data, {REBUILD: partial(self._rebuilt, visit)})
        except KinfolkError:
            raise
        except Exception as error:
            raise ArgumentError(
                f"the server cannot unpickle the arguments: {type(error).__name__}: {error}"
            ) from None

    def _lowered(self, visit: Visit) -> Lower:
        return partial(self._things.lower, client=visit.caller)

    def _rebuilt(self, visit: Visit, func: Any, token: Naming, serializer: str, kwds: Any) -> Any:
        """Return what a proxy stands for that came in a message."""
        if token.id in self.id_to_obj:
            # As there: what was registered by hand stays a proxy where it is kept.
            own = token_of(token.typeid, self.address, token.id)
            return rebuild_proxy(func, own, serializer, {**kwds, "authkey": self.authkey})
        # A number is like no other, but a name may be that of another server's entry.
        if token.id not in self._offer.singletons or self._leads_here(token.address):
            with contextlib.suppress(ObjectGone):
                return self._things.find(token.id, visit.caller).obj
        raise ArgumentError(
            f"an argument is a proxy of {token.typeid!r} at {token.address}, and not of an object "
            f"at {self.url}"
        )

    def _leads_here(self, address: Any) -> bool:
        here: Any = self.address
        if isinstance(address, tuple) and isinstance(here, tuple):
            return bool(cast("Any", address)[1:] == here[1:])  # a host has several names
        return bool(address == here)

    # --- Ending

    def _end_visits(self) -> None:
        deadline = time.monotonic() + self._grace
        with self._changed:
            for visit in self._visits:
                visit.finish()
            while self._visits and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            remaining = list(self._visits)
        for visit in remaining:
            visit.lost()

    def _remove_key(self) -> None:
        if self._key_file is not None and os.getpid() == self._owner:
            self._key_file.unlink(missing_ok=True)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: it is over
            self._waker.send(b"!")

    def _close_wakers(self) -> None:
        self._woken.close()
        self._waker.close()


def _as_it_is(_: object) -> None:
    """Lower nothing."""
