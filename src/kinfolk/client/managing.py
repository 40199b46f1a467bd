"""What a manager needs of the client: a channel, and proxies that can be pickled."""

from __future__ import annotations

from functools import partial
from typing import Any

from kinfolk.addresses import Address, parse_address
from kinfolk.client.channel import SocketChannel, shared_channel
from kinfolk.deadlines import CONNECTING
from kinfolk.keys import key_to_reach
from kinfolk.proxy import Proxy
from kinfolk.wire.by_hand import registry_of
from kinfolk.wire.messages import Target
from kinfolk.wire.table import type_of

__all__ = ["reach", "rebuilt"]


def reach(
    manager: Any, place: Address, key: bytes | None, timeout: float = CONNECTING
) -> SocketChannel:
    """Return a channel to the server at an address, whose proxies can be pickled.

    Args:
        manager: The generated class.
        place: Where the server listens.
        key: Its key, if it has one.
        timeout: How many seconds connecting may take.

    Raises:
        KinfolkError: What `Manager.open` raises.
    """
    return SocketChannel(
        type_of(manager),
        place,
        key=key,
        timeout=timeout,
        by_hand=lambda: registry_of(manager),
        rebuild=partial(rebuilt, manager),
    )


def rebuilt(
    manager: Any,
    address: str,
    key: bytes | None,
    token: bytes,
    proxy_type: object,
    target: Target,
) -> Proxy:
    """Return a proxy of an object of which another process told; what pickle calls.

    Args:
        manager: The generated class.
        address: Where the server is, as a URL.
        key: The key, if it came along.
        token: That of the other process's channel.
        proxy_type: The generated class of the proxy, or a parametrised one.
        target: The object.

    Raises:
        ObjectGone: It lives no more.
        KinfolkError: What `Manager.open` raises.
    """

    def make() -> SocketChannel:
        place = parse_address(address)
        return reach(manager, place, key_to_reach(place, key))

    channel = shared_channel(type_of(manager), address, token, make)
    return channel.referred(target, proxy_type)
