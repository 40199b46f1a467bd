"""The client's end of the wire: requests and calls go out, and answers are made out.

Requests go over connections of their own, which last for one. Calls go over a connection of the
calling thread's, which holds what the thread acquires.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar
from weakref import WeakSet

from kinfolk.client.connection import END_TIMEOUT
from kinfolk.client.patience import patiently
from kinfolk.deadlines import end_of_block, patience
from kinfolk.errors import (
    ArgumentError,
    AuthenticationFailed,
    CallTimeout,
    ConnectionClosed,
    ConnectionLost,
    Executed,
    HandshakeFailed,
    KinfolkError,
    LimitExceeded,
    NotRunning,
    NotSupported,
    RemoteError,
    ResultError,
)
from kinfolk.heartbeat import fell_silent
from kinfolk.keeper import keeper
from kinfolk.pickles.names import caller_name
from kinfolk.pickles.reaching import Gate, reach
from kinfolk.pickles.stdlib import Naming
from kinfolk.pickles.values import REBUILD, Lower, Pickler, Unpickler, lift_error
from kinfolk.pickles.wire import ERROR, PROXY, RETURN, TRACEBACK, UNSERIALIZABLE, Wire
from kinfolk.signals import Passing, raised_by_handler, surely_raised_by_handler

__all__ = ["Asking", "Received", "had_no_room", "was_not_sent"]

Received: TypeAlias = Callable[[object, tuple[str, ...], Naming], Any]
"""Makes what stands for an object that a result consists of, of the type that is declared for the
result, what is exposed, and the object's name."""

E = TypeVar("E", bound=BaseException)

_LOST: Final = "__kinfolk_lost__"
"""Under this an exception has the session that a thread began when it lost the last one by it."""


class _Thread(threading.local):
    """What a thread has: its connections, and the session that they are of, if not the common one.

    It has one. Only where a signal handler makes a call while another is under way, which may wait
    for long, there is a second, and so on. `depth` is how many calls are under way.
    """

    session: str | None = None
    depth = 0

    def __init__(self) -> None:
        self.wires: Final[list[Wire]] = []

    def lose(self, error: E) -> E:
        """End the connections, since this is about to be raised, and return that.

        The next ones are nobody's kin: what this thread had may be another's of its process by
        then.
        """
        self.session = secrets.token_hex(8)
        # Noted there, since whoever kept the exception would keep the frames that it came by.
        vars(error)[_LOST] = self.session
        while self.wires:
            _shut(self.wires.pop())
        return error


# What connecting raises, and what is said before that.
_UNSENT: Final = HandshakeFailed, LimitExceeded, NotRunning, NotSupported
_NOT_NOW: Final = CallTimeout, HandshakeFailed, LimitExceeded

# What calls begin with; the others are made by the way, and must not wait long.
_PATIENT: Final = frozenset({"accept_connection", "create"})


