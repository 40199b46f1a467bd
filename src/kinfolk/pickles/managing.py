"""What a manager needs of this wire: its key, a channel, and proxies of what nobody declared.

The last are the standard library's own, which open connections of their own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from multiprocessing.process import current_process
from typing import Any

from kinfolk.addresses import Address, UnixAddress, parse_address
from kinfolk.client.reaching import Destination
from kinfolk.deadlines import CONNECTING
from kinfolk.keys import key_of_environment
from kinfolk.pickles.channel import PickleChannel, shared_channel
from kinfolk.pickles.keys import read_key
from kinfolk.pickles.reaching import Gate
from kinfolk.pickles.stdlib import STARTED, AuthenticationString, Naming
from kinfolk.proxy import Proxy
from kinfolk.wire.handshake import Identity
from kinfolk.wire.messages import Target
from kinfolk.wire.table import type_of

__all__ = ["found_key", "reach_by_pickle", "rebuilt"]


def reach_by_pickle(
    manager: Any, place: Address, given: bytes | None, timeout: float
) -> PickleChannel:
    """Return a channel of a manager's to the server at an address.

    The manager is made what proxies of the standard library's look for in theirs.

    Args:
        manager: The manager, which keeps the channel.
        place: Where the server listens.
        given: The key that the user gave, if any.
        timeout: How many seconds connecting may take.

    Raises:
        KinfolkError: What `Manager.open` raises.
    """
    channel = _channel(type(manager), place, given, timeout, weakref.ref(manager))
    manager._address = place.raw
    manager._authkey = AuthenticationString(found_key(place, given))
    manager._state.value = STARTED
    return channel


def rebuilt(
    manager: Any,
    address: str,
    key: bytes | None,
    token: bytes,
    proxy_type: object,
    target: Target,
    typeid: str,
    exposed: tuple[str, ...],
) -> Proxy:
    """Return a proxy of an object of which another process told; what pickle calls.

    Args:
        manager: The generated class.
        address: Where the server is, as a URL.
        key: The key, if it came along.
        token: That of the other process's channel.
        proxy_type: The generated class of the proxy, or a parametrised one.
        target: The object.
        typeid: What the server calls the kind of it.
        exposed: What the server exposes.

    Raises:
        ObjectGone: It lives no more.
        KinfolkError: What `Manager.open` raises.
    """

    def make() -> PickleChannel:
        return _channel(manager, parse_address(address), key, CONNECTING, _nobody)

    channel = shared_channel(type_of(manager), address, token, make)
    return channel.referred(target, proxy_type, typeid, exposed)


def _channel(
    manager: Any,
    place: Address,
    given: bytes | None,
    timeout: float,
    own: Callable[[], object],
) -> PickleChannel:
    """Return a channel for the proxies of a class's managers, one of which may be there."""
    offer = type_of(manager)
    remedy = "get_server().serve_forever()"
    if offer.spec:
        remedy = f"kinfolk serve {offer.spec} --serializer pickle"
    destination = Destination(place, Identity.of(offer), None, timeout, remedy)
    gate = Gate(destination, partial(found_key, place, given))
    return PickleChannel(
        offer,
        gate,
        timeout=timeout,
        rebuild=partial(rebuilt, manager),
        unknown=partial(_proxy_by_hand, manager, gate, own),
    )


def found_key(place: Address, given: bytes | None) -> bytes:
    """Return the key with which to reach a server: the one given, else that of its socket.

    Where there is none either, it is that of the environment or, as in the standard library, of
    this process.
    """
    if given is None and isinstance(place, UnixAddress):
        given = read_key(place)
    if given is None:
        given = key_of_environment()
    return bytes(current_process().authkey) if given is None else given


def _proxy_by_hand(
    manager: Any,
    gate: Gate,
    own: Callable[[], object],
    token: Naming,
    exposed: tuple[str, ...],
) -> object:
    """Return a proxy of an object that was registered by hand.

    Raises:
        NotSupported: It is not registered here.
    """
    make: Any = manager._registry[token.typeid][-1]
    token.address = gate.destination.address.raw
    return make(token, "pickle", manager=own(), authkey=gate.key(), exposed=exposed)


def _nobody() -> None:
    """Stand for a manager that is in another process."""
