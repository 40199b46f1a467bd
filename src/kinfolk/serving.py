"""Making the server of a manager, by whichever serializer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kinfolk.addresses import Address
from kinfolk.errors import NotSupported
from kinfolk.host.entries import entries_of
from kinfolk.limits import Limits
from kinfolk.server.process import Serving
from kinfolk.server.server import Server
from kinfolk.wire.table import type_of

if TYPE_CHECKING:
    from kinfolk.wire.by_hand import Registry

__all__ = ["make_server"]


def make_server(
    manager: Any,
    address: Address,
    key: bytes | None,
    by_hand: Registry | None = None,
    *,
    typed: bool = True,
    insecure: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    idle: float | None = None,
    grace: float = 1.0,
    begin: Callable[[str], object] | None = None,
) -> Serving:
    """Make what a manager offers, and a server for it that listens at an address.

    Args:
        manager: The generated class.
        address: Where to listen.
        key: The key that clients have to hold, if any.
        by_hand: What was registered by hand.
        typed: Whether the server is typed, or speaks the standard library's wire.
        insecure: Listen also where others can read along.
        limits: What there is room for.
        idle: After how many seconds without a client the server stops; None is never.
        grace: How many seconds running calls have to end when the server stops.
        begin: Called with the name of each singleton before it is made.

    Raises:
        SpecMismatch: The generated class no longer fits its spec.
        AlreadyRunning: Another server listens there.
        AddressError: The address cannot be used, or not without a key or `insecure`.
        NotSupported: `idle` with the standard library's wire.
    """
    offer = type_of(manager)
    entries = entries_of(offer)
    if typed:
        return Server(
            offer,
            entries,
            address,
            key=key,
            insecure=insecure,
            limits=limits,
            idle=idle,
            grace=grace,
            begin=begin,
            by_hand=by_hand,
        )
    if idle is not None:
        raise NotSupported(
            "a server that speaks pickle does not stop by itself: leave out `idle`, or serve with "
            "serializer='typed'"
        )
    from kinfolk.pickles.server import PickleServer  # noqa: PLC0415 - most servers are typed

    return PickleServer(
        offer,
        entries,
        by_hand or {},
        address,
        key=key,
        insecure=insecure,
        limits=limits,
        grace=grace,
        begin=begin,
    )
