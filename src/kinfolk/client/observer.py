"""Observers: clients that have no generated module. They look at a server, or end it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

from kinfolk.addresses import Address
from kinfolk.client.connection import Connection
from kinfolk.client.reaching import Destination
from kinfolk.errors import ProtocolError
from kinfolk.wire.frames import encode
from kinfolk.wire.handshake import OBSERVER
from kinfolk.wire.messages import NO_CALL, Report, Request, Result, Stop
from kinfolk.wire.reports import ServerReport, decode_report

__all__ = ["Observer", "Observing"]


class Observing(ABC):
    """What looks at a server of any spec, or ends it, and does not count as a client.

    Args:
        address: Where the server listens.
        timeout: How many seconds it may take to connect, and then to get each answer.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self._address: Final = address
        self._timeout: Final = timeout

    @abstractmethod
    def report(self) -> ServerReport:
        """Return how the server is doing, and who uses it.

        Raises:
            ConnectionLost: The connection broke.
            CallTimeout: It took too long.
            ProtocolError: The server answered something else.
        """

    @abstractmethod
    def stop(self) -> None:
        """Have the server end; it answers before it does. Raises what `report` does."""

    @abstractmethod
    def wait(self) -> bool:
        """Wait for the server to give up its address and all connections; return whether it has."""

    @abstractmethod
    def close(self) -> None:
        """End the connection; closing twice has no effect."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _until(self) -> float:
        return time.monotonic() + self._timeout


class Observer(Observing):
    """One connection to a typed server.

    Args:
        address: Where the server listens.
        key: The key, if the server asks for one.
        timeout: How many seconds it may take to connect, and then to get each answer.
        remedy: The command that starts such a server, for when none runs.

    Raises:
        NotRunning: No server listens there.
        AuthenticationFailed: One end refuses the other's key or user.
        HandshakeFailed: What listens there is no server of ours.
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
        destination = Destination(address, OBSERVER, key, timeout, remedy)
        self._connection = Connection(destination, b"", self._until())

    def report(self) -> ServerReport:
        """Return how the server is doing; see `Observing.report`."""
        return decode_report(self._ask(Report(NO_CALL)).value)

    def stop(self) -> None:
        """Have the server end; see `Observing.stop`."""
        self._ask(Stop(NO_CALL))

    def wait(self) -> bool:
        """Wait for its end; see `Observing.wait`."""
        return self._connection.wait_for_end(self._until())

    def close(self) -> None:
        """End the connection; closing twice has no effect."""
        self._connection.close()

    def _ask(self, request: Request) -> Result:
        reply = self._connection.exchange(encode(request), NO_CALL, self._until())
        if not isinstance(reply, Result):
            name = type(reply).__name__
            raise ProtocolError(f"{self._address} answered an observer by {name}")
        return reply
