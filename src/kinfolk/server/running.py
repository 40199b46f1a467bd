"""What servers of all wires do: they accept connections until they are stopped, and end once."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from kinfolk.errors import LimitExceeded
from kinfolk.host.timer import timer
from kinfolk.server.accepting import Acceptor
from kinfolk.server.listening import Listener
from kinfolk.server.refusing import RefusalLog
from kinfolk.server.resting import Resting
from kinfolk.server.waking import Waker

__all__ = ["RunningServer"]

_logger = logging.getLogger("kinfolk.server")


class RunningServer(ABC):
    """A server that listens already; each of its connections has a thread, unless it rests.

    Args:
        listener: Where it listens.
        waker: Wakes the thread that accepts.
        farewell: Returns the bytes that tell a newcomer why there is no room for it.
    """

    def __init__(
        self, listener: Listener, waker: Waker, farewell: Callable[[LimitExceeded], bytes]
    ) -> None:
        listener.sock.setblocking(False)  # noqa: FBT003 - named so by the standard library
        self._listener = listener
        self._waker = waker
        self._farewell = farewell
        self._resting = Resting(waker.wake)
        self._refusals = RefusalLog(_logger)
        # Guards who is there, and is notified when one leaves.
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._stopping = False
        self._served = False
        self._closed = False

    @property
    def address(self) -> str | tuple[str, int]:
        """Where it listens, as `multiprocessing.managers` writes it; clients use this one."""
        return self._listener.address.raw

    @property
    def url(self) -> str:
        """Where it listens, as a URL."""
        return str(self._listener.address)

    def serve_forever(self) -> None:
        """Serve until `stop` is called, a client asks for it, or Ctrl-C; then end cleanly.

        Raises:
            RuntimeError: It serves already, or has served: make a new server. Or the system has no
                thread for it.
        """
        with self._changed:
            if self._served:
                raise RuntimeError(f"{self.url} is served once only: make a new server")
            self._served = True
            self._prepare()
        try:
            timer.start()
            acceptor = Acceptor(
                self._listener.sock,
                self._waker.woken,
                self._begin,
                self._farewell,
                self._resting,
                self._refusals,
            )
            acceptor.run(lambda: self._stopping)
        except KeyboardInterrupt:
            _logger.info("interrupted")
        finally:
            self.close()

    def stop(self) -> None:
        """End `serve_forever`. May be called by any thread, and by a signal handler."""
        self._stopping = True
        self._waker.wake()

    def close(self) -> None:
        """Give the address up, end all connections and the host; closing twice has no effect."""
        if not self._closed:
            self._closed = True
            self._end()
            self._waker.close()

    def _prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Do what comes before the first connection, with `_changed` held."""

    @abstractmethod
    def _end(self) -> None:
        """Do what `close` does, once."""

    @abstractmethod
    def _begin(self, sock: socket.socket, address: Any) -> None:
        """Serve a connection in a thread of its own; see `Acceptor`."""

    def _start_thread(self, run: Callable[[], object]) -> None:
        """Start the thread of a connection.

        Raises:
            RuntimeError: The system has no more threads.
        """
        name = f"kinfolk-{next(self._numbers)}"
        threading.Thread(target=run, name=name, daemon=True).start()
