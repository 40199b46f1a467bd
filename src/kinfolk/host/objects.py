"""The objects that clients can call, and which session refers to which of them.

A singleton goes by its name and stays. Any other object gets a number when it is first mentioned to
a client. Each mention counts once for the session that it went to, and when no session counts it
any more the object is let go. Numbers are never used again, and a session can use only those that
it was sent.
"""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from kinfolk.errors import ConnectionLost, LimitExceeded, ObjectGone
from kinfolk.host.instrument import instrument, takes_turns
from kinfolk.host.operations import Operations
from kinfolk.host.turns import Turn, give_turn, take_turn_away
from kinfolk.wire.codec.text import describe
from kinfolk.wire.messages import ROOT, Target
from kinfolk.wire.narrowing import fits, narrow
from kinfolk.wire.references import Reference
from kinfolk.wire.shared import shared_type
from kinfolk.wire.table import ManagerType

__all__ = ["Holdings", "HostReferences", "Hosted", "Objects"]


@attrs.define(eq=False)
class Hosted:
    """An object that clients can call; `held` counts the references of all sessions to it."""

    obj: Any
    target: Target
    proxy_type: object
    operations: Operations
    turn: Turn | None = None
    held: int = 0


@attrs.define(eq=False)
class Holdings:
    """The references of one session: how many times each object was mentioned to it."""

    limit: int
    counts: dict[int, int] = attrs.field(factory=dict[int, int])
    closed: bool = False


