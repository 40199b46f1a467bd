"""Sessions and links: who calls, and through which connection.

A session is a calling process. It has its references, its streams and what was done for it, and it
ends with the last of its links. A link is one connection: it takes requests, any number at once,
and answers each `Call` and `Next` once, unless it has been closed by then.
"""

from __future__ import annotations

import functools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from kinfolk.errors import ConnectionClosed, Executed, LimitExceeded, ProtocolError
from kinfolk.host import turns
from kinfolk.host.chains import thread
from kinfolk.host.latest import Grants, Latest
from kinfolk.host.objects import Objects
from kinfolk.host.owners import Lifetime
from kinfolk.host.places import raised
from kinfolk.host.serving import (
    Granted,
    Outcome,
    Queue,
    Service,
    Waiting,
    length_of,
    withdrawn,
)
from kinfolk.host.waiters import Later, Pending
from kinfolk.limits import Limits
from kinfolk.wire.codec import Codecs
from kinfolk.wire.members import GIVING_BACK
from kinfolk.wire.messages import (
    Call,
    Claim,
    Describe,
    Lend,
    Next,
    Release,
    Reply,
    Report,
    Request,
    Result,
    Stop,
    Withdraw,
)

__all__ = ["Answer", "Link", "Session"]

Answer: TypeAlias = Callable[[Reply], object]
R = TypeVar("R", Call, Next)

_logger = logging.getLogger(__name__)

_REASONS: Final = 10
_GLANCE: Final = 0.0005  # seconds
_GLANCES: Final = 2_000
# Less than clients have to settle a call, so that they hear of one that takes longer.
_FEW_GLANCES: Final = 100

_EXECUTED: Final[dict[Executed, msgspec.Raw]] = {
    "yes": msgspec.Raw(msgspec.msgpack.encode("yes")),
    "no": msgspec.Raw(msgspec.msgpack.encode("no")),
}


