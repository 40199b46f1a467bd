"""A channel of typed proxies over the standard library's wire.

Its server may be one of Kinfolk's with `serializer="pickle"`, or a plain one that registers the
same names. As there, each thread has a connection of its own, which holds what the thread acquires;
and objects are made, and references counted, over connections that last for one request.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from multiprocessing.context import get_spawning_popen
from typing import Any, Final, NoReturn
from weakref import WeakSet

import attrs

from kinfolk.counted import Mention, count
from kinfolk.deadlines import end_of_block, patience
from kinfolk.errors import (
    ArgumentError,
    ConnectionClosed,
    ConnectionLost,
    KinfolkError,
    NotSupported,
    ObjectGone,
    RemoteError,
    ResultError,
)
from kinfolk.keeper import keeper
from kinfolk.pickles.arguments import arranged, as_wire_call
from kinfolk.pickles.names import GET_VALUE, ITERATOR, ident_of, number_of
from kinfolk.pickles.reaching import Gate, reach
from kinfolk.pickles.stdlib import Naming, rebuild_proxy, token_of
from kinfolk.pickles.steps import Steps
from kinfolk.pickles.values import REBUILD, Reduced, dumps, lift_error, loads, reduced_proxy
from kinfolk.pickles.wire import ERROR, PROXY, RETURN, TRACEBACK, UNSERIALIZABLE, Wire
from kinfolk.proxy import Proxy
from kinfolk.unsettled import Debt, Settling, Unsettled
from kinfolk.wire.members import Member
from kinfolk.wire.messages import Target
from kinfolk.wire.narrowing import origin_of
from kinfolk.wire.shared import shared_type
from kinfolk.wire.table import ManagerType

__all__ = ["PickleChannel", "shared_channel"]

_MOMENT: Final = 1.0


@attrs.define(eq=False)
class _Known:
    """What the server has said of an object, and how many proxies here refer to it."""

    typeid: str
    exposed: tuple[str, ...]
    proxies: int = 0


class _NothingUnsettled(Unsettled):
    """Nothing is left to settle: what a connection holds is given back when it ends."""

    def pay(self, channel: Settling, debt: Debt, error: BaseException) -> None:
        """Owe nothing, since a call that is cut short ends its connection."""
        self.left.clear()


class _Local(threading.local):
    wire: Wire | None = None


class PickleChannel:
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
        self._offer = offer
        self._gate = gate
        self._timeout = patience("timeout", timeout)
        self._rebuild = rebuild
        self._unknown = unknown
        self.token: Final = secrets.token_bytes(8)
        self.generation = 0
        self.closed = False
        self.unsettled: Final[Unsettled] = _NothingUnsettled()
        self._known: dict[Target, _Known] = {}
        self.start_afresh()
        self._ask("dummy")
        _channels.add(self)

    def start_afresh(self) -> None:
        """Begin without connections, also in a forked child: what it inherited is the parent's."""
        self.generation += 1
        self._local = _Local()
        self._wires: WeakSet[Wire] = WeakSet()
        self._dropped: deque[int] = deque()
        self._counting = threading.RLock()

    # --- What proxies and managers ask for

    @property
    def offer(self) -> ManagerType:
        """What the manager at the other end offers."""
        return self._offer

    @property
    def address(self) -> str:
        """Where the objects live, as a URL."""
        return str(self._gate.destination.address)

    def singleton(self, name: str) -> Proxy:
        """Return a proxy of a singleton."""
        proxy_type = self._offer.singletons[name]
        if name not in self._known:
            ident, exposed = self._ask("create", name)
            if ident != name:
                # A plain server counts references to it as to any object.
                return self._counted(proxy_type, token_of(name, None, ident), exposed)
            self._known[name] = _Known(name, exposed)
        return self._proxy(proxy_type, name)

    def make(self, name: str, arguments: Mapping[str, object]) -> Any:
        """Have a factory make a new object, and return its proxy."""
        member = self._offer.root[name]
        args, kwds = arranged(member, arguments)
        ident, exposed = self._ask("create", name, *args, **kwds)
        return self._counted(member.returns, token_of(name, None, ident), exposed)

    def make_by_hand(self, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        """Return a proxy of something that was registered by hand."""
        ident, exposed = self._ask("create", typeid, *args, **kwds)
        return self._received(None, exposed, token_of(typeid, None, ident))

    def call(self, target: Target, member: Member, arguments: Mapping[str, object]) -> Any:
        """Call a member of an object and return its result; see `Channel.call`."""
        known = self._known.get(target)
        exposed = () if known is None else known.exposed
        called, args, kwds = as_wire_call(member, arguments, exposed)
        return self._call(ident_of(target), member.label, (called, args, kwds), member)

    @property
    def linked(self) -> bool:
        """Whether the session may still be there; see `Settling.linked`."""
        return not self.closed

    def loss_told(self) -> None:
        """Note nothing: each connection is a session of its own, and its loss is told once."""

    def attempt(
        self,
        target: Target,
        member: Member,
        arguments: Mapping[str, object],
        attempts: list[int],
        caller: int | None = None,
    ) -> tuple[Any, BaseException | None]:
        """Make a call that gives something back; see `Settling.attempt`."""
        return self.call(target, member, arguments), None

    def withdraw(self, number: int) -> NoReturn:
        """Refuse: the wire has no numbers for calls."""
        raise NotSupported(f"call {number} cannot be taken back over the standard library's wire")

    def text(self, proxy: Proxy) -> str:
        """Return the text of the object itself."""
        return str(self._call_proxy(proxy, "__repr__"))

    def value(self, proxy: Proxy) -> Any:
        """Return a copy of the object itself."""
        return self._call_proxy(proxy, GET_VALUE)

    def step(self, number: int, called: str, *args: object) -> Any:
        """Make a step of an iterator at the server."""
        return self._call(ident_of(number), f"{ITERATOR}.{called}", (called, args, {}), None)

    def stop(self) -> None:
        """Stop the server, and close the channel."""
        self._ask("shutdown")
        self.close()

    def close(self) -> None:
        """Close all connections; closing twice has no effect.

        Calls that other threads have under way fail with `ConnectionClosed`.
        """
        if self.closed:
            return
        with self._counting:
            held = [
                number
                for number, each in self._known.items()
                if isinstance(number, int)
                for _ in range(each.proxies)
            ]
            self._known.clear()
        self._dropped.extend(held)
        self.tidy()
        self.closed = True
        for wire in list(self._wires):
            _shut(wire)

    # --- References

    def claim(self, proxy: Proxy) -> None:
        """Count a proxy's reference in this generation; see `Channel.claim`."""
        claimed: Any = proxy  # what it has, it has for its channel
        with self._counting:
            if claimed._mention.generation == self.generation:
                return
            self._claim(claimed._target)
            claimed._mention = Mention(self.generation)
            count(proxy, self, claimed._target, claimed._mention)

    def _claim(self, target: int) -> None:
        try:
            self._ask("incref", ident_of(target))
        except (RemoteError, KeyError):
            raise ObjectGone(
                f"There is no object {ident_of(target)}: all have let it go, or its server has "
                "ended since"
            ) from None

    def drop(self, target: int, generation: int) -> None:
        """Note that a reference is gone; see `Channel.drop`."""
        if generation == self.generation:
            self._dropped.append(target)
            keeper.note(self)

    def tidy(self) -> None:
        """Tell the server which references are gone; what fails is left to its end."""
        dropped = self._dropped
        for target in [dropped.popleft() for _ in range(len(dropped))]:
            with self._counting:
                known = self._known.get(target)
                if known is not None:
                    known.proxies -= 1
                    if known.proxies <= 0:
                        del self._known[target]
            try:
                self._ask("decref", ident_of(target))
            except (KinfolkError, OSError, KeyError):
                return

    def pickled(self, proxy: Proxy) -> Reduced:
        """Return what makes a proxy of the same object in another process; see `Channel.pickled`.

        As in the standard library, the object lives until then only if this process keeps its
        proxy; and the key goes along only into a child that is just being started.
        """
        sent: Any = proxy
        target: Target = sent._counted()
        known = self._known[target]
        key = None if get_spawning_popen() is None else self._gate.key()
        arguments = self.address, key, self.token, sent._members.proxy_type, target
        return self._rebuild, (*arguments, known.typeid, known.exposed)

    def referred(
        self, target: Target, proxy_type: object, typeid: str, exposed: tuple[str, ...]
    ) -> Proxy:
        """Return a proxy of an object of which another process told.

        Raises:
            ObjectGone: It lives no more.
        """
        if isinstance(target, str):
            self._known.setdefault(target, _Known(typeid, exposed))
            return self._proxy(proxy_type, target)
        self._claim(target)
        return self._counted(proxy_type, token_of(typeid, None, ident_of(target)), exposed)

    # --- Proxies

    def _proxy(self, proxy_type: object, target: Target, mention: Mention | None = None) -> Proxy:
        members = self._offer.members(proxy_type)
        cls: Any = origin_of(proxy_type)
        proxy: Proxy = cls(self, target, members, mention)
        return proxy

    def _counted(self, proxy_type: object, token: Naming, exposed: tuple[str, ...]) -> Proxy:
        """Return a proxy whose reference the server has counted."""
        number = number_of(token.id)
        if number is None:
            raise ResultError(f"the server named an object {token.id!r}, and not by a number")
        with self._counting:
            known = self._known.setdefault(number, _Known(token.typeid, exposed))
            known.proxies += 1
        return self._proxy(proxy_type, number, Mention(self.generation))

    def _received(self, member: Member | None, exposed: tuple[str, ...], token: Naming) -> Any:
        """Return what stands for an object that a result consists of, counted by the server."""
        if token.typeid == ITERATOR:
            number = number_of(token.id)
            assert number is not None
            return Steps(self, number)
        proxy_type = self._type_of(token.typeid, None if member is None else member.returns)
        if proxy_type is None:
            try:
                return self._unknown(token, exposed)
            finally:
                self._ask("decref", token.id)  # it counts for itself
        if token.id in self._offer.singletons:
            self._known.setdefault(token.id, _Known(token.typeid, exposed))
            return self._proxy(proxy_type, token.id)
        return self._counted(proxy_type, token, exposed)

    def _type_of(self, typeid: str, declared: object = None) -> object:
        """Return the proxy type of a name on the wire, None if it is unknown here."""
        found = self._offer.singletons.get(typeid) or self._offer.proxies.get(typeid)
        if found is None and typeid in self._offer.root.names:
            found = self._offer.root[typeid].returns
        if found is None and shared_type(declared) is not None:
            found = declared
        return found

    def _rebuilt(self, func: Any, token: Naming, serializer: str, kwds: Any) -> Any:
        """Return what a pickled proxy becomes that stands within a result."""
        proxy_type = self._type_of(token.typeid)
        exposed: tuple[str, ...] = kwds.get("exposed", ())
        if proxy_type is None:
            own = token_of(token.typeid, self._gate.destination.address.raw, token.id)
            return rebuild_proxy(func, own, serializer, {**kwds, "authkey": self._gate.key()})
        if token.id in self._offer.singletons:
            return self.referred(token.id, proxy_type, token.typeid, exposed)
        number = number_of(token.id)
        assert number is not None
        return self.referred(number, proxy_type, token.typeid, exposed)

    def _lowered(self, value: object) -> Reduced | None:
        """Return what stands for a proxy among arguments."""
        if not isinstance(value, Proxy):
            return None
        proxy: Any = value
        theirs = proxy._channel
        if not isinstance(theirs, PickleChannel) or theirs.address != self.address:
            raise ArgumentError(f"an argument is a proxy of another manager ({proxy!r})")
        known = theirs._known[proxy._counted()]
        raw: Any = self._gate.destination.address.raw
        return reduced_proxy(token_of(known.typeid, raw, ident_of(proxy._target)), known.exposed)

    # --- Requests

    def _call_proxy(self, proxy: Proxy, called: str) -> Any:
        target: Any = proxy
        return self._call(ident_of(target._counted()), called, (called, (), {}), None)

    def _call(
        self, ident: str, label: str, request: tuple[str, Any, Any], member: Member | None
    ) -> Any:
        """Call something over the connection of this thread."""
        self._check()
        data = self._dumped((ident, *request), label)
        wire = self._local.wire
        if wire is None:
            name = f"{os.getpid()}|{threading.current_thread().name}"
            wire = self._request("accept_connection", (name,), {})[0]
            self._local.wire = wire
            self._wires.add(wire)
        try:
            wire.send_bytes(data)
            reply = wire.recv_bytes()
        except BaseException as error:
            # Whatever struck: the next call must not take the answer to this one.
            self._local.wire = None
            _shut(wire)
            if isinstance(error, OSError | EOFError):
                raise self._lost(error) from None
            raise
        return self._result(reply, label, member)

    def _lost(self, error: OSError | EOFError) -> KinfolkError:
        if self.closed:
            return ConnectionClosed(f"{self.address} was closed during the call")
        return ConnectionLost(
            f"the connection to {self.address} is lost: {str(error) or 'it ended'}"
        )

    def _ask(self, name: str, *args: Any, **kwds: Any) -> Any:
        """Send a request over a connection of its own."""
        self._check()
        wire, result = self._request(name, args, kwds)
        wire.close()
        return result

    def _request(self, name: str, args: Any, kwds: Any) -> tuple[Wire, Any]:
        label = str(args[0]) if name == "create" else name
        data = self._dumped((None, name, args, kwds), label)
        wire = reach(self._gate, time.monotonic() + self._timeout)
        try:
            wire.send_bytes(data)
            return wire, self._result(wire.recv_bytes(), label, None)
        except (OSError, EOFError) as error:
            wire.close()
            raise error if isinstance(error, KinfolkError) else self._lost(error) from None
        except BaseException:
            wire.close()
            raise

    def _check(self) -> None:
        if self.closed:
            raise ConnectionClosed(f"{self.address} was closed; open the manager again")
        if end_of_block() is not None:
            raise NotSupported(
                "the standard library's wire knows no deadlines: make the call outside of "
                "kinfolk.deadline, or use serializer='typed' at both ends"
            )
        keeper.start()  # anew in a forked child

    def _dumped(self, request: Any, label: str) -> bytes:
        try:
            return dumps(request, self._lowered)
        except KinfolkError as error:
            raise type(error)(f"{label}: {error}") from None
        except Exception as error:
            raise ArgumentError(
                f"{label}: an argument cannot be pickled: {type(error).__name__}: {error}"
            ) from None

    def _result(self, data: bytes, label: str, member: Member | None) -> Any:
        try:
            kind, result = loads(data, {REBUILD: self._rebuilt})
        except KinfolkError:
            raise
        except Exception as error:
            raise ResultError(
                f"{label} returned what cannot be unpickled here: {type(error).__name__}: {error}"
            ) from None
        if kind == RETURN:
            return result
        if kind == PROXY:
            return self._received(member, *result)
        if kind == ERROR:
            raise lift_error(result)
        if kind in {TRACEBACK, UNSERIALIZABLE}:
            raise _remote_error(str(result))
        raise ResultError(f"{label} was answered by {kind!r}, which is no answer")


def _remote_error(text: str) -> RemoteError:
    """Return what a server means that sends a traceback, or a line, as a text."""
    last = text.strip().rpartition("\n")[2]
    name, _, message = last.partition(": ")
    return RemoteError(name.rpartition(".")[2], message, text if "\n" in text.strip() else "")


def _shut(wire: Wire) -> None:
    """End a connection that another thread may be reading from."""
    with contextlib.suppress(OSError):
        wire.sock.shutdown(socket.SHUT_RDWR)
    wire.close()


# --- All channels of this process

_channels: WeakSet[PickleChannel] = WeakSet()
_sharing = threading.RLock()


def shared_channel(
    offer: ManagerType, address: str, token: bytes, make: Callable[[], PickleChannel]
) -> PickleChannel:
    """Return a channel for a proxy that came from another one; see `client.channel`."""
    with _sharing:
        fitting = [
            each
            for each in list(_channels)
            if each.offer is offer and each.address == address and not each.closed
        ]
        for each in fitting:
            if each.token == token:
                return each
        return fitting[0] if fitting else make()


def _after_fork() -> None:
    global _sharing
    _sharing = threading.RLock()
    for each in list(_channels):
        each.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
