"""The versions of the server that a channel meets, and what does not fit there.

Most clients only meet their own, so what comparing takes is imported once it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kinfolk.client.connection import Connection
from kinfolk.errors import ProtocolError
from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.failures import lift_failure
from kinfolk.wire.frames import encode
from kinfolk.wire.handshake import Identity
from kinfolk.wire.messages import NO_CALL, Describe, Failed, Result
from kinfolk.wire.table import ManagerType

if TYPE_CHECKING:
    from kinfolk.wire.versions import Differences

__all__ = ["Versions"]


class Versions:
    """Finds out what differs at a server, once for each version of it; threads may share it.

    Args:
        offer: What this end was generated from.
        identity: What it says of itself.
    """

    def __init__(self, offer: ManagerType, identity: Identity) -> None:
        self._offer = offer
        self._known: dict[str, Differences | None] = {identity.fingerprint: None}

    def differences(self, connection: Connection, until: float) -> Differences | None:
        """Return what differs at the other end of a new connection, None if nothing does.

        The connection is closed if that cannot be found out.

        Args:
            connection: The connection.
            until: When to give up, by `time.monotonic`.

        Raises:
            ConnectionLost: The connection broke.
            CallTimeout: It took too long.
            ProtocolError: The server does not describe itself as it has to.
        """
        fingerprint = connection.fingerprint
        if fingerprint not in self._known:
            try:
                found = self._compare(connection, until)
            except BaseException:
                connection.close()
                raise
            # Of several threads that found it out, all go by what the first has found.
            self._known.setdefault(fingerprint, found)
        return self._known[fingerprint]

    def _compare(self, connection: Connection, until: float) -> Differences | None:
        from kinfolk.wire.descriptions import decode_description, describe_offer  # noqa: PLC0415 - see above
        from kinfolk.wire.versions import compare  # noqa: PLC0415

        offer, answer = self._offer, self._ask(connection, until)
        try:
            server = decode_description(answer)
            found = compare(describe_offer(offer), server, spec=offer.spec, manager=offer.name)
        except (msgspec.MsgspecError, ValueError) as error:
            pass_on_what_handlers_raise(error)
            raise ProtocolError(f"the server's description makes no sense: {error}") from None
        return found or None

    def _ask(self, connection: Connection, until: float) -> msgspec.Raw:
        reply = connection.exchange(encode(Describe(NO_CALL)), NO_CALL, until)
        match reply:
            case Result():
                return reply.value
            case Failed():
                raise lift_failure(reply.failure, self._offer.codecs)
            case _:
                raise ProtocolError(f"Describe cannot be answered by {type(reply).__name__}")
