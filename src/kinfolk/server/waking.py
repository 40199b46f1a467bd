"""Waking the thread that accepts connections, when there is something new for it."""

from __future__ import annotations

import contextlib
import socket

from kinfolk.sockets import close_in_children

__all__ = ["Waker"]


class Waker:
    """A pair of sockets; `woken` can be read once `wake` was called."""

    def __init__(self) -> None:
        self.woken, self._waker = socket.socketpair()
        for sock in (self.woken, self._waker):
            sock.setblocking(False)  # noqa: FBT003 - named so by the standard library
            close_in_children(sock)

    def wake(self) -> None:
        """Wake it. May be called by any thread, and by a signal handler."""
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: it is over
            self._waker.send(b"!")

    def close(self) -> None:
        """Close both; closing twice has no effect."""
        self.woken.close()
        self._waker.close()
