"""What a manager needs of this wire: its key, a channel, and proxies of what nobody declared.

The last are the standard library's own, which open connections of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from multiprocessing.process import current_process
from typing import Any

from kinfolk.addresses import Address, UnixAddress
from kinfolk.client.reaching import Destination
from kinfolk.errors import NotSupported
from kinfolk.pickles.channel import PickleChannel
from kinfolk.pickles.keys import read_key
from kinfolk.pickles.reaching import Gate
from kinfolk.pickles.stdlib import STARTED, AuthenticationString, Naming, Registry
from kinfolk.proxy import Proxy
from kinfolk.wire.handshake import Identity
from kinfolk.wire.table import ManagerType

__all__ = ["be_as_there", "channel_to", "found_key", "proxy_by_hand"]


def found_key(place: Address, *keys: bytes | None) -> bytes:
    """Return the key with which to reach a server: the first given, else that of its socket.

    Where there is none either, it is the `authkey` of this process, as in the standard library.

    Args:
        place: Where the server listens.
        keys: What the user gave, and after it what else there may be.
    """
    given, *others = keys
    if given is None and isinstance(place, UnixAddress):
        given = read_key(place)
    found = next((key for key in (given, *others) if key is not None), None)
    return bytes(current_process().authkey) if found is None else found


def channel_to(
    offer: ManagerType,
    place: Address,
    key: Callable[[], bytes],
    timeout: float,
    *,
    rebuild: Callable[..., Proxy],
    unknown: Callable[[Naming, tuple[str, ...]], object],
) -> PickleChannel:
    """Return a channel to the server at an address; see `PickleChannel`."""
    remedy = "get_server().serve_forever()"
    if offer.spec:
        remedy = f"kinfolk serve {offer.spec} --serializer pickle"
    destination = Destination(place, Identity.of(offer), None, timeout, remedy)
    return PickleChannel(
        offer, Gate(destination, key), timeout=timeout, rebuild=rebuild, unknown=unknown
    )


def proxy_by_hand(
    registry: Registry,
    place: Address,
    key: Callable[[], bytes],
    manager: Callable[[], Any],
) -> Callable[[Naming, tuple[str, ...]], object]:
    """Return what makes proxies of objects that were registered by hand.

    Args:
        registry: What was registered.
        place: Where the server listens.
        key: Gives its key.
        manager: Gives the manager that the proxies belong to, if it is still there.
    """
    return partial(_proxy, registry, place, key, manager)


def _proxy(
    registry: Registry,
    place: Address,
    key: Callable[[], bytes],
    manager: Callable[[], Any],
    token: Naming,
    exposed: tuple[str, ...],
) -> object:
    if token.typeid not in registry:
        raise NotSupported(
            f"the server returned a {token.typeid!r}, which this manager does not know: "
            f"register({token.typeid!r}, create_method=False) first"
        )
    token.address = place.raw
    make: Any = registry[token.typeid][-1]
    return make(token, "pickle", manager=manager(), authkey=key(), exposed=exposed)


def be_as_there(manager: Any, place: Address, key: bytes) -> None:
    """Set what proxies of the standard library's look for in their manager.

    Args:
        manager: A `BaseManager`.
        place: Where its server listens.
        key: The server's key.
    """
    manager._address = place.raw
    manager._authkey = AuthenticationString(key)
    manager._state.value = STARTED
