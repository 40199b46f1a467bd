"""A channel of typed proxies over the standard library's wire.

Its server may be one of Kinfolk's with `serializer="pickle"`, or a plain one that registers the
same names.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from multiprocessing.context import get_spawning_popen
from typing import Any, Final, cast

from kinfolk.client.sharing import Channels
from kinfolk.counted import Dropping, count
from kinfolk.errors import (
    ArgumentError,
    KinfolkError,
    NotSupported,
    ObjectGone,
    RemoteError,
    ResultError,
)
from kinfolk.keeper import keeper
from kinfolk.pickles.arguments import arranged, as_wire_call
from kinfolk.pickles.asking import Asking, had_no_room
from kinfolk.pickles.cut_short import CutShort
from kinfolk.pickles.names import GET_VALUE, ITERATOR, ident_of, number_of
from kinfolk.pickles.reaching import Gate
from kinfolk.pickles.references import Facts, Held, References
from kinfolk.pickles.stdlib import Naming, rebuild_proxy, token_of
from kinfolk.pickles.steps import Steps
from kinfolk.pickles.values import Reduced, reduced_proxy
from kinfolk.proxy import Proxy
from kinfolk.references import proxy_of
from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.members import Member
from kinfolk.wire.messages import Target
from kinfolk.wire.narrowing import origin_of
from kinfolk.wire.shared import shared_type
from kinfolk.wire.table import ManagerType

__all__ = ["PickleChannel", "shared_channel"]

_GLANCE: Final = 0.01  # seconds


class PickleChannel(CutShort, Dropping):
    """A channel to the server at an address; connected once it is made.

    Args:
        offer: What the manager offers.
        gate: Where the server is, and what gives its key.
        timeout: How many seconds connecting may take, now and whenever a connection is opened.
        rebuild: Makes a proxy in another process; see `SocketChannel`.
        unknown: Makes a proxy of something that was registered by hand, of its token and the names
            that are exposed.

    Raises:
        NotSupported: There is a deadline around it.
        KinfolkError: What `reach` raises.
    """

    def __init__(
        self,
        offer: ManagerType,
        gate: Gate,
        *,
        timeout: float,
        rebuild: Callable[..., Proxy],
        unknown: Callable[[Naming, tuple[str, ...]], object],
    ) -> None:
        super().__init__()
        self._offer = offer
        self._rebuild = rebuild
        self._unknown = unknown
        # The threads that tell the server what is gone.
        self._tidying: list[int] = []
        self.token: Final = secrets.token_bytes(8)
        self._asking = Asking(
            gate, timeout, lower=self._lowered, rebuilt=self._rebuilt, received=self._received
        )
        self._references = References(self._asking.ask)
        self._asking.ask("dummy")
        _channels.add(self)

    def start_afresh(self) -> None:
        """Begin without connections, in a forked child: what it inherited is the parent's."""
        self._asking.start_afresh()
        self._references.start_afresh()
        self._tidying = []
        self._start_generation()

    # --- What proxies and managers ask for

    @property
    def offer(self) -> ManagerType:
        """What the manager at the other end offers."""
        return self._offer

    @property
    def address(self) -> str:
        """Where the objects live, as a URL."""
        return self._asking.address

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._asking.closed

    def class_of(self, proxy_type: object) -> type[Proxy]:
        """Return the class of the proxies of a type; see `Channel.class_of`."""
        return cast("type[Proxy]", origin_of(proxy_type))

    def singleton(self, name: str) -> Proxy:
        """Return a proxy of a singleton."""
        proxy_type = self._offer.singletons[name]
        if self._references.of(name) is None:
            ident, exposed = self._created(name)
            if ident != name:
                # A plain server counts references to it as to any object.
                return self._counted(proxy_type, token_of(name, None, ident), exposed)
            self._references.learn_name(name, exposed)
        return proxy_of(self, proxy_type, name)

    def make(self, name: str, arguments: Mapping[str, object]) -> Any:
        """Have a factory make a new object, and return its proxy."""
        member = self._offer.root[name]
        args, kwds = arranged(member, arguments)
        ident, exposed = self._created(name, *args, **kwds)
        return self._counted(member.returns, token_of(name, None, ident), exposed)

    def make_by_hand(self, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        """Return a proxy of something that was registered by hand."""
        ident, exposed = self._created(typeid, *args, **kwds)
        return self._received(None, exposed, token_of(typeid, None, ident))

    def _created(self, name: str, /, *args: Any, **kwds: Any) -> tuple[str, tuple[str, ...]]:
        """Have an entry make its object; return what that is called, and what it exposes."""
        try:
            created: tuple[str, tuple[str, ...]] = self._asking.ask("create", name, *args, **kwds)
        except RemoteError as error:
            # What a plain server says of a name that it does not register.
            if (error.class_name, error.message) != ("KeyError", repr(name)):
                raise
            raise ObjectGone(
                f"the server at {self.address} has no entry {name!r}: register it there"
            ) from None
        return created

    def call(self, target: Target, member: Member, arguments: Mapping[str, object]) -> Any:
        """Call a member of an object and return its result; see `Channel.call`."""
        value, error = self.outcome(target, member, arguments)
        if error is None:
            return value
        try:
            raise error
        finally:
            del error

    def outcome(
        self, target: Target, member: Member, arguments: Mapping[str, object]
    ) -> tuple[Any, BaseException | None]:
        """Call a member of an object; return its result, or what it raised."""
        facts = self._references.of(target)
        exposed = () if facts is None else facts.exposed
        request = as_wire_call(member, arguments, exposed)
        outcome = self._asking.outcome(ident_of(target), member.label, request, member.returns)
        # Nothing is called after what has a result; see `Asking.call`.
        if outcome[1] is None or not _says_unknown(outcome[1], request[0], exposed):
            return outcome
        return None, NotSupported(f"{member.label}: {self.address} does not expose it")

    def text(self, proxy: Proxy) -> str:
        """Return the text of the object itself."""
        return str(self._call_any(proxy, "__repr__"))

    def value(self, proxy: Proxy) -> Any:
        """Return a copy of the object itself."""
        return self._call_any(proxy, GET_VALUE)

    def _call_any(self, proxy: Proxy, called: str) -> Any:
        """Call what every object has, exposed or not."""
        target: Any = proxy
        return self._asking.call(ident_of(target._counted()), called, (called, (), {}))

    def step(self, number: int, called: str) -> tuple[Any, BaseException | None]:
        """Make a step of an iterator at the server; see `Stepping.step`."""
        return self._asking.outcome(ident_of(number), f"{ITERATOR}.{called}", (called, (), {}))

    def stop(self) -> None:
        """Stop the server, wait until it has given up its address, and close the channel."""
        self._asking.stop()
        self.close()

    def close(self) -> None:
        """Close all connections; closing twice has no effect.

        Calls that other threads have under way fail with `ConnectionClosed`.
        """
        if self.closed:
            return
        self._dropped.extend(self._references.held())
        self.tidy()
        self._wait_for_keeper()
        self._asking.close()

    def _wait_for_keeper(self) -> None:
        """Let the keeper say what it is about to, or nobody will; no longer than connecting."""
        end, me = time.monotonic() + self._asking.timeout, threading.get_ident()
        while any(each != me for each in self._tidying) and time.monotonic() < end:
            time.sleep(_GLANCE)

    # --- References

    def claim(self, proxy: Proxy) -> None:
        """Count a proxy's reference in this generation; see `Channel.claim`."""
        claimed: Any = proxy  # what it has, it has for its channel
        held: Held = claimed._mention
        if held.generation == self.generation:
            return
        known = held.facts
        facts = self._references.claim(claimed._target, known.typeid, known.exposed)
        # Of two threads that do so at once each has its own, and each is let go of by itself.
        mention = Held(self.generation, facts)
        count(proxy, self, claimed._target, mention)
        claimed._mention = mention

    def tidy(self) -> None:
        """Tell the server which references are gone; later, if it has no room at the moment.

        What fails otherwise is left to its end.
        """
        tidying, me = self._tidying, threading.get_ident()
        tidying.append(me)
        try:
            self._let_go(self._dropped)
        finally:
            tidying.remove(me)

    def _let_go(self, dropped: deque[int]) -> None:
        while dropped:
            number = dropped.popleft()
            try:
                self._references.release(number)
            except (KinfolkError, OSError, KeyError) as error:
                pass_on_what_handlers_raise(error)
                if had_no_room(error):
                    dropped.appendleft(number)
                    keeper.note(self)
                    return

    def pickled(self, proxy: Proxy) -> Reduced:
        """Return what makes a proxy of the same object in another process; see `Channel.pickled`.

        As in the standard library, the object lives until then only if this process keeps its
        proxy; and the key goes along only into a child that is just being started.
        """
        sent: Any = proxy
        target, facts = self._known(proxy)
        key = None if get_spawning_popen() is None else self._asking.gate.key()
        arguments = self.address, key, self.token, sent._members.proxy_type, target
        return self._rebuild, (*arguments, facts.typeid, facts.exposed)

    def referred(
        self, target: Target, proxy_type: object, typeid: str, exposed: tuple[str, ...]
    ) -> Proxy:
        """Return a proxy of an object of which another process told.

        Raises:
            ObjectGone: It lives no more.
        """
        if isinstance(target, str):
            self._references.learn_name(target, exposed)
            return proxy_of(self, proxy_type, target)
        facts = self._references.claim(target, typeid, exposed)
        return proxy_of(self, proxy_type, target, Held(self.generation, facts))

    def _known(self, proxy: Proxy) -> tuple[Target, Facts]:
        """Return the target of a proxy of this channel's, and what is known of it."""
        known: Any = proxy
        target: Target = known._counted()
        facts = self._references.of(target)
        assert facts is not None  # for a proxy keeps them
        return target, facts

    # --- Proxies

    def _counted(self, proxy_type: object, token: Naming, exposed: tuple[str, ...]) -> Proxy:
        """Return a proxy whose reference the server has counted."""
        number = _number(token)
        facts = self._references.note(number, token.typeid, exposed)
        return proxy_of(self, proxy_type, number, Held(self.generation, facts))

    def _received(self, declared: object, exposed: tuple[str, ...], token: Naming) -> Any:
        """Return what stands for an object that a result consists of, counted by the server."""
        if token.typeid == ITERATOR:
            self._references.note(_number(token), ITERATOR, exposed)
            return Steps(self, _number(token))
        proxy_type = self._type_of(token.typeid, declared)
        if proxy_type is None:
            try:
                return self._unknown(token, exposed)
            finally:
                self._asking.ask("decref", token.id)  # it counts for itself
        if token.id in self._offer.singletons:
            return self.referred(token.id, proxy_type, token.typeid, exposed)
        return self._counted(proxy_type, token, exposed)

    def _type_of(self, typeid: str, declared: object = None) -> object:
        """Return the proxy type of a name on the wire, None if it is unknown here."""
        found = self._offer.singletons.get(typeid) or self._offer.proxies.get(typeid)
        if found is None and typeid in self._offer.root.names:
            found = self._offer.root[typeid].returns
        if shared_type(declared) is None:
            return found
        # An entry that makes such objects may make them of other type arguments.
        same = found is None or origin_of(found) is origin_of(declared)
        return declared if same else found

    def _rebuilt(self, func: Any, token: Naming, serializer: str, kwds: Any) -> Any:
        """Return what a pickled proxy becomes that stands within a result."""
        proxy_type = self._type_of(token.typeid)
        exposed: tuple[str, ...] = kwds.get("exposed", ())
        gate = self._asking.gate
        if proxy_type is None:
            own = token_of(token.typeid, gate.destination.address.raw, token.id)
            return rebuild_proxy(func, own, serializer, {**kwds, "authkey": gate.key()})
        named = token.id in self._offer.singletons
        target = token.id if named else _number(token)
        return self.referred(target, proxy_type, token.typeid, exposed)

    def _lowered(self, value: object) -> Reduced | None:
        """Return what stands for a proxy among arguments."""
        if not isinstance(value, Proxy):
            return None
        proxy: Any = value
        theirs = proxy._channel
        if not isinstance(theirs, PickleChannel) or theirs.address != self.address:
            raise ArgumentError(f"an argument is a proxy of another manager ({proxy!r})")
        target, facts = theirs._known(proxy)
        raw: Any = self._asking.gate.destination.address.raw
        return reduced_proxy(token_of(facts.typeid, raw, ident_of(target)), facts.exposed)


def _says_unknown(error: BaseException, called: str, exposed: tuple[str, ...]) -> bool:
    """Return whether a plain server says this of a method that it does not expose."""
    if not isinstance(error, RemoteError) or called in exposed:
        return False
    return (error.class_name, error.message) == ("KeyError", repr(called))


def _number(token: Naming) -> int:
    number = number_of(token.id)
    if number is None:
        raise ResultError(f"the server named an object {token.id!r}, and not by a number")
    return number


# --- All channels of this process

_channels: Final[Channels[PickleChannel]] = Channels()
shared_channel: Final = _channels.shared
