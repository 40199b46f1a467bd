"""The connections of one session: as many as there are calls at once.

A call takes a lease of an idle connection, or of a new one, and nobody else uses that connection
until the lease is back; so threads never wait for each other's calls. All connections present the
same session, which lives at the server as long as one of them does.

When one connection is lost, perhaps the server is gone, and the session with it, and perhaps only
that one. So all others that were known before are doubtful, also those in use at that moment, until
the next that is opened tells. A session that has ended is told of once: to the caller whose
connection was lost; or, where that was nobody who calls, to the next who does.

A signal handler may raise between any two lines, also between taking a lease and the line that
would give it back. So a lease that is lost gives itself back, as Python lets go of it.
"""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from kinfolk.client.connection import Connection
from kinfolk.client.patience import patiently
from kinfolk.client.reaching import Destination
from kinfolk.deadlines import end_of_block, end_of_wait
from kinfolk.errors import (
    CallTimeout,
    ConnectionClosed,
    ConnectionLost,
    KinfolkError,
    LimitExceeded,
    ProtocolError,
)
from kinfolk.keeper import keeper
from kinfolk.signals import Passing, raised_by_handler
from kinfolk.wire.messages import NO_CALL

if TYPE_CHECKING:
    from kinfolk.wire.versions import Differences

__all__ = ["Lease", "Pool", "User"]

# More stay open only while more calls are under way.
_MOST_IDLE: Final = 16
_REMEMBERED: Final = 1_000
_REPLACEMENT_TIMEOUT: Final = 1.0


class Lease:
    """The right to use a connection."""

    __slots__ = ("_pool", "connection")

    def __init__(self, connection: Connection, pool: Callable[[], Pool | None]) -> None:
        self.connection = connection
        self._pool = pool

    def __del__(self) -> None:
        # What happens to all leases in the end; but while there is a pool it holds those that are
        # not in use, and this one was. One that a signal handler kept from being made has none.
        pool = self._pool() if hasattr(self, "_pool") else None
        if pool is not None:
            pool.found(self.connection)


class User(Protocol):
    """Who uses the connections, and is asked about each new one."""

    def meet(self, connection: Connection, until: float) -> Differences | None:
        """Find out, until a time, what differs at the other end; nobody else uses it yet."""
        ...

    def met(self, differences: Differences | None, *, anew: bool) -> None:
        """Note that a connection is in use from now on, `anew` in a session without references."""
        ...


