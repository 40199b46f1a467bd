"""Carrying out requests: from a message to the object, and from its result to a message."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias, TypeGuard, cast

import msgspec

from kinfolk.deadlines import end_of_block
from kinfolk.errors import ArgumentError, CallTimeout, LimitExceeded, ObjectGone, ResultError
from kinfolk.host.chains import Chain, thread
from kinfolk.host.hosted import Holdings, Hosted, close_if_unused
from kinfolk.host.latest import LATEST, Latest
from kinfolk.host.objects import Objects
from kinfolk.host.operations import Operation
from kinfolk.host.owners import Lifetime, Owner
from kinfolk.host.places import raised_inside
from kinfolk.host.references import HostReferences
from kinfolk.host.refusals import failure_of, log_raised, must_pass
from kinfolk.host.streams import Stream
from kinfolk.host.waiters import Later, Pending, deferred_of, is_later
from kinfolk.limits import Limits
from kinfolk.wire.codec import Codecs, Mismatch
from kinfolk.wire.messages import (
    NOTHING,
    Call,
    Claim,
    Declined,
    Failed,
    Items,
    Lend,
    Next,
    Reply,
    Request,
    Result,
    Streaming,
)

__all__ = ["Granted", "Outcome", "Queue", "Service", "Waiting", "length_of", "withdrawn"]

_ROOM: Final = 256 * 2**10


class Waiting(msgspec.Struct, eq=False):  # made for each such call, by C
    """A call whose result is not there yet; `weight` is the length of its arguments in bytes."""

    call: int
    operation: Operation
    pending: Pending[Any]
    weight: int


class Granted(msgspec.Struct, eq=False):  # made for each such call, by C
    """The reply to a call that did not have to wait; `weight` is the length of what it holds.

    The grant can be undone until it is forgotten.
    """

    reply: Reply
    grant: Later[Any]
    weight: int


_Ended: TypeAlias = tuple[Stream | None, Hosted]
"""A stream that was closed, if it is one, and the object that it belongs to, or that was let go."""

Outcome: TypeAlias = Reply | Granted | Waiting
Queue: TypeAlias = dict[int, tuple[Chain, Request]]
"""The calls of a connection whose method does not run yet, with the chains that will run them.

