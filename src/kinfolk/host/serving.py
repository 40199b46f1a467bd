"""Carrying out requests: from a message to the object, and from its result to a message."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, TypeAlias, TypeGuard

import attrs
import msgspec

from kinfolk.errors import ArgumentError, LimitExceeded, ObjectGone, ResultError
from kinfolk.host.objects import Holdings, Hosted, HostReferences, Objects
from kinfolk.host.operations import Operation
from kinfolk.host.owners import Lifetime, Owner, acting_for
from kinfolk.host.refusals import failure_of, log_raised, must_pass
from kinfolk.host.streams import Stream
from kinfolk.host.waiters import Pending, is_pending
from kinfolk.limits import Limits
from kinfolk.wire.codec import Codecs, Mismatch
from kinfolk.wire.messages import Call, Declined, Failed, Items, Next, Reply, Result, Streaming

__all__ = ["Outcome", "Service", "Waiting"]


@attrs.frozen(eq=False)
class Waiting:
    """A call whose result is not there yet."""

    call: int
    operation: Operation
    pending: Pending[Any]


Outcome: TypeAlias = Reply | Waiting


class Service:
    """Carries out the requests of one session; any number of threads may use it at once."""

    def __init__(self, objects: Objects, codecs: Codecs, limits: Limits, session: Lifetime) -> None:
        self._objects = objects
        self._codecs = codecs
        self._limits = limits
        self._session = session
        self._holdings = Holdings(limits.objects)
        self._streams: dict[int, Stream] = {}
        self._closed = False
        self._lock = threading.Lock()

    # --- Calls

    def call(self, request: Call) -> Outcome:
        """Call a member of an object."""
        references = HostReferences(self._objects, self._holdings)
        try:
            return self._call(request, references)
        except BaseException as error:
            references.take_back()
            return self.failed(request.call, error)

    def _call(self, request: Call, references: HostReferences) -> Outcome:
        hosted = self._objects.find(request.target, self._holdings)
        operation = hosted.operations[request.member]
        try:
            args, kwargs = operation.member.arguments.decode(
                request.arguments, references, self._limits.nesting
            )
        except Mismatch as mismatch:
            raise ArgumentError(f"{operation.label}: {mismatch}") from None
        try:
            return self._run(request, hosted, operation, args, kwargs, references)
        except BaseException as error:
            log_raised(operation.label, error)
            raise

    def _run(
        self,
        request: Call,
        hosted: Hosted,
        operation: Operation,
        args: list[object],
        kwargs: dict[str, object],
        references: HostReferences,
    ) -> Outcome:
        owner = Owner(self._session, request.caller)
        turn = hosted.turn
        with acting_for(owner):
            if turn is not None:
                turn.take(operation.label)
            try:
                result = operation.run(hosted.obj, args, kwargs)
                if is_pending(result):
                    return Waiting(request.call, operation, result)
                if operation.member.result is None:
                    return self._open(request.call, result, operation, hosted, owner)
                # Within the turn, before another call can change what is being encoded.
                return _encoded(request.call, result, operation, references)
            finally:
                if turn is not None:
                    turn.leave()

    def finish(self, waiting: Waiting) -> Reply:
        """Return the reply to a call whose result has come."""
        references = HostReferences(self._objects, self._holdings)
        try:
            result = waiting.pending.result()
            return _encoded(waiting.call, result, waiting.operation, references)
        except BaseException as error:
            references.take_back()
            log_raised(waiting.operation.label, error)
            return self.failed(waiting.call, error)

    def failed(self, call: int, error: BaseException) -> Failed:
        """Return the reply that tells the caller of an exception."""
        if must_pass(error):
            raise error
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
                self._streams[number] = stream
        if refused:
            stream.close()
            raise LimitExceeded(
                f"This client has {count} streams open (limit {self._limits.streams})"
            )
        return Streaming(call, number)

    def next(self, request: Next) -> Reply:
        """Fetch items of a stream; it is gone after the last, or after what it raised."""
        stream = self._streams.get(request.stream)
        if stream is None:
            gone = ObjectGone(f"There is no stream {request.stream}: it has ended or was closed")
            return self.failed(request.call, gone)
        references = HostReferences(self._objects, self._holdings)
        count = min(max(request.count, 1), self._limits.ahead)
        items, more, error = stream.fetch(count, references)
        if not more:
            with self._lock:
                self._streams.pop(request.stream, None)
        if error is not None:
            log_raised(stream.label, error)
            if must_pass(error):
                raise error
        failure = failure_of(error, self._codecs) if error is not None else None
        return Items(request.call, msgspec.Raw(items), more, failure)

    # --- The end of things

    @property
    def holdings(self) -> dict[str, int]:
        """How much the session has."""
        return {"objects": len(self._holdings.counts), "streams": len(self._streams)}

    def release(self, targets: list[int]) -> None:
        """Count references less, and close streams; unknown numbers have no effect."""
        for target in targets:
            with self._lock:
                stream = self._streams.pop(target, None)
            if stream is not None:
                stream.close()
            else:
                self._objects.release(target, self._holdings)

    def close(self) -> None:
        """Let go of everything that the session has."""
        with self._lock:
            self._closed = True
            streams = list(self._streams.values())
            self._streams.clear()
        self._objects.release_all(self._holdings)
        for stream in streams:
            stream.close()


def _is_iterator(value: object) -> TypeGuard[Iterator[Any]]:
    return isinstance(value, Iterator)


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