class Session(Lifetime):
    """A process that calls.

    Args:
        peer: The process's name for people.
        objects: What it can call.
        codecs: The compiler of the manager's types.
        limits: What it may have at once.
        ended: What to tell of its end.
    """

    def __init__(
        self,
        peer: str,
        objects: Objects,
        codecs: Codecs,
        limits: Limits,
        ended: Callable[[Session], object],
    ) -> None:
        super().__init__()
        self.peer: Final = peer
        self.token: Final = secrets.token_bytes(16)
        self.limits: Final = limits
        self.service: Final = Service(objects, codecs, limits, self, self.refused)
        self._links: set[Link] = set()
        self._attaching = threading.Lock()
        # The latest calls that were taken back, and what was found out about them. Some may be
        # still on their way here.
        self.withdrawn: Final[Latest[Executed | None]] = Latest()
        # What can still be undone by a `Withdraw`, if it crossed the reply or that was lost.
        self._granted: Final = Grants()
        # The latest calls of the connections that were closed; and those whose method still runs.
        self._finished: Latest[None] = Latest()
        self._fading: set[Link] = set()
        self._freed_calls = 0
        # The numbers of all that run, or wait for an answer.
        self.under_way: Final[set[int]] = set()
        self._refusals: set[str] = set()
        self._tell = ended

    @property
    def connections(self) -> int:
        """How many links it has."""
        return len(self._links)

    @property
    def waiting(self) -> int:
        """How many of its calls wait for an answer."""
        return sum(link.waiting for link in tuple(self._links))

    def attach(self) -> Link:
        """Add a connection of the process.

        Raises:
            ConnectionClosed: The session has ended.
        """
        link = Link(self)
        with self._attaching:
            if self.ended:
                raise ConnectionClosed("The session has ended")
            self._links.add(link)
        return link

    def detach(self, link: Link, withdrawn: Mapping[int, Executed]) -> None:
        """Note that a connection was closed, and what became of the calls with it that waited.

        The session ends with the last.
        """
        with self._attaching:
            self._freed_calls += len(withdrawn)
            for call, executed in withdrawn.items():
                self._granted.pop(call)
                self.withdrawn[call] = executed
            self._finished[link.latest] = None
            if link.running:
                self._fading.add(link)
            self._links.discard(link)
            last = not self._links
        if last:
            self.end()

    def faded(self, link: Link) -> None:
        """Note that nothing runs any more of a connection that was closed."""
        with self._attaching:
            self._fading.discard(link)

    def undoable(self, call: int, grant: Later[Any], weight: int = 0) -> None:
        """Note what a call was or may be granted, and how many bytes it has brought and taken."""
        with self._attaching:
            self._granted.add(call, grant, weight)

    def withdraw(self, call: int) -> Executed:
        """Take back a call; return whether its method has run, and was not undone.

        A call that has not arrived yet will not be carried out. Asked again, this says the same,
        even if the call's connection was closed meanwhile.
        """
        with self._attaching:
            known = self.withdrawn.get(call)
            self.withdrawn[call] = known
            links = (*self._links, *self._fading)
        executed = known or self._withdraw(call, links)
        if self.service.gave_back(call):
            # Whoever was thrown out of a `release` goes on as if it were done, so it should be.
            _wait_for_end(call, links, _FEW_GLANCES)
        with self._attaching:
            # Only now: it may have waited until this very moment.
            granted = self._granted.get(call)
        if granted is not None:
            executed = "no" if granted.withdraw() else "yes"
        self.service.take_back(call)
        with self._attaching:
            # Another thread may have found out meanwhile: one that was asked too, or that closed
            # the connection of the call.
            self._granted.pop(call)
            executed = self.withdrawn[call] = self.withdrawn.get(call) or executed
        return executed

    def refused(self, why: str) -> None:
        """Log why calls are refused; once, since there may be thousands."""
        with self._attaching:
            first = why not in self._refusals and len(self._refusals) < _REASONS
            if first:
                self._refusals.add(why)
        if first:
            _logger.warning("calls of %s are refused: %s", self.peer, why)

    def undone(self, call: int) -> None:
        """Note that a call was not begun, or was undone."""
        with self._attaching:
            self.withdrawn[call] = "no"

    def _withdraw(self, call: int, links: Iterable[Link]) -> Executed:
        if self.service.gave_back(call):
            return "yes"
        for link in links:
            executed = link.withdraw(call)
            if executed is not None:
                return executed
        return "yes" if call in self._finished else "no"

    def end(self) -> bool:
        """End the session and all that it has; return whether it had not ended before."""
        freed = {"locks and the like": self.held, **self.service.holdings}
        # What others may be waiting for comes first: the locks that it holds.
        first = super().end()
        if first:
            with self._attaching:
                links = tuple(self._links)
                self._granted.clear()
            for link in links:
                link.close()
            self.service.close()
            freed["waiting calls"] = self._freed_calls
            told = ", ".join(f"{what}: {count}" for what, count in freed.items() if count)
            _logger.info("the session of %s has ended; freed: %s", self.peer, told or "nothing")
            self._tell(self)
        return first


def _gives_back(request: Call | Next) -> bool:
    # Others may be waiting for just that.
    return isinstance(request, Call) and request.member in GIVING_BACK


def _wait_for_end(call: int, links: Iterable[Link], glances: int) -> None:
    """Wait until the method of a call does not run any more, for a while."""
    # Glances are counted, not seconds: while the whole process stands still, none is made.
    for _ in range(glances):
        if not any(link.runs(call) for link in links):
            return
        time.sleep(_GLANCE)


