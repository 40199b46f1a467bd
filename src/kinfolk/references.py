"""Proxies in messages, at the client: what stands for them, and what they become.

A reference that arrives becomes a proxy of the right class, and a proxy that is sent a reference.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kinfolk.counted import Mention
from kinfolk.proxy import Channel, Proxy
from kinfolk.wire.by_hand import HandType
from kinfolk.wire.codec.text import describe
from kinfolk.wire.messages import Target
from kinfolk.wire.narrowing import narrow, origin_of
from kinfolk.wire.references import ByHand, Reference
from kinfolk.wire.shared import shared_type

__all__ = ["ProxyReferences", "proxy_of"]


class ProxyReferences(msgspec.Struct, eq=False):  # made for each call, by C
    """The client's knowledge of shared objects, for one message: proxies of one channel.

    The proxies that a reply brings count as references all at once, when the call is about to
    return: until then it can be recalled, and the server counts none of them. `mention` is what
    they share, None as long as there is none.
    """

    channel: Channel
    mention: Mention | None = None

    def lower(self, value: object, proxy_type: object) -> Reference:
        """Return the reference of a proxy; see `References.lower`."""
        cls: type[Any] = type(value)
        mark = shared_type(cls)
        if mark is None or not issubclass(cls, origin_of(proxy_type)):
            raise TypeError(f"{describe(proxy_type)}, not {cls.__name__}")
        proxy: Any = value
        if not self._is_ours(proxy):
            name = describe(proxy_type)
            raise TypeError(f"{name} of this manager, not of another one ({proxy!r})")
        return Reference(mark.name, proxy._counted())

    def _is_ours(self, proxy: Any) -> bool:
        """Return whether the object of a proxy lives where this channel leads."""
        theirs: Channel = proxy._channel
        # Numbers count for one session only, names for all.
        named = isinstance(proxy._target, str) and theirs.address == self.channel.address
        return theirs is self.channel or named

    def lift(self, reference: Reference, proxy_type: object) -> object:
        """Return a new proxy; see `References.lift`."""
        found, target = self._proxy_type(reference, proxy_type), reference.target
        if isinstance(target, str):
            return proxy_of(self.channel, found, target)
        if self.mention is None:
            self.mention = Mention()
        return proxy_of(self.channel, found, target, self.mention)

    def _proxy_type(self, reference: Reference, declared: object) -> object:
        if isinstance(reference, ByHand):
            return HandType(reference.shared, reference.exposed)
        offer = self.channel.offer
        if isinstance(reference.target, str):
            # How a singleton's own values travel was settled by its entry, not by who mentions it.
            found = offer.singletons.get(reference.target)
            if found is None or not issubclass(origin_of(found), origin_of(declared)):
                raise TypeError(f"{describe(declared)}, not the entry {reference.target!r}")
            return found
        actual = offer.proxies.get(reference.shared)
        if actual is None:
            raise TypeError(f"{describe(declared)}, not {reference.shared}")
        return narrow(declared, actual)


def proxy_of(
    channel: Channel, proxy_type: object, target: Target, mention: Mention | None = None
) -> Proxy:
    """Return a new proxy of an object whose type is known; see `Proxy`."""
    members = channel.offer.members(proxy_type)
    return channel.class_of(proxy_type)(channel, target, members, mention)
