"""What a server keeps that no spec declares: objects registered by hand, and streams."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from multiprocessing import managers
from typing import Any

from kinfolk.errors import ArgumentError, ObjectGone
from kinfolk.host.by_hand import exposed_by
from kinfolk.pickles.clients import Client
from kinfolk.pickles.names import ident_of
from kinfolk.pickles.stdlib import (
    AuthenticationString,
    Naming,
    token_of,
)
from kinfolk.pickles.streams import Stream
from kinfolk.wire.by_hand import Registry

__all__ = ["ByHand"]


class ByHand(managers.Server):
    """The standard library's server, of which only the keeping and counting of objects is used.

    Args:
        registry: What was registered.
        address: Where its clients find it, as `multiprocessing.managers` writes it.
        key: Its key.
    """

    address: Any

    def __init__(self, registry: Registry, address: Any, key: bytes) -> None:
        # Not theirs, which listens.
        self.registry: Any = dict(registry)
        self.address = address
        self.authkey = AuthenticationString(key)
        self.id_to_obj: dict[str, Any] = {"0": (None, (), None)}
        self.id_to_refcount: dict[str, int] = {}
        self.id_to_local_proxy_obj: dict[str, Any] = {}
        self.mutex = threading.Lock()
        # So that a proxy of another server's object is not taken for one of an object here.
        self._salt = secrets.randbits(32) << 64

    def has(self, ident: str) -> bool:
        """Return whether this is the name of something here."""
        return ident in self.id_to_obj or ident in self.id_to_local_proxy_obj

    def find(self, ident: str) -> tuple[Any, Collection[str], Mapping[str, str]]:
        """Return what has a name, its methods that can be called, and what some of these return."""
        obj, exposed, typeids = self.id_to_obj.get(ident) or self.id_to_local_proxy_obj[ident]
        return obj, exposed, typeids or {}

    # --- Keeping

    def made(self, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        """Return a new object of what was registered; or the one given, if nothing makes it.

        Raises:
            ObjectGone: Nothing was registered by this name.
            ArgumentError: Nothing makes it, and what was given is not one object.
            Exception: What making it raised.
        """
        if typeid not in self.registry:
            raise ObjectGone(f"the server has no entry {str(typeid)[:100]!r}")
        make = self.registry[typeid][0]
        if make is not None:
            return make(*args, **kwds)
        if kwds or len(args) != 1:
            raise ArgumentError(
                f"the server's entry {typeid!r} has no callable, and makes nothing: register it "
                "with one there, or give the object itself as the only argument"
            )
        return args[0]

    def keep(self, typeid: str, obj: Any, client: Client) -> tuple[str, tuple[str, ...]]:
        """Keep an object for a client; return its name, and what can be called of it."""
        names = exposed_by(self.registry, typeid, obj)
        return self._keep(obj, names, self.registry[typeid][2], client), names

    def keep_stream(self, stream: Stream, names: tuple[str, ...], client: Client) -> str:
        """Keep a stream for a client; return its name."""
        return self._keep(stream, names, None, client)

    def _keep(self, obj: Any, names: tuple[str, ...], typeids: Any, client: Client) -> str:
        ident = ident_of(self._salt | id(obj))
        with self.mutex:
            self.id_to_obj[ident] = obj, set(names), typeids
            self.id_to_refcount.setdefault(ident, 0)
        self.claim(ident, client)
        return ident

    def proxy(self, make: Any, token: Naming, serializer: str, kwds: Mapping[str, Any]) -> Any:
        """Return a proxy of something here for use in this very process; it counts for nothing.

        Args:
            make: Makes it.
            token: The thing's name.
            serializer: The wire's.
            kwds: What else `make` takes.
        """
        self.id_to_local_proxy_obj.setdefault(token.id, self.id_to_obj[token.id])
        own = token_of(token.typeid, self.address, token.id)
        # Counting would keep things for ever that refer to each other.
        return make(own, serializer, **{**kwds, "authkey": self.authkey, "manager_owned": True})

    # --- Counting

    def claim(self, ident: str, client: Client) -> None:
        """Count a reference of a client's."""
        self.incref(None, ident)  # type: ignore[arg-type]  # it does not look at the connection
        client.count(ident, 1)

    def release(self, ident: str, client: Client) -> None:
        """Count a reference less, and let the object go with the last."""
        self._release(ident)
        client.count(ident, -1)

    def release_all(self, client: Client) -> None:
        """Take all references from a client."""
        for ident, count in list(client.counts.items()):
            for _ in range(count):
                with suppress(KeyError, AssertionError):
                    self._release(ident)

    def _release(self, ident: str) -> None:
        obj = self.id_to_obj.get(ident, (None,))[0]
        self.decref(None, ident)  # type: ignore[arg-type]  # as above
        if isinstance(obj, Stream) and ident not in self.id_to_obj:
            obj.close()
