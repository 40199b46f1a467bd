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
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

from kinfolk.errors import CallTimeout, ConnectionClosed, LimitExceeded, ProtocolError
from kinfolk.host.objects import Objects
from kinfolk.host.owners import Lifetime
from kinfolk.host.places import raised
from kinfolk.host.serving import Outcome, Service, Waiting
from kinfolk.host.waiters import Pending
from kinfolk.limits import Limits
from kinfolk.wire.codec import Codecs
from kinfolk.wire.messages import Call, Next, Release, Reply, Request, Result, Stop, Withdraw

__all__ = ["Answer", "Link", "Session"]

Answer: TypeAlias = Callable[[Reply], object]
R = TypeVar("R", Call, Next)

_logger = logging.getLogger(__name__)

# So many grants of a link can still be undone by a `Withdraw` that crossed their replies.
_REMEMBERED: Final = 100


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
        self.service: Final = Service(objects, codecs, limits, self)
        self._links: set[Link] = set()
        self._attaching = threading.Lock()
        self._withdrawn = 0
        self._tell = ended

    @property
    def waiting(self) -> int:
        """How many of its calls wait for an answer."""
        return sum(link.waiting for link in tuple(self._links))

    @property
    def under_way(self) -> int:
        """How many of its calls run, or wait for an answer."""
        count = 0  # for each call, and `sum` takes twice as long
        for link in tuple(self._links):
            count += link.under_way
        return count

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

    def detach(self, link: Link, withdrawn: int) -> None:
        """Note that a connection was closed, and so many calls with it that waited.

        The session ends with the last.
        """
        with self._attaching:
            self._withdrawn += withdrawn
            self._links.discard(link)
            last = not self._links
        if last:
            self.end()

    def end(self) -> bool:
        """End the session and all that it has; return whether it had not ended before."""
        freed = {"locks and the like": self.held, **self.service.holdings}
        # What others may be waiting for comes first: the locks that it holds.
        first = super().end()
        if first:
            with self._attaching:
                links = tuple(self._links)
            for link in links:
                link.close()
            self.service.close()
            freed["waiting calls"] = self._withdrawn
            told = ", ".join(f"{what}: {count}" for what, count in freed.items() if count)
            _logger.info("the session of %s has ended; freed: %s", self.peer, told or "nothing")
            self._tell(self)
        return first


class Link:
    """One connection of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._service = session.service
        self._lock = threading.Lock()
        self._closed = False
        # The calls under way: whether each has been withdrawn meanwhile.
        self._running: dict[int, bool] = {}
        self._waiting: dict[int, tuple[Pending[Any], Answer]] = {}
        self._granted: OrderedDict[int, Pending[Any]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many of its calls wait for an answer."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """How many of its calls run, or wait for an answer."""
        return len(self._running) + len(self._waiting)

    def receive(self, request: Request, answer: Answer) -> None:
        """Carry out a request in this thread.

        Args:
            request: Anything but `Stop`, which is the server's affair.
            answer: Called with the reply to a `Call` or a `Next`, now or later, and then perhaps
                in another thread. A call that is withdrawn while it waits has failed.

        Raises:
            ProtocolError: A request that hosts do not know, or one whose number is in use.
            KeyboardInterrupt: Ctrl-C came while the request was carried out in the main thread.
        """
        match request:
            case Call():
                self._serve(request, self._service.call, answer)
            case Next():
                self._serve(request, self._service.next, answer)
            case Release():
                self._service.release(request.targets)
            case Withdraw():
                self._withdraw(request.call)
            case Stop():
                raise ProtocolError("A host cannot be stopped by a request")

    def close(self) -> None:
        """Withdraw the calls that wait, and answer no more; closing twice has no effect."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting = list(self._waiting.values())
            self._waiting.clear()
            self._granted.clear()
        for pending, _ in waiting:
            pending.withdraw()
        self._session.detach(self, len(waiting))

    # --- Inside

    def _serve(self, request: R, carry_out: Callable[[R], Outcome], answer: Answer) -> None:
        # No lock to begin with: what others do meanwhile is seen when the call has to wait.
        if self._closed:
            return
        if request.call in self._running or request.call in self._waiting:
            raise ProtocolError(f"The number {request.call} was given to two calls")
        count, limit = self._session.under_way, self._session.limits.calls
        if count >= limit:
            text = f"{count} calls of this client are under way (limit {limit})"
            self._refuse(request.call, answer, LimitExceeded(text))
            return
        self._running[request.call] = False
        try:
            outcome = carry_out(request)
        except BaseException:
            self._running.pop(request.call, None)
            raise
        if isinstance(outcome, Waiting):
            self._wait(outcome, answer)
            return
        with self._lock:
            self._running.pop(request.call, None)
        if not self._closed:
            answer(outcome)

    def _wait(self, waiting: Waiting, answer: Answer) -> None:
        number, pending = waiting.call, waiting.pending
        with self._lock:
            withdrawn = self._running.pop(number, False) or self._closed
            if not withdrawn:
                self._waiting[number] = pending, answer
        if withdrawn:
            pending.withdraw()
            self._refuse(number, answer, _withdrawn())
            return
        pending.deliver(functools.partial(self._arrived, waiting, answer))

    def _arrived(self, waiting: Waiting, answer: Answer, pending: Pending[Any]) -> bool:
        """Answer a call that has waited; return whether the answer could be given."""
        with self._lock:
            if self._waiting.pop(waiting.call, None) is None:
                return False
            self._granted[waiting.call] = pending
            if len(self._granted) > _REMEMBERED:
                self._granted.popitem(last=False)
        reply = self._service.finish(waiting)
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

    def _withdraw(self, call: int) -> None:
        with self._lock:
            waiting = self._waiting.pop(call, None)
            granted = self._granted.pop(call, None)
            if call in self._running:
                self._running[call] = True
        if waiting is not None:
            pending, answer = waiting
            pending.withdraw()
            self._refuse(call, answer, _withdrawn())
        elif granted is not None:
            granted.withdraw()

    def _refuse(self, call: int, answer: Answer, error: Exception) -> None:
        self._pass_on(self._service.failed(call, error), answer)


def _withdrawn() -> CallTimeout:
    return CallTimeout("The call was withdrawn while it waited", executed="no")
