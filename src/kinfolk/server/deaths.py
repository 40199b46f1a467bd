"""Deaths: noticing at once that a client is gone, whatever its connection's thread is doing.

A thread that reads sees the end of its connection by itself, but not while it runs a method; and
where a forked child of the client holds the socket too, there is no end to be seen. What is here
notices nothing: the systems that can do better have a module of their own.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Deaths", "Mourner"]


class Mourner(Protocol):
    """A connection, as far as a watch over deaths knows it."""

    def lost(self) -> None:
        """Note that the peer is gone. Called in the watching thread, and must not hold it up."""
        ...


class Deaths:
    """Watches connections until it is closed; its methods may be called by any thread."""

    def watch(self, mourner: Mourner, fd: int, pid: int = 0) -> None:
        """Watch the socket of a connection, and the process at its other end if `pid` is known."""

    def watch_process(self, mourner: Mourner, pid: int) -> None:
        """Watch a process that need not have a connection at the moment."""

    def forget(self, mourner: Mourner, fd: int, pid: int = 0) -> None:
        """Stop watching a connection; called before its socket is closed."""

    def close(self) -> None:
        """Stop watching everything; closing twice has no effect."""