Whoever takes one out decides what becomes of it: it is begun, or was withdrawn.
"""


class Service:
    """Carries out the requests of one session; any number of threads may use it at once.

    Args:
        objects: What it can call.
        codecs: The compiler of the manager's types.
        limits: What it may have at once.
        session: Whose requests they are.
        refused: Called with the reason when a call goes beyond a limit.
    """

    def __init__(
        self,
        objects: Objects,
        codecs: Codecs,
        limits: Limits,
        session: Lifetime,
        refused: Callable[[str], object],
    ) -> None:
        self._refused = refused
        self._objects = objects
        self._codecs = codecs
        self._limits = limits
        self._session = session
        # Most calls are of the same thread as the last one.
        self._latest_owner = Owner(session, 0)
        self._holdings = Holdings(limits.objects)
        self._streams: dict[int, tuple[Stream, Hosted]] = {}
        # What the replies of the latest calls mention, should a client never see its reply.
        self._mentioned: Latest[list[int]] = Latest()
        # The latest calls that gave something back. Their caller may ask for it much later, but
        # seldom: noting it is what has to be quick, and this takes no lock.
        self._given_back: deque[int] = deque(maxlen=LATEST)
        # The threads in which objects are closed.
        self._ending: list[threading.Thread] = []
        self._closed = False
        self._lock = threading.Lock()
        # After how many bytes of items an answer takes no more of a stream.
        self._room = _ROOM

    def fit(self, limit: int) -> None:
        """Note the longest answer that a connection of the session takes, in bytes."""
        self._room = min(self._room, limit // 4)

    # --- Calls

    def call(self, request: Call, queue: Queue) -> Outcome:
        """Call a member of an object."""
        references = HostReferences(self._objects, self._holdings)
        hosted: Hosted | None = None
        try:
            hosted = self._objects.find(request.target, self._holdings)
            operation = hosted.operations[request.member]
            try:
                return self._call(request, hosted, operation, references, queue)
            except (ArgumentError, CallTimeout):
                raise  # Refused, or taken back, before the method ran.
            except BaseException as error:
                if must_pass(error):
                    # The caller is interrupted, in this very thread, and so was the method.
                    with suppress(ValueError):
                        self._given_back.remove(request.call)
                log_raised(operation.label, error)
                raise
        except BaseException as error:
            references.take_back()
            return self.failed(request.call, error)
        finally:
            if references.mentioned:
                self._remember(request.call, references.mentioned)
            if hosted is not None and hosted.gone:
                self._close(hosted)

    def _call(
        self,
        request: Call,
        hosted: Hosted,
        operation: Operation,
        references: HostReferences,
        queue: Queue,
    ) -> Outcome:
        try:
            args, kwargs = operation.member.arguments.decode(
                request.arguments, references, self._limits.nesting
            )
        except Mismatch as mismatch:
            raise ArgumentError(f"{operation.label}: {mismatch}") from None
        owner = self._latest_owner
        if owner.caller != request.caller:
            self._latest_owner = owner = Owner(self._session, request.caller)
        turn = hosted.turn
        # As `acting_for` does it, which takes longer.
        chain = thread.chain
        before, chain.acting = chain.acting, owner
        try:
            if turn is not None:
                turn.take(operation.label, end_of_block)
            try:
                if queue.pop(request.call, None) is None:
                    raise withdrawn()
                if operation.gives_back:
                    self._given_back.append(request.call)
                result = operation.run(hosted.obj, args, kwargs)
                if type(result) in operation.plain:  # as nearly all are
                    return _encoded(request.call, result, operation, references)
                if is_later(result):
                    weight = len(request.arguments)
                    if isinstance(result, Pending) and not result.arrived:
                        return Waiting(request.call, operation, result, weight)
                    return _granted(request.call, result, operation, references, weight)
                if operation.member.result is None:
                    return self._open(request.call, result, operation, hosted, owner)
                # Within the turn, before another call can change what is being encoded.
                return _encoded(request.call, result, operation, references)
            finally:
                if turn is not None:
                    turn.leave()
        finally:
            chain.acting = before

    def finish(self, waiting: Waiting) -> Reply:
        """Return the reply to a call whose result has come."""
        references = HostReferences(self._objects, self._holdings)
        try:
            # Not kept by those who remember the call, or an object that was returned would live on.
            result = waiting.pending.take()
            reply = _encoded(waiting.call, result, waiting.operation, references)
        except BaseException as error:
            references.take_back()
            log_raised(waiting.operation.label, error)
            return self.failed(waiting.call, error)
        if references.mentioned:
            self._remember(waiting.call, references.mentioned)
        return reply

    def failed(self, call: int, error: BaseException) -> Failed:
        """Return the reply that tells the caller of an exception."""
        if must_pass(error):
            raise error
        if isinstance(error, LimitExceeded) and raised_inside(error):
            self._refused(str(error))
        return Failed(call, failure_of(error, self._codecs))

    # --- Streams

    def _open(
        self, call: int, result: object, operation: Operation, hosted: Hosted, owner: Owner
    ) -> Streaming:
        if not _is_iterator(result):
            name = type(result).__name__
            raise ResultError(
                f"{operation.label} returned what it does not declare: "
                f"must be an iterator, not {name}"
            )
        number = self._objects.next_number()
        stream = Stream(result, operation, hosted.turn, owner)
        with self._lock:
            count = len(self._streams)
            refused = self._closed or count >= self._limits.streams
            if not refused:
                self._streams[number] = stream, hosted
        if refused:
            stream.close()
            raise LimitExceeded(
                f"This client has {count} streams open (limit {self._limits.streams})"
            )
        self._remember(call, [number])
        return Streaming(call, number)

    def next(self, request: Next, queue: Queue) -> Reply:
        """Fetch items of a stream; it is gone after the last, or after what it raised."""
        found = self._streams.get(request.stream)
        if found is None:
            gone = ObjectGone(f"There is no stream {request.stream}: it has ended or was closed")
            return self.failed(request.call, gone)
        stream, hosted = found
        references = HostReferences(self._objects, self._holdings)
        count = min(max(request.count, 1), self._limits.ahead)
        begin = partial(_begin, queue, request.call)
        items, more, error = stream.fetch(count, self._room, references, begin)
        if references.mentioned:
            self._remember(request.call, references.mentioned)
        if not more:
            with self._lock:
                self._streams.pop(request.stream, None)
        if error is not None:
            log_raised(stream.label, error)
            if must_pass(error):
                raise error
        failure = failure_of(error, self._codecs) if error is not None else None
        del found, stream, error
        if not more and hosted.gone:
            self._close(hosted)
        return Items(request.call, msgspec.Raw(items), more, failure)

    # --- References

    def claim(self, request: Claim) -> Reply:
        """Refer to an object whose number the client was told by another."""
        try:
            self._objects.claim(request.target, self._holdings)
        except (ObjectGone, LimitExceeded) as error:
            return self.failed(request.call, error)
        self._remember(request.call, [request.target])
        return Result(request.call, NOTHING)

    def lend(self, request: Lend) -> Reply:
        """Keep objects until others claim them, for a while."""
        self._objects.lend(request.targets, self._holdings, self._limits.lent)
        return Result(request.call, NOTHING)

    @property
    def is_bound(self) -> bool:
        """Whether the session may have what belongs to the very thread that served it.

        Such as a `threading.RLock`, registered by hand, or in a generator that goes on later.
        """
        return self._holdings.handmade or bool(self._streams)

    @property
    def holdings(self) -> dict[str, int]:
        """How much the session has."""
        return {"objects": len(self._holdings.counts), "streams": len(self._streams)}

    def release(self, targets: list[int]) -> None:
        """Count references less, and close streams; unknown numbers have no effect."""
        ended = self._released(targets)
        if any(_may_take_long(*each) for each in ended):
            self._end_apart(ended)
        else:
            _end_all(ended)

    def gave_back(self, call: int) -> bool:
        """Return whether a call has begun to give something back."""
        return call in self._given_back

    def may_wait(self, request: Call) -> bool:
        """Return whether a call may be answered later, which its method says without waiting."""
        try:
            found = self._objects.find(request.target, self._holdings)
        except ObjectGone:
            return False
        cls = cast("type[object]", type(found.obj))
        return deferred_of(inspect.getattr_static(cls, request.member, None)) is not None

    def take_back(self, call: int) -> None:
        """Undo what the reply of a call mentions, since nobody will see it."""
        with self._lock:
            mentioned = self._mentioned.pop(call, [])
        self.release(mentioned)

    def close(self) -> None:
        """Let go of everything that the session has."""
        with self._lock:
            self._closed = True
            streams: list[_Ended] = list(self._streams.values())
            self._streams.clear()
        self._objects.release_all(self._holdings)
        _end_all(streams)

    def wait(self) -> None:
        """Wait until what is being closed has been; for a thread that nobody waits for."""
        with self._lock:
            ending = tuple(self._ending)
        for each in ending:
            each.join()

    # --- Inside

    def _released(self, targets: list[int]) -> list[_Ended]:
        # A function, since nothing but the list may refer to what has ended; see `_end_all`.
        return [each for target in targets if (each := self._release(target)) is not None]

    def _release(self, target: int) -> _Ended | None:
        """Count one reference less, or take out a stream; return what has ended with it."""
        with self._lock:
            stream = self._streams.pop(target, None)
        if stream is not None:
            return stream
        gone = self._objects.let_go(target, self._holdings)
        return None if gone is None else (None, gone)

    def _end_apart(self, ended: list[_Ended]) -> None:
        """End streams and objects in a thread of their own, so that the next call need not wait."""
        name = "kinfolk-closing"
        closing = threading.Thread(target=_end_all, args=(ended,), name=name, daemon=True)
        try:
            with self._lock:
                closing.start()
                self._ending = [each for each in self._ending if each.is_alive()]
                self._ending.append(closing)
        except RuntimeError:  # the system has no more threads
            _end_all(ended)

    def _remember(self, call: int, mentioned: list[int]) -> None:
        with self._lock:
            self._mentioned[call] = mentioned

    def _close(self, hosted: Hosted) -> None:
        """Close an object that was let go during a call, whose answer must not wait for that."""
        if hosted.closes:
            self._end_apart([(None, hosted)])


def _may_take_long(stream: Stream | None, hosted: Hosted) -> bool:
    """Return whether what is left to do may run the user's code for a while, or has to wait."""
    return hosted.closes or (stream is not None and stream.has_to_wait)