class Pool:
    """Opens connections as they are needed; any number of threads may use it at once.

    Args:
        destination: Where they lead to.
        user: Who makes the calls.
    """

    def __init__(self, destination: Destination, user: User) -> None:
        self._destination = destination
        self._user = user
        self._closed = False
        self.start_afresh()

    def start_afresh(self) -> None:
        """Begin without a session and without connections, as a forked child has to."""
        self._session = b""
        self._lock = threading.RLock()
        self._connections: set[Connection] = set()
        self._idle: deque[Lease] = deque()
        self._doubtful: deque[Lease] = deque()
        # How many were lost; one that was known to be well at another count is doubtful.
        self._losses = 0
        # In the middle of an exchange that nobody will go on with, by the number of the call.
        self._broken: dict[int, Connection] = {}
        # The same, of calls that need not be taken back, or were.
        self._spent: set[Connection] = set()
        self._mended: deque[int] = deque(maxlen=_REMEMBERED)
        # The session with whose connection a call was lost whose error bears witness to that.
        self._lost: weakref.WeakKeyDictionary[BaseException, bytes] = weakref.WeakKeyDictionary()
        # The session of whose loss a caller knows; and one that was replaced before any did.
        self._told = b""
        self._untold = b""

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def linked(self) -> bool:
        """Whether there is any connection."""
        return bool(self._connections)

    # --- Leases

    def take(self, *, heard: bool = True) -> Lease:
        """Return a connection that nobody uses.

        If the server cannot be reached, it is tried again and again, for as long as connecting may
        take or the deadline of the block allows.

        Args:
            heard: Whether a caller hears of what this raises; only then is a loss told.

        Raises:
            ConnectionLost: The session has ended, and nobody was told yet.
            ConnectionClosed: The pool was closed.
            CallTimeout: The deadline of the block has passed.
            KinfolkError: What `open` raises.
        """
        while True:
            try:
                lease = self._idle.pop()
            except IndexError:
                return self._reach(heard=heard)
            if lease.connection.well_at == self._losses:
                return lease
            self._doubtful.append(lease)

    def tell(self, frames: bytes) -> None:
        """Send what has no reply, unless the session has ended."""
        if not self._connections:
            return
        lease = self.take(heard=False)
        try:
            lease.connection.tell(frames, end_of_block())
        except BaseException as error:
            self.give_up(lease, error, heard=False)
            raise
        self.give_back(lease)

    def give_back(self, lease: Lease) -> None:
        """Let others use a connection again."""
        if lease.connection.session == self._session and len(self._idle) < _MOST_IDLE:
            self._idle.append(lease)
        else:
            self._forget(lease.connection)
        if self._closed:
            self._close_idle()

    def give_up(self, lease: Lease, error: BaseException, *, heard: bool = True) -> None:
        """Take back a connection from a call that failed; see `mend`.

        Args:
            lease: The connection.
            error: Why it failed.
            heard: Whether a caller hears of that; see also `overlooked`.
        """
        connection = lease.connection
        if connection.intact:
            self.give_back(lease)
        elif raised_by_handler(error):
            self._break(connection, at_stake=True)
        elif isinstance(error, ConnectionLost):
            with self._lock:
                self._losses += 1
                self._lost[error] = connection.session
                if heard:
                    self._tell(connection.session)
            self._forget(connection)
        elif isinstance(error, ProtocolError | LimitExceeded):
            self._replace(connection)
        else:
            sent = not isinstance(error, CallTimeout) or error.executed != "no"
            self._break(connection, at_stake=sent)

    def mend(self, call: int) -> None:
        """Close the connection that was left in the middle of a call, now that it may end."""
        self._mended.append(call)
        connection = self._broken.pop(call, None)
        if connection is not None:
            self._break(connection, at_stake=False)

    def found(self, connection: Connection) -> None:
        """Take back a connection whose lease was lost. Called from `__del__`: does no I/O."""
        # Those of before a fork are not among them.
        if connection not in self._connections or connection in self._spent:
            return
        if connection.intact:
            self._idle.append(Lease(connection, weakref.ref(self)))
        else:
            self._break(connection, at_stake=True)

    def _break(self, connection: Connection, *, at_stake: bool) -> None:
        """Note that nobody will go on with an exchange.

        A connection of which nothing has to be taken back is closed as soon as there is another:
        the session, and with it the locks that this process holds, lives on.
        """
        call = connection.call
        if at_stake and call != NO_CALL and call not in self._mended:
            self._broken.setdefault(call, connection)
        else:
            self._spent.add(connection)
            self._close_spent()

    def _replace(self, connection: Connection) -> None:
        """Close a connection whose other end sent what cannot be read, but not the session."""
        if len(self._connections) == 1 and not self._closed:
            until = time.monotonic() + min(self._destination.timeout, _REPLACEMENT_TIMEOUT)
            with Passing(KinfolkError, OSError):
                self.give_back(self.open(until))
        self._forget(connection)

    def _close_spent(self) -> None:
        while self._spent and len(self._connections) > len(self._broken) + len(self._spent):
            with contextlib.suppress(KeyError):  # another thread was faster
                self._forget(self._spent.pop())

    def close(self) -> None:
        """Close all connections, which ends the session; closing twice has no effect."""
        with self._lock:
            self._closed = True
            connections = list(self._connections)
        for connection in connections:
            connection.interrupt()
        self._close_idle()
        self._close_broken()

    def _tell(self, session: bytes) -> None:
        """Note, with the lock held, that no other caller has to hear of a session's end."""
        if session == self._session:
            self._told = session
        if session == self._untold:
            self._untold = b""

    def overlooked(self, error: BaseException) -> None:
        """Note that nobody hears of this after all; the next call says so, if the session ended."""
        session = self._session_lost_by(error)
        with self._lock:
            if session == self._told == self._session:
                self._told = b""
            elif session is not None and session != self._session:
                self._untold = session

    def was_lost_by(self, error: BaseException) -> bool:
        """Return whether an error told of the end of the session that there was then."""
        session = self._session_lost_by(error)
        return session is not None and (session != self._session or not self._connections)

    def _session_lost_by(self, error: BaseException) -> bytes | None:
        # Others may be of classes to whose instances there are no weak references.
        return self._lost.get(error) if isinstance(error, ConnectionLost) else None

    def wait_for_end(self, until: float) -> None:
        """Wait, until a time, for the server to close an idle connection, if there is any."""
        with contextlib.suppress(IndexError):
            self._idle.pop().connection.wait_for_end(until)

    def check(self) -> None:
        """See that there is a connection, or that the server cannot be reached."""
        self._drop_dead()
        self.give_back(self.take(heard=False))

    # --- Opening

    def open(self, until: float) -> Lease:
        """Open a connection.

        Args:
            until: When to give up, by `time.monotonic`.

        Raises:
            ConnectionClosed: The pool was closed.
            KinfolkError: What `Connection` raises.
        """
        while True:
            self._check_open()
            presented, losses = self._session, self._losses
            connection = Connection(self._destination, presented, until)
            differences = self._user.meet(connection, until)
            with self._lock:
                # The server gives a new session where it does not know the old one. Of several
                # threads that get one at the same time, all take that of the first. And the old one
                # may have ended since its server said welcome.
                anew = connection.session != self._session
                well = self._session == presented if anew else self._losses == losses
                if well and not self._closed:
                    return self._opened(connection, differences, anew=anew)
            connection.close()

    def _opened(
        self, connection: Connection, differences: Differences | None, *, anew: bool
    ) -> Lease:
        """Note that a connection is in use, by who holds the lock."""
        if not anew:
            self._told = b""  # It has not ended with what was lost.
        elif self._session:
            if self._session != self._told:
                self._untold = self._session
            self._losses += 1
            self._close_broken()
            self._close_idle()
        self._user.met(differences, anew=anew and self._session != b"")
        self._session = connection.session
        lease = Lease(connection, weakref.ref(self))
        self._connections.add(connection)
        # Where a loss is still to be told, none is handed out without asking.
        if not self._untold:
            connection.well_at = self._losses
            self._trust_again()
        self._close_spent()
        keeper.start()
        return lease

    def _trust_again(self) -> None:
        """Let the doubtful connections be used, now that their session is known to live."""
        while self._doubtful:
            lease = self._doubtful.pop()
            if lease.connection.session == self._session:
                lease.connection.well_at = self._losses
                self._idle.append(lease)
            else:
                self._forget(lease.connection)

    def first(self) -> None:
        """Open the first connection, without trying again."""
        self.give_back(self.open(end_of_wait(self._destination.timeout)))

    def _reach(self, *, heard: bool) -> Lease:
        self._check_open()
        if heard:
            self._check_told()
        lease = patiently(self.open, self._destination.timeout)
        if heard and self._untold:
            self.give_back(lease)
            self._check_told()
        return lease

    def _check_told(self) -> None:
        """Tell of a session that has ended, if nobody did."""
        where = self._destination.address
        error = ConnectionLost(f"the connection to {where} was lost before the call", "no")
        with self._lock:
            session = self._untold
            if not session and not self._connections and self._session != self._told:
                session = self._session
            if session:
                self._lost[error] = session
                self._tell(session)
                raise error

    def _check_open(self) -> None:
        if self._closed:
            where = self._destination.address
            raise ConnectionClosed(f"{where} was closed; open the manager again")

    # --- Inside

    def _drop_dead(self) -> None:
        """Forget the idle connections that ended too, so that each does not fail a call."""
        with contextlib.suppress(IndexError):  # others take them meanwhile
            for _ in range(len(self._idle)):
                lease = self._idle.pop()
                if lease.connection.alive:
                    self._idle.appendleft(lease)
                else:
                    self._forget(lease.connection)

    def _close_idle(self) -> None:
        for leases in (self._idle, self._doubtful):
            with contextlib.suppress(IndexError):
                while True:
                    lease = leases.pop()  # which must not be lost before the connection is closed
                    self._forget(lease.connection)

    def _close_broken(self) -> None:
        # Nothing is left to be taken back from a session that has ended.
        for call in list(self._broken):
            connection = self._broken.pop(call, None)
            if connection is not None:
                self._forget(connection)
        while self._spent:
            self._forget(self._spent.pop())

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
        connection.close()
