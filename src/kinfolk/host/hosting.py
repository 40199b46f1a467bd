"""The host: makes what a manager offers, and gives the sessions of calling processes.

It knows no sockets and starts no threads of its own; whoever carries requests calls it, from as
many threads as there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from kinfolk.declare import Factory, Singleton
from kinfolk.errors import ArgumentError, ConnectionClosed, LimitExceeded
from kinfolk.host.hosted import Hosted
from kinfolk.host.objects import Objects
from kinfolk.host.sessions import Session
from kinfolk.limits import Limits
from kinfolk.wire.by_hand import Registry
from kinfolk.wire.table import ManagerType

__all__ = ["Host"]


class Host:
    """All objects of one manager.

    Args:
        offer: What the generated module says of the manager.
        entries: What its spec says, by name; the singletons are made at once, in this order.
        limits: What there is room for.
        begin: Called with the name of each singleton before it is made, which may take long.
        by_hand: What was registered by hand beside the entries.

    Raises:
        ArgumentError: A singleton takes an entry that the manager does not offer before it.
        TypeError: A singleton is not of the class that the generated module knows.
    """

    def __init__(
        self,
        offer: ManagerType,
        entries: Mapping[str, Singleton | Factory],
        limits: Limits = Limits(),  # noqa: B008 - frozen
        begin: Callable[[str], object] | None = None,
        by_hand: Registry | None = None,
    ) -> None:
        self.offer = offer
        self._limits = limits
        factories = {name: e.shared for name, e in entries.items() if isinstance(e, Factory)}
        self._objects = Objects(offer, factories, by_hand or {})
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}
        self._closed = False
        made: dict[int, object] = {}
        for name, entry in entries.items():
            if isinstance(entry, Singleton):
                if begin is not None:
                    begin(name)
                self._make(name, entry, made)

    @property
    def objects(self) -> Objects:
        """All that can be called, for those who carry out calls in their own way."""
        return self._objects

    def session(self, peer: str) -> Session:
        """Return a new session of a calling process.

        Args:
            peer: The process's name for people.

        Raises:
            ConnectionClosed: The host was closed.
            LimitExceeded: There are too many sessions.
        """
        session = Session(peer, self._objects, self.offer.codecs, self._limits, self._ended)
        with self._lock:
            if self._closed:
                raise ConnectionClosed("The host was closed")
            count, limit = len(self._sessions), self._limits.sessions
            if count >= limit:
                raise LimitExceeded(f"this user has {count} sessions at the server (limit {limit})")
            self._sessions[session.token] = session
        return session

    def find(self, token: bytes) -> Session | None:
        """Return the session that has a token, if it still lives."""
        with self._lock:
            return self._sessions.get(token)

    @property
    def sessions(self) -> list[Session]:
        """The sessions that live."""
        with self._lock:
            return list(self._sessions.values())

    @property
    def hosted(self) -> list[Hosted]:
        """All objects that clients can call now, singletons first."""
        return self._objects.hosted

    def close(self) -> None:
        """End all sessions and let all objects go; closing twice has no effect."""
        with self._lock:
            self._closed = True
            sessions = list(self._sessions.values())
        for session in sessions:
            session.end()
        self._objects.clear()

    def _ended(self, session: Session) -> None:
        with self._lock:
            self._sessions.pop(session.token, None)

    # --- Singletons

    def _make(self, name: str, entry: Singleton, made: dict[int, object]) -> None:
        if id(entry) not in made:
            label = f"{self.offer.name}.{name}"
            try:
                args = [_filled(arg, made, label) for arg in entry.args]
                kwargs = {key: _filled(arg, made, label) for key, arg in entry.kwargs.items()}
                made[id(entry)] = entry.shared(*args, **kwargs)
            except BaseException as error:
                error.add_note(f"while the host made the singleton {label}")
                raise
        self._objects.add_singleton(name, made[id(entry)])


def _filled(value: object, made: Mapping[int, object], label: str) -> Any:
    """Return an argument with objects and classes in place of the entries that stand for them."""
    if isinstance(value, Singleton):
        if id(value) not in made:
            raise ArgumentError(f"{label} takes an entry that its manager does not offer before it")
        return made[id(value)]
    if isinstance(value, Factory):
        return value.shared
    contents: Any = value
    if type(value) is list:
        return [_filled(item, made, label) for item in contents]
    if type(value) is tuple:
        return tuple(_filled(item, made, label) for item in contents)
    if type(value) is dict:
        return {key: _filled(item, made, label) for key, item in contents.items()}
    return value
