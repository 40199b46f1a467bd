"""Observers of servers that speak the standard library's wire."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from kinfolk.addresses import Address
from kinfolk.client.observer import Observing
from kinfolk.client.reaching import Destination
from kinfolk.errors import NotSupported, RemoteError
from kinfolk.pickles.asking import Asking
from kinfolk.pickles.managing import found_key
from kinfolk.pickles.reaching import Gate, reach
from kinfolk.wire.handshake import OBSERVER
from kinfolk.wire.reports import ServerReport, decode_report

__all__ = ["PickleObserver"]


class PickleObserver(Observing):
    """One connection to such a server, and another for each request.

    Args:
        address: Where the server listens.
        key: The key; by default that of the socket, as for any client.
        timeout: How many seconds it may take to connect, and then to see the end of the server; an
            answer may take as long as it does.
        remedy: The command that starts such a server, for when none runs.

    Raises:
        NotRunning: No server listens there.
        AuthenticationFailed: The two ends do not hold the same key.
        HandshakeFailed: What listens there is no such server.
        CallTimeout: It took too long.
    """

    def __init__(
        self,
        address: Address,
        *,
        key: bytes | None = None,
        timeout: float = 10.0,
        remedy: str = "kinfolk serve",
    ) -> None:
        super().__init__(address, timeout)
        destination = Destination(address, OBSERVER, None, timeout, remedy)
        gate = Gate(destination, partial(found_key, address, key))
        self._asking = Asking(gate, timeout, lower=_nothing, rebuilt=_nothing, received=_nothing)
        # It asks nothing; the server ends it when it ends.
        self._wire = reach(gate, self._until())

    def report(self) -> ServerReport:
        """Return how the server is doing; see `Observing.report`.

        Raises:
            NotSupported: It is a plain one, which has no reports.
        """
        try:
            return decode_report(msgspec.Raw(self._asking.ask("report")))
        except RemoteError:
            raise NotSupported(
                f"{self._address}: a server of the standard library, which tells commands nothing"
            ) from None

    def stop(self) -> None:
        """Have the server end; see `Observing.stop`."""
        self._asking.ask("shutdown")

    def wait(self) -> bool:
        """Wait for its end; see `Observing.wait`."""
        return self._wire.wait_for_end(self._timeout)

    def close(self) -> None:
        """End the connection; closing twice has no effect."""
        self._asking.close()
        self._wire.close()


def _nothing(*_: Any) -> None:
    """Stand for what is done with objects, of which none come."""