class Link:
    """One connection of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._service = session.service
        self._under_way = session.under_way
        self._lock = threading.Lock()
        self._closed = False
        self._waits_no_more = False
        self.latest = 0
        self._queued: Queue = {}
        # The calls whose method runs, and those of them that have been withdrawn meanwhile.
        self._running: dict[int, Call | Next] = {}
        self._recalled: set[int] = set()
        self._waiting: dict[int, tuple[Pending[Any], Answer]] = {}

    @property
    def session(self) -> Session:
        """The session that it belongs to."""
        return self._session

    @property
    def waiting(self) -> int:
        """How many of its calls wait for an answer."""
        return len(self._waiting)

    @property
    def only_waits(self) -> bool:
        """Whether it has a call that waits, and needs no thread of its own meanwhile."""
        return bool(self._waiting) and not self._service.is_bound

    @property
    def running(self) -> bool:
        """Whether the method of any of its calls runs."""
        return bool(self._running)

    def runs(self, call: int) -> bool:
        """Whether the method of a call runs."""
        return call in self._running

    def take_back(self, call: int) -> None:
        """Undo what the reply of a call mentions, since it could not be sent."""
        self._service.take_back(call)

    def receive(self, request: Request, answer: Answer) -> None:
        """Carry out a request in this thread.

        Args:
            request: Anything but `Stop`, `Describe` and `Report`, which are the server's affair.
            answer: Called with the reply, to all but a `Release`, now or later, and then perhaps
                in another thread. A call that is withdrawn while it waits has failed.

        Raises:
            ProtocolError: A request that hosts do not know, or one whose number is in use.
            KeyboardInterrupt: Ctrl-C came while the request was carried out in the main thread.
        """
        match request:
            case Call():
                self.call(request, answer)
            case Next():
                self._serve(request, self._service.next, answer)
            case Release():
                self._service.release(request.targets)
            case Withdraw():
                executed = self._session.withdraw(request.withdrawn)
                answer(Result(request.call, _EXECUTED[executed]))
            case Claim():
                self.latest = request.call
                answer(self._service.claim(request))
            case Lend():
                answer(self._service.lend(request))
            case Stop():
                raise ProtocolError("A host cannot be stopped by a request")
            case Describe() | Report():
                raise ProtocolError("A host does not describe itself; its server does")

    def call(self, request: Call, answer: Answer) -> None:
        """Carry out a call in this thread; see `receive`."""
        self._serve(request, self._service.call, answer)

    def withdraw(self, call: int) -> Executed | None:
        """Take back a call; return whether its method has run, None for one that never came here.

        What was granted to it is undone, and then it counts as one that has not run.
        """
        # First of all: `_serve` notes it last, so whoever sees it finds what the call has become.
        came = call == self.latest
        if self._unqueue(call):
            return "no"
        with self._lock:
            waiting = self._stop_waiting(call)
            running = self._running.get(call)
            if running is not None:
                self._recalled.add(call)
                if call not in self._running:
                    # It has ended at this very moment, and need not see this: what its reply
                    # mentions is known by now, and taken back by who withdraws it.
                    self._recalled.discard(call)
        if waiting is not None:
            pending, answer = waiting
            self._under_way.discard(call)
            undone = pending.withdraw()
            self._refuse(call, answer, withdrawn())
            return "no" if undone else "yes"
        if running is not None:
            # It may have come since, and then it is not begun.
            return "no" if self._unqueue(call) else self._outcome(call, running)
        return "yes" if came else None

    def _outcome(self, call: int, request: Call | Next) -> Executed:
        """Return what becomes of a call whose method runs, and which has been withdrawn."""
        if isinstance(request, Call) and self._service.may_wait(request):
            # Such a method ends at once, and only then is it known whether the call has to wait.
            _wait_for_end(call, (self,), _GLANCES)
        return self._session.withdrawn.get(call) or "yes"

    def _ended(self, call: int) -> bool:
        """Note that the method of a call has ended; return whether it has been withdrawn."""
        # In this order, and no lock is needed; see `withdraw`.
        self._running.pop(call, None)
        recalled = call in self._recalled
        if recalled:
            self._recalled.discard(call)
        if self._closed and not self._running:
            self._session.faded(self)
        return recalled

    def wait_no_more(self) -> None:
        """Withdraw the calls that wait, and let no others wait, since the server ends.

        They are not answered: that it has ended is what their callers hear.
        """
        with self._lock:
            self._waits_no_more = True
            waiting = self._stop_all_waiting()
        for pending, _ in waiting.values():
            pending.withdraw()

    def close(self) -> None:
        """Withdraw the calls that wait, and answer no more; closing twice has no effect."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting = self._stop_all_waiting()
        unbegun = [call for call in tuple(self._queued) if self._unqueue(call)]
        withdrawn: dict[int, Executed] = dict.fromkeys(unbegun, "no")
        for call, (pending, _) in waiting.items():
            withdrawn[call] = "no" if pending.withdraw() else "yes"
        self._session.detach(self, withdrawn)

    # --- Inside

    def _serve(self, request: R, carry_out: Callable[[R, Queue], Outcome], answer: Answer) -> None:
        number, chain, session = request.call, thread.chain, self._session
        under_way = self._under_way
        if number in under_way:
            raise ProtocolError(f"The number {number} was given to two calls")
        count, limit = len(under_way), session.limits.calls
        if count >= limit and not _gives_back(request):
            text = f"{count} calls of this client are under way (limit {limit})"
            session.refused(text)
            self._refuse(number, answer, LimitExceeded(text))
            return
        # A call that a method makes in this process is made by the same thread.
        outer, chain.serves = chain.serves, request
        under_way.add(number)
        # In this order; see `withdraw`.
        self._queued[number] = chain, request
        self._running[number] = request
        self.latest = number
        try:
            # Asked only now, so that one who closes or withdraws sees it if this does not.
            if self._closed or number in session.withdrawn:
                self._unqueue(number)
            outcome = carry_out(request, self._queued)
        except BaseException:
            self._ended(number)
            under_way.discard(number)
            raise
        finally:
            chain.serves = outer
            self._queued.pop(number, None)
        if isinstance(outcome, Waiting):
            self._wait(outcome, answer)
            return
        if isinstance(outcome, Granted):
            self._hand_over(number, outcome, answer)
            return
        self._end(number)
        if not self._closed:
            answer(outcome)

    def _end(self, call: int) -> None:
        """Note that the method of a call has ended, and that the call is not under way any more."""
        recalled = self._ended(call)
        self._under_way.discard(call)
        if recalled:
            self._service.take_back(call)

    def _hand_over(self, call: int, granted: Granted, answer: Answer) -> None:
        """Answer a call that was granted something at once; undo that if it cannot be told."""
        told = False
        try:
            # Before it has ended: who withdraws it waits for that, and then looks for this.
            self._session.undoable(call, granted.grant, granted.weight)
            self._end(call)
            if not self._closed:
                answer(granted.reply)
                told = True
        finally:
            try:
                if not told and granted.grant.withdraw():
                    self._session.undone(call)
            finally:
                granted.grant.told()

    def _unqueue(self, call: int) -> bool:
        """See that a call is not begun; return False if it has begun, or has never come."""
        with self._lock:
            found = self._queued.pop(call, None)
            if found is not None:
                self._session.undone(call)
        if found is not None:
            turns.withdraw(*found)
        return found is not None

    def _stop_waiting(self, call: int, weight: int = 0) -> tuple[Pending[Any], Answer] | None:
        """Take a call out of those that wait, with the lock held; return None if it is not there.

        What comes of it can be undone from then on, and it is: who withdraws the call at this
        moment, in another thread, must find it in the one place or in the other.
        """
        found = self._waiting.pop(call, None)
        if found is not None:
            self._session.undoable(call, found[0], weight)
        return found

    def _stop_all_waiting(self) -> dict[int, tuple[Pending[Any], Answer]]:
        """Take all calls out of those that wait, with the lock held; see `_stop_waiting`."""
        waiting = dict(self._waiting)
        for call in waiting:
            self._stop_waiting(call)
        self._under_way.difference_update(waiting)
        return waiting

    def _wait(self, waiting: Waiting, answer: Answer) -> None:
        number, pending = waiting.call, waiting.pending
        with self._lock:
            over = number in self._recalled or self._closed or self._waits_no_more
            if not over:
                del self._running[number]
                self._waiting[number] = pending, answer
        if over:
            if pending.withdraw():
                # Only now: who withdrew it waits for this, and then nothing belongs to it.
                self._session.undone(number)
            self._ended(number)
            self._under_way.discard(number)
            if not self._waits_no_more:
                self._refuse(number, answer, withdrawn())
            return
        pending.deliver(functools.partial(self._arrived, waiting, answer))

    def _arrived(self, waiting: Waiting, answer: Answer, pending: Pending[Any]) -> bool:
        """Answer a call that has waited; return whether the answer could be given."""
        call = waiting.call
        reply = self._service.finish(waiting)
        with self._lock:
            there = self._stop_waiting(call, waiting.weight + length_of(reply)) is not None
        self._under_way.discard(call)
        if not there or call in self._session.withdrawn:
            self._service.take_back(call)
        if not there:
            return False
        # A result that could not be encoded has not been granted.
        arrived = isinstance(reply, Result) or pending.failed
        return self._pass_on(reply, answer) and arrived

    def _pass_on(self, reply: Reply, answer: Answer) -> bool:
        if self._closed:
            return False
        try:
            answer(reply)
        except OSError:
            return False
        except Exception as error:
            # This may be the thread of another call, which has nothing to do with it.
            _logger.error("A call that has waited could not be answered: %s", raised(error))  # noqa: TRY400
            return False
        return True

    def _refuse(self, call: int, answer: Answer, error: Exception) -> None:
        self._pass_on(self._service.failed(call, error), answer)