def _end_all(ended: list[_Ended]) -> None:
    while ended:
        stream, hosted = ended.pop(0)
        if stream is not None:
            stream.close()
        # Its iterator may be the last that refers to the object.
        del stream
        if hosted.gone:
            close_if_unused(hosted)


def withdrawn() -> CallTimeout:
    """Return what a call fails with that was taken back before its method ran."""
    return CallTimeout("The call was withdrawn while it waited", executed="no")


def _begin(queue: Queue, call: int) -> None:
    if queue.pop(call, None) is None:
        raise withdrawn()


def _is_iterator(value: object) -> TypeGuard[Iterator[Any]]:
    return isinstance(value, Iterator)


def _granted(
    call: int,
    grant: Later[Any],
    operation: Operation,
    references: HostReferences,
    weight: int,
) -> Granted:
    """Take a result that is there; what it grants is undone if it cannot be sent."""
    try:
        reply = _encoded(call, grant.take(), operation, references)
    except BaseException:
        grant.withdraw()
        grant.told()
        raise
    return Granted(reply, grant, weight + length_of(reply))


def length_of(reply: Reply) -> int:
    """Return how many bytes the result in a reply has; 0 for a reply without one."""
    return len(reply.value) if isinstance(reply, Result) else 0


def _encoded(
    call: int, result: object, operation: Operation, references: HostReferences
) -> Result | Declined:
    if result is NotImplemented and operation.operator:
        return Declined(call)
    codec = operation.member.result
    assert codec is not None
    try:
        return Result(call, msgspec.Raw(codec.encode(result, references)))
    except Mismatch as mismatch:
        raise ResultError(
            f"{operation.label} returned what it does not declare: {mismatch}"
        ) from None