class Asking:
    """Asks a server; any number of threads may use it at once.

    Args:
        gate: Where the server is, and what gives its key.
        timeout: How many seconds connecting may take.
        lower: Returns what stands for an object among arguments.
        rebuilt: Makes what a pickled proxy becomes that stands within a result.
        received: See `Received`.
    """

    def __init__(
        self,
        gate: Gate,
        timeout: float,
        *,
        lower: Lower,
        rebuilt: Callable[..., Any],
        received: Received,
    ) -> None:
        self.gate = gate
        self.closed = False
        self._reached = False  # Whether it ever was; then it may come back.
        self.timeout = patience("timeout", timeout)
        self._lower = lower
        self._rebuilt = rebuilt
        self._received = received
        self.start_afresh()

    @property
    def address(self) -> str:
        """Where the server is, as a URL."""
        return str(self.gate.destination.address)

    def start_afresh(self) -> None:
        """Begin without connections; those of before are left to who has them."""
        self._thread = _Thread()
        self._wires: WeakSet[Wire] = WeakSet()
        self._session = secrets.token_hex(8)

    def close(self) -> None:
        """Close all connections; calls that are under way fail with `ConnectionClosed`."""
        self.closed = True
        for wire in list(self._wires):
            _shut(wire)

    def was_lost_by(self, error: BaseException) -> bool:
        """Return whether this thread lost its connection, and all it had, when this was raised."""
        return bool(vars(error).get(_LOST, "") == self._thread.session)

    # --- Asking

    def ask(self, name: str, /, *args: Any, **kwds: Any) -> Any:
        """Send a request over a connection of its own."""
        self._check()
        wire, result = self._request(name, args, kwds)
        wire.close()
        return result

    def stop(self) -> None:
        """Have the server end, and wait until it has given up its address, or for a while."""
        # It asks nothing; the server ends it when it ends.
        idle = self._reach(time.monotonic() + self.timeout)
        self.ask("shutdown")
        idle.wait_for_end(END_TIMEOUT)
        idle.close()

    def call(
        self, ident: str, label: str, request: tuple[str, Any, Any], declared: object = None
    ) -> Any:
        """Call something over the connection of this thread.

        Args:
            ident: The object's name on the wire.
            label: What to call it in messages.
            request: What to call of it, the arguments, and those by name.
            declared: The type of the result.
        """
        result, error = self.outcome(ident, label, request, declared)
        # No signal handler comes between the end of that and the caller, if nothing is called here.
        if error is None:
            return result
        try:
            raise error
        finally:
            # Or it lives in a circle with its traceback, and keeps the proxies of the caller.
            del error

    def outcome(
        self, ident: str, label: str, request: tuple[str, Any, Any], declared: object = None
    ) -> tuple[Any, BaseException | None]:
        """Call something over the connection of this thread; return the result, or what it raised.

        Whatever strikes between the call and the end of this ends the connection.

        Args:
            ident: See `call`, as for the others.
            label: What to call it.
            request: What to call.
            declared: The type of the result.
        """
        self._check()
        data = self._dumped((ident, *request), label)
        thread = self._thread
        depth = thread.depth
        try:
            thread.depth = depth + 1
            known = depth < len(thread.wires)
            # Into no name: whoever keeps an exception keeps the frames it came by.
            return self._outcome(
                thread.wires[depth] if known else self._connect(depth), data, label, declared
            )
        finally:
            thread.depth = depth

    def lose(self, error: BaseException) -> None:
        """End the connection of this thread, with all that it has, since this is raised."""
        self._thread.lose(error)

    def _outcome(
        self, wire: Wire, data: bytes, label: str, declared: object
    ) -> tuple[Any, BaseException | None]:
        answered = False
        try:
            reply = self._answer(wire, data)
            answered = True
            del wire
            return self._taken_apart(reply, label, declared)
        except BaseException as error:
            # The next call must not take the answer to this one; and what an answer gives to this
            # thread, such as a lock, belongs to nobody if that does not hear of it.
            if not answered or not _is_ordinary(error):
                self.lose(error)
            raise

    def _connect(self, depth: int) -> Wire:
        session = self._thread.session or self._session
        wire, _ = self._request("accept_connection", (caller_name(session),), {})
        # There, since a call of a signal handler may have connected meanwhile.
        self._thread.wires.insert(depth, wire)
        self._wires.add(wire)
        return wire

    def _request(self, name: str, args: Any, kwds: Any) -> tuple[Wire, Any]:
        label = str(args[0]) if name == "create" else name
        data = self._dumped((None, name, args, kwds), label)
        if self._reached and name in _PATIENT:
            wire = patiently(self._reach, self.timeout)
        else:
            wire = self._reach(time.monotonic() + self.timeout)
        try:
            return wire, self._result(self._answer(wire, data), label)
        except BaseException:
            wire.close()
            raise

    def _reach(self, until: float) -> Wire:
        self._check()
        wire = reach(self.gate, until)
        self._reached = True
        return wire

    def _answer(self, wire: Wire, data: bytes) -> bytes:
        # Without its last bytes, the server does nothing with a request.
        executed: Executed = "no"
        try:
            wire.send_bytes(data)
            executed = "unknown"
            return wire.recv_bytes()
        except (OSError, EOFError) as error:
            if raised_by_handler(error):
                raise
            raise self._lost(wire, error, executed) from None

    def _check(self) -> None:
        if self.closed:
            raise ConnectionClosed(f"{self.address} was closed; open the manager again")
        if end_of_block() is not None:
            raise NotSupported(
                "the standard library's wire knows no deadlines: make the call outside of "
                "kinfolk.deadline, or use serializer='typed' at both ends"
            )
        keeper.start()  # anew in a forked child

    def _lost(self, wire: Wire, error: OSError | EOFError, executed: Executed) -> KinfolkError:
        if self.closed:
            return ConnectionClosed(f"{self.address} was closed during the call")
        why = "its network is silent" if fell_silent(wire.sock) else str(error) or "it ended"
        return ConnectionLost(f"the connection to {self.address} is lost: {why}", executed)

    # --- The two halves

    def _dumped(self, request: Any, label: str) -> bytes:
        pickler = Pickler(self._lower)
        try:
            pickler.dump(request)
        except Exception as error:
            if surely_raised_by_handler(error):
                raise
            if isinstance(error, KinfolkError):
                raise type(error)(f"{label}: {error}") from None
            raise ArgumentError(
                f"{label}: an argument cannot be pickled: {type(error).__name__}: {error}"
            ) from None
        return pickler.file.getvalue()

    def _taken_apart(
        self, data: bytes, label: str, declared: object
    ) -> tuple[Any, BaseException | None]:
        """Return the result that a message brings, or the exception."""
        kind, result = self._loaded(data, label)
        if kind == RETURN:
            return result, None
        if kind == PROXY:
            return self._received(declared, *result), None
        if kind == ERROR:
            return None, lift_error(result)
        if kind in {TRACEBACK, UNSERIALIZABLE}:
            return None, _remote_error(str(result))
        raise ResultError(f"{label} was answered by {kind!r}, which is no answer")

    def _result(self, data: bytes, label: str) -> Any:
        """Return the result that a message brings, or raise the exception."""
        result, error = self._taken_apart(data, label, None)
        if error is None:
            return result
        try:
            raise error
        finally:
            del error

    def _loaded(self, data: bytes, label: str) -> Any:
        unpickler = Unpickler(data, {REBUILD: self._rebuilt})
        try:
            kind, result = unpickler.load()
        except Exception as error:
            if isinstance(error, KinfolkError) or surely_raised_by_handler(error):
                raise
            raise ResultError(
                f"{label} returned what cannot be unpickled here: {type(error).__name__}: {error}"
            ) from None
        return kind, result


