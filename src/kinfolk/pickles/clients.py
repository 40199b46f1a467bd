"""Who calls: processes, and their connections, as the standard wire shows them.

That wire counts references over connections that are gone a moment later. Over a Unix socket the
kernel tells whose they are, so they belong to the process, and end with it. Over TCP nobody can
tell: there they end only when they are given back. What a call acquires, such as a lock, belongs to
the connection that it came over, which is that of one thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Hashable

from kinfolk.errors import LimitExceeded
from kinfolk.host.hosted import Holdings
from kinfolk.host.owners import Lifetime, Process
from kinfolk.host.waiters import Pending
from kinfolk.pickles.names import pid_in, session_in
from kinfolk.pickles.wire import Wire
from kinfolk.server.deaths import Deaths
from kinfolk.sockets import peer_name

__all__ = ["Client", "Clients", "Visit"]

_logger = logging.getLogger("kinfolk.server")


class Client(Lifetime):
    """A process that calls; over TCP, all of them together.

    `counts` are its references to what was registered by hand, and `holdings` those to the rest.
    """

    def __init__(self, pid: int, limit: int, ended: Callable[[Client], object]) -> None:
        super().__init__()
        self.pid = pid
        self.holdings = Holdings(limit)
        self.counts: dict[str, int] = {}
        self.visits: set[Visit] = set()
        self._counting = threading.Lock()
        self.at_end(self, lambda: ended(self))

    def count(self, ident: str, more: int) -> None:
        """Count references more, or less, to something that was registered by hand."""
        with self._counting:
            count = self.counts.pop(ident, 0) + more
            if count > 0:
                self.counts[ident] = count

    def end(self) -> bool:
        """Do what is to be done, and say what that was; see `Lifetime.end`."""
        freed = len(self.holdings.counts) + len(self.counts)
        first = super().end()
        if first and freed:
            who = f"process {self.pid}" if self.pid else "the clients"
            _logger.info("%s ended; freed: objects: %d", who, freed)
        return first

    def lost(self) -> None:
        """Note that the process is gone; see `Mourner`."""
        for visit in tuple(self.visits):
            visit.lost()
        _in_a_thread(self.end)


class Visit(Lifetime):
    """One connection. It ends with its socket, or sooner, with the process that opened it.

    `calling` says whether it is a thread's for its calls, and `calls` how many of them came.
    """

    def __init__(self, sock: socket.socket, address: object) -> None:
        super().__init__()
        self.wire = Wire(sock)
        self.who = peer_name(sock, address)
        self.client: Client | None = None
        self.process = Process(0)
        self.calling = False
        self.calls = 0
        self.dismissed: LimitExceeded | None = None
        self._family: object = None
        self._waits_no_more = False

    @property
    def caller(self) -> Client:
        """The process, once it is known."""
        assert self.client is not None
        return self.client

    def introduce(self, name: str) -> None:
        """Take what the client calls itself, whose kin are its other threads.

        Args:
            name: See `caller_name`; of a plain client it only says what Python calls the thread.
        """
        session = session_in(name)
        if session or self.caller.pid:
            self._family = self.caller, session
        if not self.caller.pid:
            self.process = Process(pid_in(name))

    def is_of_process_of(self, other: Lifetime) -> bool:
        """Return whether another connection is of the same process, and the same manager there."""
        if self is other or self._family is None or not isinstance(other, Visit):
            return self is other
        return self._family == other._family

    def end(self) -> bool:
        """Do what is to be done, and say what that was; see `Lifetime.end`."""
        freed = self.held - self.calling  # of which one thing is nothing that it has
        first = super().end()
        if first and freed > 0:
            _logger.info("%s left; freed: locks and the like: %d", self.who, freed)
        return first

    def lost(self) -> None:
        """End at once: the peer is gone, or has to go; see `Mourner`."""
        with contextlib.suppress(OSError):
            self.wire.sock.shutdown(socket.SHUT_RDWR)
        # Its own thread may be busy for long, and ending may run code of the user's.
        _in_a_thread(self.end)

    def at_end(self, key: Hashable, action: Callable[[], object]) -> bool:
        """Have something done at the end; see `Lifetime.at_end`; of calls that wait, too."""
        there = super().at_end(key, action)
        if there and self._waits_no_more and _is_call(key):
            self.forget(key)
            return False
        return there

    def wait_no_more(self) -> None:
        """Withdraw the call that waits, and let none wait any more, since the server ends."""
        # Before it looks for those that wait, as `at_end` looks at it after it has added one.
        self._waits_no_more = True
        with self._lock:
            abandoned = [self._at_end.pop(key) for key in filter(_is_call, tuple(self._at_end))]
        for abandon in abandoned:
            abandon()

    def finish(self) -> None:
        """Begin no more calls; the one under way is answered."""
        with contextlib.suppress(OSError):
            self.wire.sock.shutdown(socket.SHUT_RD)

    def dismiss(self, error: LimitExceeded) -> None:
        """End the handshake; see `Newcomer.dismiss`."""
        self.dismissed = error
        self.finish()


def _is_call(key: Hashable) -> bool:
    """Return whether this is a call that waits, and is to be done with at the end."""
    return isinstance(key, Pending)


def _in_a_thread(action: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # the system has no more threads
        threading.Thread(target=action, name="kinfolk-lost", daemon=True).start()


class Clients:
    """All processes that call; any thread may use it.

    Args:
        deaths: What notices their ends.
        limit: To how many objects one may refer.
        let_go: Takes a client's references from it, when it has ended.
    """

    def __init__(self, deaths: Deaths, limit: int, let_go: Callable[[Client], object]) -> None:
        self._deaths = deaths
        self._limit = limit
        self._let_go = let_go
        self._lock = threading.Lock()
        self._known: dict[int, Client] = {}

    def attach(self, visit: Visit, pid: int) -> None:
        """Add a connection of a process; 0 is one that cannot be seen."""
        with self._lock:
            found = self._known.get(pid)
            client = found or Client(pid, self._limit, self._ended)
            self._known[pid] = client
            client.visits.add(visit)
        visit.client = client
        if found is None and pid:
            self._deaths.watch_process(client, pid)

    def detach(self, visit: Visit) -> None:
        """Note that a connection has ended."""
        client = visit.client
        if client is None:
            return
        client.visits.discard(visit)
        # Where the system does not tell of deaths, this is when one is noticed.
        if client.pid and not client.visits and not _lives(client.pid):
            client.end()

    def all(self) -> list[Client]:
        """Return those that are known now."""
        with self._lock:
            return list(self._known.values())

    def number_of_objects(self) -> int:
        """Return to how many objects of the spec they refer."""
        return len({number for each in self.all() for number in each.holdings.counts})

    def close(self) -> None:
        """End all of them."""
        for client in self.all():
            client.end()

    def _ended(self, client: Client) -> None:
        with self._lock:
            if self._known.get(client.pid) is client:
                del self._known[client.pid]
        self._let_go(client)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
