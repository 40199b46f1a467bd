"""What the standard wire's names lead to: the objects of a spec, seen from a plain client.

Objects, references and turns are those of `kinfolk.host`. An entry that is there once goes by its
own name, any other object by its number, as a hexadecimal text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from kinfolk.errors import ArgumentError, ObjectGone
from kinfolk.host.hosted import Holdings, Hosted
from kinfolk.host.objects import Objects
from kinfolk.pickles.clients import Client
from kinfolk.pickles.names import ident_of, number_of, plain_names
from kinfolk.pickles.stdlib import Naming, token_of
from kinfolk.pickles.values import Reduced, reduced_proxy
from kinfolk.wire.messages import ROOT
from kinfolk.wire.narrowing import origin_of
from kinfolk.wire.table import ManagerType

__all__ = ["Things"]


class Things:
    """The objects of a host, for all its clients.

    Args:
        offer: What the manager offers.
        objects: The host's.
        address: Where they are, as `multiprocessing.managers` writes it.
        lent: For how many seconds an object is kept that a message only mentions.
    """

    def __init__(self, offer: ManagerType, objects: Objects, address: Any, lent: float) -> None:
        self._offer = offer
        self._objects = objects
        self._address = address
        self._lent = lent

    def is_entry(self, typeid: object) -> bool:
        """Return whether the spec has an entry of this name."""
        return typeid in self._offer.singletons or typeid in self._offer.root.names

    def find(self, ident: str, client: Client) -> Hosted:
        """Return the object of a name on the wire.

        Raises:
            ObjectGone: There is none, or the client does not refer to it.
        """
        return self._objects.find(self._target(ident), client.holdings)

    def entry(self, typeid: str, client: Client, args: Any, kwds: Any) -> tuple[str, Hosted]:
        """Return the object of an entry, which a factory makes first; and its name on the wire.

        Raises:
            ArgumentError: Arguments for what is made already.
            Exception: What making it raised.
        """
        if typeid in self._offer.singletons:
            if args or kwds:
                raise ArgumentError(f"{self._offer.name}.{typeid} takes no arguments")
            return typeid, self._objects.find(typeid, client.holdings)
        operation = self._objects.find(ROOT, client.holdings).operations[typeid]
        ident = self._refer(operation.run(None, list(args), dict(kwds)), client.holdings)
        return ident, self.find(ident, client)

    def claim(self, ident: str, client: Client) -> None:
        """Count a reference of a client's.

        Raises:
            ObjectGone: There is no such object, or no longer.
            LimitExceeded: The client refers to too many.
        """
        target = self._target(ident)
        if isinstance(target, str):
            self._objects.find(target, client.holdings)
        else:
            self._objects.claim(target, client.holdings)

    def release(self, ident: str, client: Client) -> None:
        """Count a reference less; no effect where there is none."""
        target = self._target(ident)
        if isinstance(target, int):
            self._objects.release(target, client.holdings)

    def release_all(self, client: Client) -> None:
        """Take all references from a client."""
        self._objects.release_all(client.holdings)

    # --- Objects in messages

    def is_shared(self, value: object) -> bool:
        """Return whether a value is an object that stays at the server."""
        return self._objects.proxy_class(type(value)) is not None

    def mention(self, value: object, client: Client) -> tuple[tuple[str, ...], Naming]:
        """Count a reference of a client's; return what it can call of the object, and its name.

        Raises:
            LimitExceeded: The client refers to too many objects.
        """
        ident = self._refer(value, client.holdings)
        hosted = self.find(ident, client)
        typeid = ident if isinstance(hosted.target, str) else self._kind(value)
        return plain_names(hosted.operations.names), token_of(typeid, self._address, ident)

    def lower(self, value: object, client: Client) -> Reduced | None:
        """Return what stands for an object within a message, None for what is a value.

        The standard library's proxies count for themselves once they are there, so until then the
        object is lent.
        """
        if not self.is_shared(value):
            return None
        exposed, token = self.mention(value, client)
        number = self._target(token.id)
        if isinstance(number, int):
            self._objects.lend([number], client.holdings, self._lent)
            self._objects.release(number, client.holdings)
        return reduced_proxy(token, exposed)

    # --- Inside

    def _kind(self, value: object) -> str:
        """Return the entry that makes such objects, which plain clients know; else their class."""
        proxy_class: Any = self._objects.proxy_class(type(value))
        name: str = proxy_class._shared.name
        return self._makers.get(proxy_class, name)

    @cached_property
    def _makers(self) -> Mapping[object, str]:
        root = self._offer.root
        return {origin_of(root[name].returns): name for name in sorted(root.names)}

    def _refer(self, value: object, holdings: Holdings) -> str:
        declared = self._objects.proxy_class(type(value))
        if declared is None:
            raise TypeError(f"{type(value).__name__} is no shared class of {self._offer.spec}")
        return ident_of(self._objects.refer(value, declared, holdings).target)

    def _target(self, ident: str) -> str | int:
        if ident in self._offer.singletons:
            return ident
        number = number_of(ident)
        if number is None:
            raise ObjectGone(f"{self._offer.name} has no entry {str(ident)[:100]!r}")
        return number
