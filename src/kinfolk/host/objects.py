"""The objects that clients can call, and which session refers to which of them.

A singleton goes by its name and stays. Any other object gets a number when it is first mentioned to
a client. Each mention counts once for the session that it went to, and when no session counts it
any more the object is let go, and closed if it can be. Numbers are never used again. They cannot be
guessed, so a session that claims one was told it by another that refers to the object.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from kinfolk.errors import ConnectionLost, LimitExceeded, ObjectGone
from kinfolk.host.by_hand import Handmade, Kept, guards_itself
from kinfolk.host.hosted import Holdings, Hosted, Loan, close_if_unused
from kinfolk.host.instrument import instrument, takes_turns
from kinfolk.host.operations import Operations
from kinfolk.host.timer import timer
from kinfolk.host.turns import give_turn, take_turn_away
from kinfolk.wire.by_hand import BY_HAND, HandType, Registry
from kinfolk.wire.codec.text import describe
from kinfolk.wire.messages import ROOT, Target
from kinfolk.wire.narrowing import narrow
from kinfolk.wire.references import ByHand, Reference
from kinfolk.wire.shared import shared_type
from kinfolk.wire.table import ManagerType

__all__ = ["Objects"]


# MessagePack has integers of 64 bits; so many random ones meet once in billions of years.
_NUMBER_BITS: Final = 63
# In so many seconds a loan is called in again, if there was no thread to do it.
_AGAIN: Final = 1.0


class Objects:
    """All objects of one host; any number of threads may use it at once.

    Args:
        offer: What the manager offers.
        factories: What makes new objects, by the names of the entries.
        by_hand: What was registered by hand beside those.
    """

    def __init__(
        self,
        offer: ManagerType,
        factories: Mapping[str, Callable[..., Any]],
        by_hand: Registry,
    ) -> None:
        self._offer = offer
        self._handmade = Handmade(
            offer, by_hand, lambda obj: self.proxy_class(type(obj)) is not None
        )
        # Re-entrant, since a collected object's `__del__` may call others inside any line below.
        self._lock = threading.RLock()
        self._named: dict[str, Hosted] = {
            ROOT: Hosted(None, ROOT, None, Operations.of_factories(offer.root, factories)),
            BY_HAND: Hosted(None, BY_HAND, None, self._handmade.makers),
        }
        self._numbered: dict[int, Hosted] = {}
        self._by_id: dict[object, Hosted] = {}
        self._operations: dict[object, Operations] = {}
        self._proxy_classes: dict[type, type | None] = {}
        self._loans: set[Loan] = set()

    def next_number(self) -> int:
        """Return a number that no object or stream of any host ever had, and nobody can guess."""
        return secrets.randbits(_NUMBER_BITS)

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

    @property
    def hosted(self) -> list[Hosted]:
        """All objects that clients can call now, those with names first."""
        with self._lock:
            named = [hosted for name, hosted in self._named.items() if name not in {ROOT, BY_HAND}]
            return [*named, *self._numbered.values()]

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
            raise _gone(target)
        return found

    def refer(self, obj: object, declared: object, holdings: Holdings) -> Reference:
        """Count one mention of an object to a session, and return what stands for it.

        Raises:
            TypeError: It is not of the declared type; see `References.lower`.
            LimitExceeded: The session refers to too many objects.
        """
        if isinstance(obj, Kept):
            return self._refer_by_hand(obj.obj, self._handmade.type_of(obj), holdings)
        hand = self._handmade.known_type(obj) if declared is object else None
        if hand is not None:
            return self._refer_by_hand(obj, hand, holdings)
        actual = self._proxy_class(obj, declared)
        wanted = narrow(declared, actual)
        mark = shared_type(actual)
        assert mark is not None
        return Reference(mark.name, self._mention(obj, wanted, holdings))

    def _refer_by_hand(self, obj: object, hand: HandType, holdings: Holdings) -> ByHand:
        holdings.handmade = True
        return ByHand(hand.typeid, self._mention(obj, hand, holdings), hand.exposed)

    def _mention(self, obj: object, wanted: object, holdings: Holdings) -> Target:
        """Count one mention of an object of a known type, and return its name or number."""
        key = _key(obj, wanted)
        with self._lock:
            hosted = self._by_id.get(key)
            if hosted is None:
                _check(holdings)
                hosted = self._host(obj, self.next_number(), wanted)
                self._by_id[key] = hosted
            if isinstance(hosted.target, int):
                if hosted.proxy_type != wanted:
                    raise TypeError(f"{describe(wanted)}, not {describe(hosted.proxy_type)}")
                self._count(hosted, hosted.target, holdings)
            return hosted.target

    def release(self, number: int, holdings: Holdings) -> None:
        """Count one mention less; no effect on a number that the session does not refer to."""
        gone = self.let_go(number, holdings)
        if gone is not None:
            close_if_unused(gone)

    def let_go(self, number: int, holdings: Holdings) -> Hosted | None:
        """Do what `release` does, but return the object that is to be closed, if there is one."""
        with self._lock:
            return self._release(number, holdings) if number in holdings.counts else None

    def release_all(self, holdings: Holdings) -> None:
        """Take all references from a session, for good."""
        with self._lock:
            holdings.closed = True
            found = [self._uncount(number, n) for number, n in holdings.counts.items()]
            holdings.counts.clear()
        # Outside of the lock, as all that is the user's own code.
        _close_all(found)

    # --- References that go from one session to another

    def claim(self, number: int, holdings: Holdings) -> None:
        """Count one mention of an object whose number a session was told by another.

        Raises:
            ObjectGone: There is no such object, or no longer.
            LimitExceeded: The session refers to too many objects.
        """
        with self._lock:
            hosted = self._numbered.get(number)
            if hosted is None:
                raise _gone(number)
            self._count(hosted, number, holdings)
            if hosted.loans:
                self._pay_back(hosted.loans[-1], number)

    def lend(self, targets: Iterable[int] | None, holdings: Holdings, seconds: float) -> None:
        """Keep objects beyond the session, until others have claimed them.

        Args:
            targets: The objects, one entry for each mention; None for all that the session refers
                to, as often as it does. Those that it does not refer to are passed over.
            holdings: The session's.
            seconds: How long to keep what nobody claims.
        """
        with self._lock:
            wanted = holdings.counts if targets is None else Counter(targets)
            loan = Loan({n: count for n, count in wanted.items() if n in holdings.counts})
            for number, count in loan.counts.items():
                hosted = self._numbered[number]
                hosted.held += count
                hosted.loans.append(loan)
            if loan.counts:
                self._loans.add(loan)
                self._set_alarm(loan, seconds)

    def _call_in(self, loan: Loan) -> None:
        # Closing may run code of the user's, and others wait behind this alarm.
        thread = threading.Thread(target=self._take_back, args=(loan,), name="kinfolk-loan")
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            with self._lock:
                if loan.counts:
                    self._set_alarm(loan, _AGAIN)

    def _take_back(self, loan: Loan) -> None:
        """End a loan: what nobody has claimed by now is let go."""
        with self._lock:
            found = [
                self._pay_back(loan, number)
                for number, count in list(loan.counts.items())
                for _ in range(count)
            ]
        _close_all(found)

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
            for loan in list(self._loans):
                self._end(loan)
        # They die here, outside of the lock.
        del gone

    # --- Inside, with the lock held

    def _host(self, obj: object, target: Target, proxy_type: object) -> Hosted:
        operations = self._operations.get(proxy_type)
        if operations is None:
            operations = self._operations[proxy_type] = self._operations_of(proxy_type)
        hosted = Hosted(obj, target, proxy_type, operations)
        if isinstance(proxy_type, HandType):
            if takes_turns(type(obj)) and not guards_itself(type(obj)):
                hosted.turn = give_turn(obj)
        elif takes_turns(type(obj)):
            instrument(type(obj), operations.names, operations.streams)
            hosted.turn = give_turn(obj)
        if isinstance(target, int):
            self._numbered[target] = hosted
        return hosted

    def _operations_of(self, proxy_type: object) -> Operations:
        if isinstance(proxy_type, HandType):
            return self._handmade.operations(proxy_type)
        return Operations.of_proxy(proxy_type, self._offer.members(proxy_type))

    def _count(self, hosted: Hosted, number: int, holdings: Holdings) -> None:
        if number not in holdings.counts:
            _check(holdings)
        holdings.counts[number] = holdings.counts.get(number, 0) + 1
        hosted.held += 1

    def _release(self, number: int, holdings: Holdings) -> Hosted | None:
        """Count one mention of a session less; return the object if it is let go."""
        holdings.counts[number] -= 1
        if not holdings.counts[number]:
            del holdings.counts[number]
        return self._uncount(number, 1)

    def _pay_back(self, loan: Loan, number: int) -> Hosted | None:
        """Count one mention of a loan less; return the object if it is let go."""
        loan.counts[number] -= 1
        if not loan.counts[number]:
            del loan.counts[number]
            self._numbered[number].loans.remove(loan)
            if not loan.counts:
                self._end(loan)
        return self._uncount(number, 1)

    def _set_alarm(self, loan: Loan, seconds: float) -> None:
        loan.alarm = timer.call_later(seconds, partial(self._call_in, loan))

    def _end(self, loan: Loan) -> None:
        self._loans.discard(loan)
        loan.counts.clear()
        if loan.alarm is not None:
            timer.cancel(loan.alarm)

    def _uncount(self, number: int, count: int) -> Hosted | None:
        """Count mentions less; return the object if it is let go."""
        hosted = self._numbered[number]
        hosted.held -= count
        if hosted.held:
            return None
        hosted.gone = True
        del self._numbered[number]
        del self._by_id[_key(hosted.obj, hosted.proxy_type)]
        if hosted.turn is not None:
            take_turn_away(hosted.obj)
        return hosted

    def _proxy_class(self, obj: object, declared: object) -> type:
        found = self.proxy_class(type(obj))
        if found is None:
            raise TypeError(f"{describe(declared)}, not {type(obj).__name__}")
        return found

    def proxy_class(self, cls: type) -> type | None:
        """Return the proxy class of a class, that of a base where it has none; None for a value."""
        if cls not in self._proxy_classes:
            names = (f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
            proxies = self._offer.proxies
            self._proxy_classes[cls] = next((proxies[n] for n in names if n in proxies), None)
        return self._proxy_classes[cls]


def _key(obj: object, proxy_type: object) -> object:
    """Return what an object is found by: by hand it may be offered in several ways."""
    return (id(obj), proxy_type) if isinstance(proxy_type, HandType) else id(obj)


def _close_all(found: Iterable[Hosted | None]) -> None:
    for hosted in found:
        if hosted is not None:
            close_if_unused(hosted)


def _gone(number: int) -> ObjectGone:
    return ObjectGone(
        f"There is no object {number}: all have let it go, or its server has ended since"
    )


def _check(holdings: Holdings) -> None:
    if holdings.closed:
        raise ConnectionLost("The process that called has ended", executed="yes")
    if len(holdings.counts) >= holdings.limit:
        raise LimitExceeded(
            f"This client refers to {len(holdings.counts)} objects (limit {holdings.limit})"
        )
