"""How shared objects stand in the messages of one call, seen from the host.

What a message mentions is counted for the session that it goes to, and can be uncounted as long as
nobody has seen the message.
"""

from __future__ import annotations

import msgspec

from kinfolk.host.hosted import Holdings
from kinfolk.host.objects import Objects
from kinfolk.wire.codec.text import describe
from kinfolk.wire.narrowing import fits
from kinfolk.wire.references import Reference

__all__ = ["HostReferences"]


class HostReferences(msgspec.Struct, eq=False):  # made for each call, by C
    """The host's knowledge of shared objects during one call of one session."""

    objects: Objects
    holdings: Holdings
    mentioned: list[int] = []  # msgspec makes a new one for each

    def lower(self, value: object, proxy_type: object) -> Reference:
        """Return what stands for an object; see `References.lower`."""
        reference = self.objects.refer(value, proxy_type, self.holdings)
        if isinstance(reference.target, int):
            self.mentioned.append(reference.target)
        return reference

    def lift(self, reference: Reference, proxy_type: object) -> object:
        """Return the very object that a proxy stands for; see `References.lift`."""
        hosted = self.objects.find(reference.target, self.holdings)
        if hosted.proxy_type is None or not fits(hosted.proxy_type, proxy_type):
            raise TypeError(f"{describe(proxy_type)}, not {describe(hosted.proxy_type)}")
        return hosted.obj

    def take_back(self) -> None:
        """Undo what was counted, since the message that mentions it is not sent."""
        for number in self.mentioned:
            self.objects.release(number, self.holdings)
        self.mentioned.clear()
