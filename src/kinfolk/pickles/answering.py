"""Answering one connection: a request, and for one that asks for it, the calls of a thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from kinfolk.errors import LimitExceeded
from kinfolk.heartbeat import fell_silent, keep_watch
from kinfolk.host import turns
from kinfolk.host.chains import acting_for, thread
from kinfolk.host.owners import Owner
from kinfolk.host.places import raised_inside
from kinfolk.host.refusals import log_raised
from kinfolk.limits import Limits
from kinfolk.pickles.by_hand import ByHand
from kinfolk.pickles.calls import Answer, call, missing, text_of
from kinfolk.pickles.clients import Clients, Visit
from kinfolk.pickles.messages import Messages
from kinfolk.pickles.names import plain_names
from kinfolk.pickles.things import Things
from kinfolk.server.deaths import Deaths
from kinfolk.wire.greetings import one_line
from kinfolk.wire.table import ManagerType

__all__ = ["Answering", "Service"]

_logger = logging.getLogger("kinfolk.server")


@attrs.frozen(eq=False)
class Service:
    """What all connections of a server share.

    `admit` lets one in that makes calls. Until then it counts among those who shake hands, and one
    that only asks, always: it is answered when the server is full, and is the first to go when too
    many come.
    """

    offer: ManagerType
    things: Things
    by_hand: ByHand
    clients: Clients
    deaths: Deaths
    limits: Limits
    admit: Callable[[Visit], object]
    refused: Callable[[str, LimitExceeded], object]
    stopping: Callable[[], bool]
    stop: Callable[[], object]
    report: Callable[[], bytes]

    def number_of_objects(self) -> int:
        """Return how many objects clients refer to, those that are there once aside."""
        return self.clients.number_of_objects() + len(self.by_hand.id_to_refcount)


class Answering:
    """Answers one connection, whose client is known by now.

    Args:
        visit: The connection.
        service: What it shares with the others.
    """

    def __init__(self, visit: Visit, service: Service) -> None:
        self._visit = visit
        self._client = visit.caller
        self._service = service
        self._things = service.things
        self._by_hand = service.by_hand
        self._messages = Messages(service.offer, service.things, service.by_hand, visit.caller)
        self._requests: Final[Mapping[str, Callable[..., object]]] = {
            "accept_connection": self._begin_calls,
            "create": self._create,
            "debug_info": lambda: service.by_hand.debug_info(None),  # type: ignore[arg-type]
            "decref": self._decref,
            "dummy": lambda: None,
            "get_methods": self._get_methods,
            "incref": self._incref,
            "number_of_objects": service.number_of_objects,
            "report": service.report,  # no plain server has it
            "shutdown": lambda: None,
        }

    def run(self) -> None:
        """Answer the request, and what follows from it, until the connection ends.

        Raises:
            EOFError: It has ended before its request.
            OSError: It was lost before it was answered.
        """
        asked = self._answer_request()
        if asked == "shutdown":
            _logger.info("%s stops the server", self._visit.who)
            self._service.stop()
        elif asked == "accept_connection":
            self._serve_calls()

    # --- What is asked for once, over a connection of its own

    def _answer_request(self) -> str:
        """Answer a request; return which it was, if it was carried out."""
        name: object = None
        received, done = self._visit.wire.recv_bytes(), ""
        try:
            _, name, args, kwds = self._messages.loaded(received)
            data = self._messages.answer(self._asked(name)(*args, **kwds))
            done = str(name)
        except BaseException as error:
            log_raised(one_line(name) if isinstance(name, str) else "a request", error)
            data = self._error(error)
        self._visit.wire.send_bytes(data)
        return done

    def _asked(self, name: object) -> Callable[..., object]:
        found = self._requests.get(str(name))
        if found is None:
            raise missing("a server", str(name))
        return found

    def _begin_calls(self, name: str) -> None:
        self._service.admit(self._visit)
        threading.current_thread().name = str(name)
        self._visit.introduce(str(name))

    def _create(self, typeid: str, /, *args: Any, **kwds: Any) -> tuple[str, tuple[str, ...]]:
        """Return the name of an entry's object and what can be called of it; make it first."""
        with acting_for(Owner(self._visit, 0)):
            if self._things.is_entry(typeid):
                ident, hosted = self._things.entry(typeid, self._client, args, kwds)
                return ident, plain_names(hosted.operations.names)
            obj = self._by_hand.made(typeid, args, kwds)
            if self._things.is_shared(obj):
                names, token = self._things.mention(obj, self._client)
                return token.id, names
            return self._by_hand.keep(typeid, obj, self._client)

    def _get_methods(self, token: Any) -> tuple[str, ...]:
        if self._by_hand.has(token.id):
            return tuple(self._by_hand.find(token.id)[1])
        return plain_names(self._things.find(token.id, self._client).operations.names)

    def _incref(self, ident: str) -> None:
        self._keeper(ident).claim(ident, self._client)

    def _decref(self, ident: str) -> None:
        self._keeper(ident).release(ident, self._client)

    def _keeper(self, ident: str) -> ByHand | Things:
        return self._by_hand if self._by_hand.has(ident) else self._things

    # --- The calls of one thread of the client's

    def _serve_calls(self) -> None:
        visit, service, chain = self._visit, self._service, thread.chain
        sock = visit.wire.sock
        keep_watch(sock, service.limits.heartbeat, service.limits.misses)
        chain.serves, visit.calling = visit, True
        visit.at_end(self, lambda: turns.withdraw(chain, visit))
        service.deaths.watch(visit, sock.fileno())
        _logger.info("%s is connected", visit.who)
        try:
            while not service.stopping():
                received = visit.wire.recv_bytes()
                visit.calls += 1
                answer = self._answer_call(received)
                del received
                try:
                    visit.wire.send_bytes(answer.data)
                except BaseException:
                    answer.lost()
                    raise
        except (EOFError, OSError):
            how = "is lost: its network is silent" if fell_silent(sock) else "left"
            _logger.info("%s %s", visit.who, how)
        finally:
            chain.serves = None

    def _answer_call(self, data: bytes) -> Answer:
        try:
            ident, called, args, kwds = self._messages.loaded(data)
            del data
            if self._by_hand.has(ident):
                return Answer(self._call_by_hand(ident, called, args, kwds))
            hosted = self._things.find(ident, self._client)
            return call(hosted, self._visit, called, args, kwds, self._messages)
        except BaseException as error:
            return Answer(self._error(error))

    def _error(self, error: BaseException) -> bytes:
        if isinstance(error, LimitExceeded) and raised_inside(error):
            self._service.refused(self._visit.who, error)
        return self._messages.error(error)

    def _call_by_hand(self, ident: str, called: str, args: Any, kwds: Any) -> bytes:
        obj, exposed, typeids = self._by_hand.find(ident)
        with acting_for(Owner(self._visit, 0)):
            if called not in exposed:
                return self._messages.result(text_of(obj, called))
            result = getattr(obj, called)(*args, **kwds)
            typeid = typeids.get(called)
            if typeid is None:
                return self._messages.result(result)
            # What is made stays alive by the reference that this counts.
            made, names = self._create(typeid, result)
            return self._messages.proxy(names, typeid, made)