class Objects:
    """All objects of one host; any number of threads may use it at once.

    Args:
        offer: What the manager offers.
        factories: What makes new objects, by the names of the entries.
    """

    def __init__(self, offer: ManagerType, factories: Mapping[str, Callable[..., Any]]) -> None:
        self._offer = offer
        # Re-entrant, since a collected object's `__del__` may call others inside any line below.
        self._lock = threading.RLock()
        # Not from 1: a proxy that outlived an earlier server must not name an object of this one.
        self._numbers = itertools.count(1 + secrets.randbits(40))
        self._named: dict[str, Hosted] = {
            ROOT: Hosted(None, ROOT, None, Operations.of_factories(offer.root, factories))
        }
        self._numbered: dict[int, Hosted] = {}
        self._by_id: dict[int, Hosted] = {}
        self._operations: dict[object, Operations] = {}
        self._proxy_classes: dict[type, type | None] = {}

    def next_number(self) -> int:
        """Return a number that no object or stream of this host ever had."""
        return next(self._numbers)

    def add_singleton(self, name: str, obj: object) -> None:
        """Offer an object under a name, for as long as the host lives.

        Raises:
            TypeError: It is not of the class that the manager offers under this name.
        """
        declared = self._offer.singletons[name]
        narrow(declared, self._proxy_class(obj, declared))
        with self._lock:
            hosted = self._named[name] = self._host(obj, name, declared)
            self._by_id.setdefault(id(obj), hosted)

    def find(self, target: Target, holdings: Holdings) -> Hosted:
        """Return the object that a session calls.

        Raises:
            ObjectGone: There is none by that name, or the session does not refer to that number.
        """
        if isinstance(target, str):
            found = self._named.get(target)
            if found is None:
                raise ObjectGone(f"{self._offer.name} has no entry {target[:100]!r}")
            return found
        found = self._numbered.get(target) if target in holdings.counts else None
        if found is None:
            raise ObjectGone(f"There is no object {target}: this client let it go, or never had it")
        return found

    def refer(self, obj: object, declared: object, holdings: Holdings) -> Reference:
        """Count one mention of an object to a session, and return what stands for it.

        Raises:
            TypeError: It is not of the declared type; see `References.lower`.
            LimitExceeded: The session refers to too many objects.
        """
        actual = self._proxy_class(obj, declared)
        wanted = narrow(declared, actual)
        mark = shared_type(actual)
        assert mark is not None
        with self._lock:
            hosted = self._by_id.get(id(obj))
            if hosted is None:
                _check(holdings)
                hosted = self._host(obj, self.next_number(), wanted)
                self._by_id[id(obj)] = hosted
            if isinstance(hosted.target, int):
                if hosted.proxy_type != wanted:
                    raise TypeError(f"{describe(wanted)}, not {describe(hosted.proxy_type)}")
                self._count(hosted, hosted.target, holdings)
        return Reference(mark.name, hosted.target)

    def release(self, number: int, holdings: Holdings) -> None:
        """Count one mention less; no effect on a number that the session does not refer to."""
        with self._lock:
            count = holdings.counts.get(number, 0)
            if count > 1:
                holdings.counts[number] = count - 1
            elif count == 1:
                del holdings.counts[number]
            gone = self._uncount(number, 1) if count else None
        # The object, if this was the last reference, dies here, outside of the lock.
        del gone

    def release_all(self, holdings: Holdings) -> None:
        """Take all references from a session, for good."""
        with self._lock:
            holdings.closed = True
            gone = [self._uncount(number, count) for number, count in holdings.counts.items()]
            holdings.counts.clear()
        del gone

    def clear(self) -> None:
        """Let all objects go, singletons too."""
        with self._lock:
            gone = [*self._numbered.values(), *self._named.values()]
            for hosted in gone:
                if hosted.turn is not None:
                    take_turn_away(hosted.obj)
            self._numbered.clear()
            self._named.clear()
            self._by_id.clear()
        del gone

    # --- Inside, with the lock held

    def _host(self, obj: object, target: Target, proxy_type: object) -> Hosted:
        operations = self._operations.get(proxy_type)
        if operations is None:
            operations = Operations.of_proxy(proxy_type, self._offer.members(proxy_type))
            self._operations[proxy_type] = operations
        hosted = Hosted(obj, target, proxy_type, operations)
        if takes_turns(type(obj)):
            instrument(type(obj), operations.names, operations.streams)
            hosted.turn = give_turn(obj)
        if isinstance(target, int):
            self._numbered[target] = hosted
        return hosted

    def _count(self, hosted: Hosted, number: int, holdings: Holdings) -> None:
        if number not in holdings.counts:
            _check(holdings)
        holdings.counts[number] = holdings.counts.get(number, 0) + 1
        hosted.held += 1

    def _uncount(self, number: int, count: int) -> Hosted | None:
        """Count mentions less; return the object if it is let go."""
        hosted = self._numbered[number]
        hosted.held -= count
        if hosted.held:
            return None
        del self._numbered[number]
        del self._by_id[id(hosted.obj)]
        if hosted.turn is not None:
            take_turn_away(hosted.obj)
        return hosted

    def _proxy_class(self, obj: object, declared: object) -> type:
        """Return the proxy class of an object, that of a base where its own class has none."""
        cls = type(obj)
        if cls not in self._proxy_classes:
            names = (f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
            proxies = self._offer.proxies
            self._proxy_classes[cls] = next((proxies[n] for n in names if n in proxies), None)
        found = self._proxy_classes[cls]
        if found is None:
            raise TypeError(f"{describe(declared)}, not {cls.__name__}")
        return found


def _check(holdings: Holdings) -> None:
    if holdings.closed:
        raise ConnectionLost("The process that called has ended", executed="yes")
    if len(holdings.counts) >= holdings.limit:
        raise LimitExceeded(
            f"This client refers to {len(holdings.counts)} objects (limit {holdings.limit})"
        )


class HostReferences:
    """The host's knowledge of shared objects during one call of one session."""

    __slots__ = ("_holdings", "_mentioned", "_objects")

    def __init__(self, objects: Objects, holdings: Holdings) -> None:
        self._objects = objects
        self._holdings = holdings
        self._mentioned: list[int] = []

    def lower(self, value: object, proxy_type: object) -> Reference:
        """Return what stands for an object; see `References.lower`."""
        reference = self._objects.refer(value, proxy_type, self._holdings)
        if isinstance(reference.target, int):
            self._mentioned.append(reference.target)
        return reference

    def lift(self, reference: Reference, proxy_type: object) -> object:
        """Return the very object that a proxy stands for; see `References.lift`."""
        hosted = self._objects.find(reference.target, self._holdings)
        if hosted.target == ROOT or not fits(hosted.proxy_type, proxy_type):
            raise TypeError(f"{describe(proxy_type)}, not {describe(hosted.proxy_type)}")
        return hosted.obj

    def take_back(self) -> None:
        """Undo what was counted, since the message that mentions it is not sent."""
        for number in self._mentioned:
            self._objects.release(number, self._holdings)
        self._mentioned.clear()
