"""The client's half of a call: proxies' calls become requests, and replies become results.

Everything that a channel does apart from carrying messages stands here once, or beside: arguments
are encoded and results decoded, proxies become references and references proxies of the right
class, failures become exceptions, and streams become iterators. No sockets here: a channel derives
from `CallingChannel`, sends requests in its `exchange`, and starts the keeper.

An exception may strike anywhere in a call: Ctrl-C, or one that a signal handler raises. Nobody will
see what the call returns then, so it is recalled: noted first, in a way that nothing can come
between, and withdrawn at the other end before the channel does anything else.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, TypeVar, cast

import msgspec

from kinfolk.by_hand import check_proxytype, class_by_hand
from kinfolk.callers import caller_token
from kinfolk.counted import Dropping, Mention, count
from kinfolk.deadlines import blocks_around, deadline, own_deadline, seen_only
from kinfolk.errors import (
    ArgumentError,
    CallTimeout,
    ConnectionClosed,
    ConnectionLost,
    Executed,
    KinfolkError,
    NotSupported,
    ProtocolError,
    ResultError,
    SpecMismatch,
)
from kinfolk.keeper import keeper
from kinfolk.proxy import Proxy
from kinfolk.references import ProxyReferences, proxy_of
from kinfolk.signals import raised_by_handler
from kinfolk.streaming import Stream
from kinfolk.unsettled import SHORT_MOMENT, Unsettled
from kinfolk.wire.by_hand import BY_HAND, HandType, Registry
from kinfolk.wire.codec import Mismatch
from kinfolk.wire.failures import lift_failure
from kinfolk.wire.members import Member
from kinfolk.wire.messages import (
    ROOT,
    Call,
    Claim,
    Declined,
    Failed,
    Items,
    Lend,
    Next,
    Release,
    Reply,
    Result,
    Streaming,
    Target,
    Withdraw,
)
from kinfolk.wire.narrowing import origin_of
from kinfolk.wire.references import References
from kinfolk.wire.table import ManagerType

if TYPE_CHECKING:
    from kinfolk.wire.versions import Differences

__all__ = ["CallingChannel", "Numbered", "VersionChanged"]

M = TypeVar("M")
T = TypeVar("T")

Numbered: TypeAlias = Call | Next | Withdraw | Claim | Lend
"""The requests that have a number, and a reply."""

_MOMENT: Final = 1.0  # seconds

_executed: Final[msgspec.msgpack.Decoder[Executed]] = msgspec.msgpack.Decoder(Executed)


class VersionChanged(ConnectionLost):
    """The server was replaced by one of another version, which a request was not made for."""


class CallingChannel(Dropping):
    """Makes the calls of its proxies with messages; any number of threads may use it at once.

    Args:
        offer: What the manager at the other end offers.
        by_hand: Returns what was registered by hand at this end.
    """

    def __init__(self, offer: ManagerType, by_hand: Callable[[], Registry] = dict) -> None:
        super().__init__()
        self._offer = offer
        self._by_hand = by_hand
        self._codecs = offer.codecs
        # What does not fit at the other end, if that is of another version.
        self._differences: Differences | None = None
        self._numbers = itertools.count(1)

    def _start_generation(self) -> None:
        super()._start_generation()
        self.unsettled = Unsettled()

    @property
    def offer(self) -> ManagerType:
        """What the manager at the other end offers."""
        return self._offer

    @property
    @abstractmethod
    def address(self) -> str:
        """Where the objects live, as a URL."""

    @abstractmethod
    def exchange(self, request: Numbered) -> Reply:
        """Send a request, and return its reply when it is there.

        Raises:
            CallTimeout: The deadline of the block has passed; `executed` is "unknown" if the
                request may have arrived.
        """

    @property
    @abstractmethod
    def linked(self) -> bool:
        """Whether the session may still be there; see `Settling.linked`."""

    @abstractmethod
    def tell(self, message: Release) -> None:
        """Send what has no reply."""

    @abstractmethod
    def pickled(self, proxy: Proxy) -> tuple[Any, ...]:
        """Return what pickle makes a proxy of in another process; see `Channel.pickled`."""

    def text(self, proxy: Proxy) -> str:
        """Return what stands for an object in text: where it is, since its own is not exposed."""
        return repr(proxy)

    def value(self, proxy: Proxy) -> NoReturn:
        """Refuse: by this wire only what the spec exposes leaves the server."""
        raise NotSupported(
            f"{proxy!r} stands for an object that never leaves its server: serializer='pickle' "
            "copies it"
        )

    # --- Whole calls

    def call(self, target: Target, member: Member, arguments: Mapping[str, object]) -> Any:
        """Call a member of an object and wait for what it returns; see `Channel.call`."""
        arguments = member.arguments.gathered(arguments)
        while True:
            references = ProxyReferences(self)
            request = self.request(target, member, arguments, references)
            try:
                value, error = self._carry(request, references, self.outcome, member)
            except VersionChanged:
                continue  # It was not sent, and is made anew for the other version.
            if error is None:
                return value
            try:
                raise error
            finally:
                del error  # or it lives in a circle with its traceback, and keeps the proxies

    def make(self, name: str, arguments: Mapping[str, object]) -> Any:
        """Have a factory make a new object, and return its proxy."""
        return self.call(ROOT, self._offer.root[name], arguments)

    def make_by_hand(self, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        """Return a proxy of something that was registered by hand.

        Raises:
            ObjectGone: The server has no such entry.
            NotSupported: Its proxies need another wire.
        """
        check_proxytype(self._by_hand(), typeid)
        makers = self._offer.members(HandType(self._offer.name, (typeid,)))
        return self.call(BY_HAND, makers[typeid], {"args": args, "kwds": kwds})

    def class_of(self, proxy_type: object) -> type[Proxy]:
        """Return the class of the proxies of a type; see `Channel.class_of`."""
        if isinstance(proxy_type, HandType):
            return class_by_hand(self._by_hand(), proxy_type)
        return cast("type[Proxy]", origin_of(proxy_type))

    def singleton(self, name: str) -> Proxy:
        """Return a proxy of a singleton. Nothing is sent.

        Raises:
            SpecMismatch: It is something else at the other end.
        """
        if self._differences is not None:
            self._checked(lambda differences: differences.check_singleton(name), None)
        return proxy_of(self, self._offer.singletons[name], name)

    def fetch(self, member: Member, stream: int) -> tuple[list[Any], bool, BaseException | None]:
        """Ask a stream for items; return them, whether there may be more, and what ended it."""
        count = max(member.ahead, 1)
        request = Next(next(self._numbers), stream, count, caller_token())
        return self._carry(request, ProxyReferences(self), self._fetched, member)

    def _carry(
        self,
        request: Numbered,
        references: ProxyReferences,
        take: Callable[[Reply, ProxyReferences, M], T],
        member: M,
    ) -> T:
        """Send a request, and return what is taken from its reply; recall it if that is cut short.

        Args:
            request: The request.
            references: Those of this call.
            take: Returns the result.
            member: What was called, for `take`.

        Raises:
            CallTimeout: The deadline of the block has passed; `executed` is known if it can be.
        """
        if blocks_around() is not None and (aside := seen_only()) is not None:
            with aside:
                return self._carry(request, references, take, member)
        number, reply, unsettled = request.call, None, self.unsettled
        try:
            if unsettled.left:
                unsettled.settle(self, deadline(_MOMENT))
            reply = self.exchange(request)
            value = take(reply, references, member)
        except BaseException as error:
            # First of all, and by what is not written in Python: the next signal may be there.
            unsettled.note(number)
            if not isinstance(error, KinfolkError) or raised_by_handler(error):
                unsettled.settle(self, own_deadline(SHORT_MOMENT))
            elif isinstance(error, CallTimeout | ConnectionLost) and error.executed == "unknown":
                # Where the session has ended with its connections, `settle` finds nothing to ask.
                found = unsettled.settle(self, own_deadline(SHORT_MOMENT), error)
                error.executed = found.get(number, "unknown")
            elif reply is not None:
                unsettled.settle(self, own_deadline(SHORT_MOMENT), error)
            else:
                unsettled.drop(number)  # It has not arrived, or is settled with its connection.
            raise
        # From here to the caller nothing is called, so no signal handler runs.
        if references.mention is not None:
            references.mention.generation = self.generation
        return value

    # --- Calls that nobody waits for any more

    def withdraw(self, number: int) -> Executed:
        """Take back a call; see `Settling.withdraw`."""
        reply = self.exchange(Withdraw(next(self._numbers), number))
        if not isinstance(reply, Result):
            raise ProtocolError(f"a withdrawal cannot be answered by {type(reply).__name__}")
        return _executed.decode(reply.value)

    def attempt(
        self,
        target: Target,
        member: Member,
        arguments: Mapping[str, object],
        attempts: list[int],
        caller: int | None = None,
    ) -> tuple[Any, BaseException | None]:
        """Make a call that is not recalled when it is cut short; see `Settling.attempt`."""
        if self.unsettled.left and caller is None:
            self.unsettled.settle(self, deadline(_MOMENT))
        while True:
            references = ProxyReferences(self)
            request = self.request(target, member, arguments, references, caller)
            attempts.append(request.call)
            try:
                reply = self.exchange(request)
            except VersionChanged:
                continue
            except ConnectionLost as error:
                if caller is not None:
                    self.overlooked(error)
                raise
            outcome = self.outcome(reply, references, member)
            if references.mention is not None:
                references.mention.generation = self.generation
            return outcome

    # --- The two halves

    def request(
        self,
        target: Target,
        member: Member,
        arguments: Mapping[str, object],
        references: References,
        caller: int | None = None,
    ) -> Call:
        """Return the request for a call, with a number of its own.

        Raises:
            ArgumentError: An argument does not fit what the member declares.
            SpecMismatch: The call does not fit the other end, which is of another version.
        """
        if self._differences is not None:
            given = arguments
            arguments = self._checked(lambda known: known.fitted(target, member, given), given)
        try:
            data = member.arguments.encode(arguments, references)
        except Mismatch as mismatch:
            raise ArgumentError(f"{member.label}: {mismatch}") from None
        token = caller_token() if caller is None else caller
        return Call(next(self._numbers), target, member.name, token, msgspec.Raw(data))

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

    def was_lost_by(self, error: BaseException) -> bool:
        """Return whether an error told of the end of a session; see `Settling.was_lost_by`."""
        _ = error
        return False

    def overlooked(self, error: BaseException) -> None:
        """Note that no caller hears of an error; see `Settling.overlooked`."""

    def meet_again(self) -> None:
        """Make sure that the differences are those of the server as it is now.

        It may have been replaced since the last call, by one that a refused call does fit.
        """

    def outcome(
        self, reply: Reply, references: References, member: Member
    ) -> tuple[Any, BaseException | None]:
        """Return what a call's reply says: its result, or what the member raised.

        Raises:
            ResultError: The result does not fit what the member declares.
        """
        if isinstance(reply, Result) and member.result is not None:  # as nearly all are
            try:
                return member.result.decode(reply.value, references), None
            except Mismatch as mismatch:
                raise _undeclared(member, mismatch) from None
        match reply:
            case Failed():
                return None, lift_failure(reply.failure, self._codecs)
            case Declined():
                return NotImplemented, None
            case Streaming() if member.items is not None:
                return Stream(self, member, reply.stream, self.generation), None
            case _:
                raise ProtocolError(f"{member.label}: cannot be answered by {type(reply).__name__}")

    def _fetched(
        self, reply: Reply, references: References, member: Member
    ) -> tuple[list[Any], bool, BaseException | None]:
        if isinstance(reply, Failed):
            return [], False, lift_failure(reply.failure, self._codecs)
        if not isinstance(reply, Items) or member.items is None:
            raise ProtocolError(f"{member.label}: cannot be answered by {type(reply).__name__}")
        try:
            items = member.items.decode(reply.items, references)
        except Mismatch as mismatch:
            raise _undeclared(member, mismatch) from None
        error = lift_failure(reply.failure, self._codecs) if reply.failure else None
        return items, reply.more and error is None, error

    # --- References that are counted

    def referred(self, target: Target, proxy_type: object) -> Proxy:
        """Return a proxy of an object of which another process told.

        Raises:
            ObjectGone: It lives no more.
        """
        if isinstance(target, str):
            return proxy_of(self, proxy_type, target)
        proxy = proxy_of(self, proxy_type, target, Mention())
        self.claim(proxy)
        return proxy

    def claim(self, proxy: Proxy) -> None:
        """Count a proxy's reference in this generation; see `Channel.claim`."""
        claimed: Any = proxy  # what it has, it has for its channel
        # Two threads may both do so, and none waits for the other: each count has its own mention.
        while claimed._mention.generation != self.generation:
            mention = Mention()
            count(proxy, self, claimed._target, mention)
            self.ask(Claim(next(self._numbers), claimed._target), mention)
            claimed._mention = mention

    def lend(self, targets: list[int] | None) -> None:
        """Have objects kept until other processes claim them; None for all of this session's."""
        self.ask(Lend(next(self._numbers), targets))

    def ask(self, request: Numbered, mention: Mention | None = None) -> None:
        """Send a request that returns nothing; raise what it is refused for.

        If it counts references, `mention` says so as soon as it has.
        """
        error = self._carry(request, ProxyReferences(self, mention), self._refusal, None)
        if error is None:
            return
        try:
            raise error
        finally:
            del error  # see `call`

    def _refusal(self, reply: Reply, _references: References, _: None) -> BaseException | None:
        return lift_failure(reply.failure, self._codecs) if isinstance(reply, Failed) else None

    # --- What is done later

    def close_stream(self, number: int, generation: int) -> None:
        """Close a stream at the other end, at once or else later; see `Fetching.close_stream`."""
        if generation == self.generation:
            block = own_deadline(SHORT_MOMENT)
            block.unseen = True
            try:
                with block:
                    self.tell(Release([number]))
            except (KinfolkError, OSError) as error:
                self.drop(number, generation)
                if raised_by_handler(error):
                    raise

    def tidy(self) -> None:
        """Do what could not be done at once, and tell the other end which references are gone.

        What fails once more is left to the next time.
        """
        # Short, since other channels wait behind this one, and their servers may be well.
        self.unsettled.settle(self, own_deadline(SHORT_MOMENT))
        if self.unsettled.left:
            return  # It does not answer, and has noted that this is to be done again.
        dropped = self._dropped
        targets = [dropped.popleft() for _ in range(len(dropped))]
        if not targets:
            return
        try:
            with own_deadline(SHORT_MOMENT):
                self.tell(Release(targets))
        except (KinfolkError, OSError) as error:
            struck = raised_by_handler(error)
            if isinstance(error, ConnectionClosed) and not struck:
                return  # The session has ended, and its references with it.
            dropped.extend(targets)
            keeper.note(self)
            if struck:
                raise


def _undeclared(member: Member, mismatch: Mismatch) -> ResultError:
    return ResultError(f"{member.label} returned what it does not declare: {mismatch}")
