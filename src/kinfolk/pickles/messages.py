"""What a server says: results, proxies and exceptions as messages; and what it is told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from kinfolk.errors import ArgumentError, KinfolkError, ObjectGone
from kinfolk.host.refusals import failure_of
from kinfolk.pickles.by_hand import ByHand
from kinfolk.pickles.clients import Client
from kinfolk.pickles.names import ITERATOR, ITERATOR_METHODS
from kinfolk.pickles.stdlib import Naming, token_of
from kinfolk.pickles.streams import Stream
from kinfolk.pickles.things import Things
from kinfolk.pickles.values import REBUILD, Lower, Reduced, dumps, loads, lower_error
from kinfolk.pickles.wire import ERROR, PROXY, RETURN, TRACEBACK, UNSERIALIZABLE
from kinfolk.wire.table import ManagerType

__all__ = ["Messages"]


class Messages:
    """Makes the messages for one client, and reads its own.

    Args:
        offer: What the manager offers.
        things: The objects of its spec.
        by_hand: Those that were registered by hand.
        client: The client.
    """

    def __init__(self, offer: ManagerType, things: Things, by_hand: ByHand, client: Client) -> None:
        self._offer = offer
        self._things = things
        self._by_hand = by_hand
        self._client = client

    # --- To the client

    def result(self, result: Any) -> bytes:
        """Return the message of a result: a proxy for what stays here, else a copy."""
        if isinstance(result, Stream):
            ident = self._by_hand.keep_stream(result, ITERATOR_METHODS, self._client)
            return self.proxy(ITERATOR_METHODS, ITERATOR, ident)
        if self._things.is_shared(result):
            return _dumped(PROXY, self._things.mention(result, self._client))
        return _returned(result, self._lower)

    def copy(self, result: Any) -> bytes:
        """Return the message with an object itself; those that it refers to stay."""

        def lower_others(obj: object) -> Reduced | None:
            return None if obj is result else self._lower(obj)

        return _returned(result, lower_others)

    def answer(self, result: Any) -> bytes:
        """Return the message that answers a request, as it is."""
        return dumps((RETURN, result), self._lower)

    def proxy(self, exposed: tuple[str, ...], typeid: str, ident: str) -> bytes:
        """Return the message of something that was not declared."""
        return _dumped(PROXY, (exposed, token_of(typeid, self._by_hand.address, ident)))

    def error(self, error: BaseException) -> bytes:
        """Return the message that tells of an exception, as itself if it can be pickled.

        What would end a thread or a program is told of as a text, and ends nothing at the client.
        """
        trace = failure_of(error, self._offer.codecs).traceback
        if not isinstance(error, Exception):
            return _told(error, trace)

        def lower(obj: object) -> Reduced | None:
            return lower_error(error, trace) if obj is error else None

        try:
            data = dumps((ERROR, error), lower)
            loads(data, {})
        except Exception:
            return _told(error, trace)
        return data

    def _lower(self, value: object) -> Reduced | None:
        return self._things.lower(value, self._client)

    # --- From the client

    def loaded(self, data: bytes) -> Any:
        """Return what a client's message says.

        Raises:
            ArgumentError: It cannot be unpickled, or mentions another server's objects.
        """
        try:
            return loads(data, {REBUILD: self._rebuilt})
        except KinfolkError:
            raise
        except Exception as error:
            raise ArgumentError(
                f"the server cannot unpickle the arguments: {type(error).__name__}: {error}"
            ) from None

    def _rebuilt(self, func: Any, token: Naming, serializer: str, kwds: Any) -> Any:
        """Return what a proxy stands for that came in a message."""
        by_hand = self._by_hand
        if token.id in by_hand.id_to_obj:
            # As there: what was registered by hand stays a proxy where it is kept.
            return by_hand.proxy(func, token, serializer, kwds)
        # A number is like no other, but a name may be that of another server's entry.
        if token.id not in self._offer.singletons or self._leads_here(token.address):
            with suppress(ObjectGone):
                return self._things.find(token.id, self._client).obj
        raise ArgumentError(
            f"an argument is a proxy of {token.typeid!r} at {token.address}, and not of an object "
            f"at {by_hand.address}"
        )

    def _leads_here(self, address: Any) -> bool:
        here: Any = self._by_hand.address
        if isinstance(address, tuple) and isinstance(here, tuple):
            return bool(cast("Any", address)[1:] == here[1:])  # a host has several names
        return bool(address == here)


def _returned(result: Any, lower: Lower) -> bytes:
    try:
        return dumps((RETURN, result), lower)
    except Exception as error:
        return _dumped(UNSERIALIZABLE, f"{type(error).__name__}: {error}")


def _told(error: BaseException, trace: str) -> bytes:
    return _dumped(TRACEBACK, trace or f"{type(error).__qualname__}: {error}\n")


def _dumped(kind: str, answer: object) -> bytes:
    return dumps((kind, answer), _as_it_is)


def _as_it_is(_: object) -> None:
    """Lower nothing."""
