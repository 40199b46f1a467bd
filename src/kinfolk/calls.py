"""The client's half of a call: proxies' calls become requests, and replies become results.

Everything that a channel does apart from carrying messages stands here once: arguments are encoded
and results decoded, proxies become references and references proxies of the right class, failures
become exceptions, and streams become iterators. No sockets here: a channel derives from
`CallingChannel`, sends requests in its `exchange`, and asks `released` before it sends one.
"""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from kinfolk.callers import caller_token
from kinfolk.errors import ArgumentError, ConnectionLost, ProtocolError, ResultError, SpecMismatch
from kinfolk.proxy import Channel, Proxy
from kinfolk.wire.codec import Codec, Mismatch
from kinfolk.wire.codec.text import describe
from kinfolk.wire.failures import lift_failure
from kinfolk.wire.members import Member
from kinfolk.wire.messages import (
    ROOT,
    Call,
    Declined,
    Failed,
    Items,
    Next,
    Release,
    Reply,
    Result,
    Streaming,
    Target,
)
from kinfolk.wire.narrowing import narrow, origin_of
from kinfolk.wire.references import Reference
from kinfolk.wire.shared import SharedType, shared_type
from kinfolk.wire.table import ManagerType

if TYPE_CHECKING:
    from kinfolk.wire.versions import Differences

__all__ = ["CallingChannel", "ProxyReferences", "Stream", "VersionChanged"]

T = TypeVar("T")


class VersionChanged(ConnectionLost):
    """The server was replaced by one of another version, which a request was not made for."""


class CallingChannel(ABC):
    """Makes the calls of its proxies with messages; any number of threads may use it at once.

    Args:
        offer: What the manager at the other end offers.
    """

    def __init__(self, offer: ManagerType) -> None:
        self._offer = offer
        self._codecs = offer.codecs
        # What does not fit at the other end, if that is of another version.
        self._differences: Differences | None = None
        self._references = ProxyReferences(self)
        self._numbers = itertools.count(1)
        self._dropped: deque[int] = deque()

    @property
    def offer(self) -> ManagerType:
        """What the manager at the other end offers."""
        return self._offer

    @property
    @abstractmethod
    def address(self) -> str:
        """Where the objects live, as a URL."""

    @abstractmethod
    def exchange(self, request: Call | Next) -> Reply:
        """Send a request, and return its reply when it is there."""

    # --- Whole calls

    def call(self, target: Target, member: Member, arguments: Mapping[str, object]) -> Any:
        """Call a member of an object and wait for what it returns; see `Channel.call`."""
        while True:
            try:
                reply = self.exchange(self.request(target, member, arguments))
            except VersionChanged:
                continue  # The request was not sent, and is made anew for the other version.
            return self.result(member, reply)

    def make(self, name: str, arguments: Mapping[str, object]) -> Any:
        """Have a factory make a new object, and return its proxy."""
        return self.call(ROOT, self._offer.root[name], arguments)

    def singleton(self, name: str) -> Proxy:
        """Return a proxy of a singleton. Nothing is sent.

        Raises:
            SpecMismatch: It is something else at the other end.
        """
        if self._differences is not None:
            self._checked(lambda differences: differences.check_singleton(name), None)
        return self._references.proxy(self._offer.singletons[name], name)

    # --- The two halves

    def request(self, target: Target, member: Member, arguments: Mapping[str, object]) -> Call:
        """Return the request for a call, with a number of its own.

        Raises:
            ArgumentError: An argument does not fit what the member declares.
            SpecMismatch: The call does not fit the other end, which is of another version.
        """
        if self._differences is not None:
            given = arguments
            arguments = self._checked(lambda known: known.fitted(target, member, given), given)
        try:
            data = member.arguments.encode(arguments, self._references)
        except Mismatch as mismatch:
            raise ArgumentError(f"{member.label}: {mismatch}") from None
        return Call(next(self._numbers), target, member.name, caller_token(), msgspec.Raw(data))

    def _checked(self, check: Callable[[Differences], T], without: T) -> T:
        """Ask the differences; return `without` if there are none any more."""
        known = self._differences
        try:
            return without if known is None else check(known)
        except SpecMismatch:
            self.meet_again()
            found = self._differences
            if found is known:
                raise
            return without if found is None else check(found)

    def meet_again(self) -> None:  # noqa: B027 - most channels lead to the same server for good
        """Make sure that the differences are those of the server as it is now.

        It may have been replaced since the last call, by one that a refused call does fit.
        """

    def result(self, member: Member, reply: Reply) -> Any:
        """Return what a call's reply says, or raise what the member raised.

        Raises:
            ResultError: The result does not fit what the member declares.
        """
        match reply:
            case Result() if member.result is not None:
                return self._decode(member, member.result, reply.value)
            case Failed():
                raise lift_failure(reply.failure, self._codecs)
            case Declined():
                return NotImplemented
            case Streaming() if member.items is not None:
                return Stream(self, member, reply.stream)
            case _:
                raise ProtocolError(f"{member.label}: cannot be answered by {type(reply).__name__}")

    def fetch(self, member: Member, stream: int) -> tuple[list[Any], bool, BaseException | None]:
        """Ask a stream for items; return them, whether there may be more, and what ended it."""
        count = max(member.ahead, 1)
        request = Next(next(self._numbers), stream, count, caller_token())
        reply = self.exchange(request)
        if isinstance(reply, Failed):
            return [], False, lift_failure(reply.failure, self._codecs)
        if not isinstance(reply, Items) or member.items is None:
            raise ProtocolError(f"{member.label}: cannot be answered by {type(reply).__name__}")
        items = self._decode(member, member.items, reply.items)
        error = lift_failure(reply.failure, self._codecs) if reply.failure else None
        return items, reply.more and error is None, error

    def _decode(self, member: Member, codec: Codec, data: msgspec.Raw) -> Any:
        try:
            return codec.decode(data, self._references)
        except Mismatch as mismatch:
            raise ResultError(
                f"{member.label} returned what it does not declare: {mismatch}"
            ) from None

    # --- References that died

    def drop(self, target: int) -> None:
        """Note that a proxy or a stream died; see `Channel.drop`."""
        # A deque takes no lock of ours, and this may run inside any other line of the thread.
        self._dropped.append(target)

    def released(self) -> Release | None:
        """Return what to tell the other end about references that died since it was last asked."""
        targets: list[int] = []
        while self._dropped:
            try:
                targets.append(self._dropped.popleft())
            except IndexError:  # another thread was faster
                break
        return Release(targets) if targets else None