def was_not_sent(error: BaseException) -> bool:
    """Return whether an error kept a request from being sent, and is no signal handler's."""
    if raised_by_handler(error):
        return False
    return isinstance(error, _UNSENT) or getattr(error, "executed", None) == "no"


def had_no_room(error: BaseException) -> bool:
    """Return whether the server would not take a request for the moment, or was too slow."""
    return isinstance(error, _NOT_NOW) and not isinstance(error, AuthenticationFailed)


def _is_ordinary(error: BaseException) -> bool:
    """Return whether an error says what came of a call, and is not what cut it short."""
    if isinstance(error, RecursionError | MemoryError):
        return False
    # A class of the program's, of which the answer brings an instance, may raise it too.
    return isinstance(error, Exception) and not surely_raised_by_handler(error)


def _remote_error(text: str) -> RemoteError:
    """Return what a server means that sends a traceback, or a line, as a text."""
    last = text.strip().rpartition("\n")[2]
    name, _, message = last.partition(": ")
    return RemoteError(name.rpartition(".")[2], message, text if "\n" in text.strip() else "")


def _shut(wire: Wire) -> None:
    """End a connection that another thread may be reading from."""
    with Passing(OSError):
        wire.sock.shutdown(socket.SHUT_RDWR)
    wire.close()
