"""The heartbeat of TCP connections: noticing a network that has gone silent.

The heart that beats is the kernel's, not the program's. It answers for a process that is stopped,
so a stopped process is not taken for dead; and it answers while a method runs for minutes. What it
does by itself is keepalive: an idle connection is asked after each interval, and ends when too many
questions in a row have found no answer.

But it does not ask where something is still to be acknowledged, since it repeats that instead, and
for a quarter of an hour. TCP_USER_TIMEOUT would end that sooner. It also ends, though, a connection
whose other end answers all the time and only does not read, such as a stopped process with a full
buffer (tried with Linux 6.18). So on Linux a thread looks, once per interval, when the last answer
came; elsewhere keepalive has to do.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
import time
from _thread import start_new_thread
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias
from weakref import WeakSet, ref

from kinfolk.signals import Passing, leave_signals_to_others

__all__ = ["fell_silent", "keep_watch"]


def keep_watch(sock: socket.socket, interval: int, misses: int) -> None:
    """See that a connection ends when its network goes silent; a Unix socket has none.

    Args:
        sock: A connected socket.
        interval: How many seconds of silence are a missed beat.
        misses: How many beats may be missed in a row.
    """
    if sock.family == socket.AF_UNIX:
        return
    with Passing(OSError):  # it has ended already, as who reads from it will see
        _keep_alive(sock, interval, misses)
    if sys.platform == "linux":
        _watch.add(sock, interval, misses)


def _keep_alive(sock: socket.socket, interval: int, misses: int) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "darwin":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPALIVE, interval)
    else:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, misses)


def fell_silent(sock: socket.socket) -> bool:
    """Return whether a connection was ended since its network was silent."""
    return sock in _silent


_silent: WeakSet[socket.socket] = WeakSet()


if sys.platform == "linux":
    # The beginning of struct tcp_info: eight bytes, and then numbers of four bytes each.
    _INFO: Final = struct.Struct("=8B13I")
    _REPEATED, _PROBES, _LAST_ANSWER = 2, 3, 20

    def _is_silent(sock: socket.socket, seconds: int) -> bool:
        """Return whether nothing was heard for so long, though an answer is due."""
        try:
            info = _INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size))
        except OSError:
            return False  # it is closed, or about to end anyway
        # What was sent is repeated, or what is still to be sent asked for, without an answer.
        # One question alone may rightly find none: the kernel answers only so many in a second.
        repeated: int = info[_REPEATED]
        probes: int = info[_PROBES]
        milliseconds: int = info[_LAST_ANSWER]
        return (repeated > 0 or probes > 1) and milliseconds >= seconds * 1000

    # A connection; how many seconds of silence are a missed beat; how many may be missed in a row.
    _Watched: TypeAlias = tuple[ref[socket.socket], int, int]

    class _Watch:
        """A thread that looks after connections, for as long as there are any."""

        def __init__(self) -> None:
            self.start_afresh()

        def start_afresh(self) -> None:
            """Begin without connections, as a forked child has to: they are its parent's."""
            self._claiming = threading.Lock()
            self._runs = False
            self._new: SimpleQueue[_Watched] = SimpleQueue()
            # No dictionary of weak keys: a signal handler may raise where one forgets a key, and
            # leave it there for ever.
            self._watched: list[_Watched] = []

        def add(self, sock: socket.socket, interval: int, misses: int) -> None:
            """Look after a connection until it is closed."""
            # Without a lock: a signal handler may raise here, and leave a lock locked that is
            # written in Python, as a condition is.
            self._new.put((ref(sock), interval, misses))
            if not self._runs:
                # Not as a `Thread`, which waits until it runs: what a signal handler raises in that
                # comes out as a RuntimeError.
                with Passing(RuntimeError):  # no more threads: the next one tries again
                    start_new_thread(self._run, ())

        def _run(self) -> None:
            leave_signals_to_others()
            over = not self._claim()
            while not over:
                self._wait()
                self._look()
                over = self._is_over()

        def _claim(self) -> bool:
            """Become the thread that runs; return False if another is, that was started too."""
            with self._claiming:
                first, self._runs = not self._runs, True
            return first

        def _is_over(self) -> bool:
            if self._watched:
                return False
            # In this order, and `add` the other way round: one of the two sees the other.
            self._runs = False
            return self._new.empty() or not self._claim()

        def _wait(self) -> None:
            """Wait for a beat, and take what is new."""
            end = time.monotonic() + min((interval for _, interval, _ in self._watched), default=0)
            with contextlib.suppress(Empty):
                while True:
                    new = self._new.get(timeout=max(0.0, end - time.monotonic()))
                    self._watched.append(new)
                    end = min(end, time.monotonic() + new[1])

        def _look(self) -> None:
            """End the connections that are silent, and forget those that are closed."""
            self._watched = [each for each in self._watched if self._goes_on(*each)]

        def _goes_on(self, found: ref[socket.socket], interval: int, misses: int) -> bool:
            """Look at one; return whether to do so again. Keeps none alive while this waits."""
            sock = found()
            if sock is None or sock.fileno() < 0:
                return False
            if not _is_silent(sock, interval * misses):
                return True
            _silent.add(sock)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return False

    _watch: Final = _Watch()
    os.register_at_fork(after_in_child=_watch.start_afresh)