class ProxyReferences:
    """The client's knowledge of shared objects: proxies of one channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def lower(self, value: object, proxy_type: object) -> Reference:
        """Return the reference of a proxy; see `References.lower`."""
        cls: type[Any] = type(value)
        if not issubclass(cls, origin_of(proxy_type)):
            raise TypeError(f"{describe(proxy_type)}, not {cls.__name__}")
        proxy: Any = value
        if not self._is_ours(proxy):
            name = describe(proxy_type)
            raise TypeError(f"{name} of this manager, not of another one ({proxy!r})")
        mark = cast("SharedType", shared_type(cls))
        return Reference(mark.name, proxy._target)

    def _is_ours(self, proxy: Any) -> bool:
        """Return whether the object of a proxy lives where this channel leads."""
        theirs: Channel = proxy._channel
        # Numbers count for one session only, names for all.
        named = isinstance(proxy._target, str) and theirs.address == self._channel.address
        return theirs is self._channel or named

    def lift(self, reference: Reference, proxy_type: object) -> object:
        """Return a new proxy; see `References.lift`."""
        try:
            found = self._proxy_type(reference, proxy_type)
        except TypeError:
            if isinstance(reference.target, int):
                self._channel.drop(reference.target)
            raise
        return self.proxy(found, reference.target)

    def proxy(self, proxy_type: object, target: Target) -> Proxy:
        """Return a new proxy of an object whose type is known."""
        members = self._channel.offer.members(proxy_type)
        return cast("type[Proxy]", origin_of(proxy_type))(self._channel, target, members)

    def _proxy_type(self, reference: Reference, declared: object) -> object:
        offer = self._channel.offer
        if isinstance(reference.target, str):
            # How a singleton's own values travel was settled by its entry, not by who mentions it.
            found = offer.singletons.get(reference.target)
            if found is None or not issubclass(origin_of(found), origin_of(declared)):
                raise TypeError(f"{describe(declared)}, not the entry {reference.target!r}")
            return found
        actual = offer.proxies.get(reference.shared)
        if actual is None:
            raise TypeError(f"{describe(declared)}, not {reference.shared}")
        return narrow(declared, actual)


class Stream(Iterator[Any]):
    """The items of a member that returns an iterator, fetched as they are used.

    It ends at the server too when it is closed, or when nobody uses it any more.
    """

    def __init__(self, channel: CallingChannel, member: Member, number: int) -> None:
        self._channel = channel
        self._member = member
        self._number = number
        self._items: deque[Any] = deque()
        self._error: BaseException | None = None
        self._more = True
        # Two threads may share an iterator; each item goes to one of them, in order.
        self._turn = threading.Lock()

    def __next__(self) -> Any:
        with self._turn:
            while not self._items and self._more:
                items, self._more, self._error = self._channel.fetch(self._member, self._number)
                self._items.extend(items)
            if self._items:
                return self._items.popleft()
            error, self._error = self._error, None
            raise StopIteration if error is None else error

    def close(self) -> None:
        """End the stream here and at the server; closing twice has no effect."""
        more, self._more = self._more, False
        self._items.clear()
        if more:
            self._channel.drop(self._number)

    def __del__(self) -> None:
        if getattr(self, "_more", False):
            self._channel.drop(self._number)
