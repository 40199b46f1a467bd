"""Noticing deaths on Linux: one thread watches all sockets, and all client processes by pidfd."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading

import attrs

from kinfolk.server.deaths import Deaths, Mourner

assert sys.platform == "linux"

__all__ = ["LinuxDeaths"]

_logger = logging.getLogger("kinfolk.server")


@attrs.define(eq=False)
class _Watched:
    """A file descriptor, the event that means death, and those whom it concerns."""

    fd: int
    event: int
    mourners: set[Mourner] = attrs.field(factory=set[Mourner])
    pid: int = 0

    def happened(self) -> bool:
        # The number of the descriptor may have been reused since the event was reported.
        poll = select.poll()
        poll.register(self.fd, self.event)
        return bool(poll.poll(0))


class LinuxDeaths(Deaths):
    """Watches sockets for their peers' leaving, and processes for their end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int, _Watched] = {}
        self._processes: dict[int, _Watched] = {}
        self._closed = False
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        threading.Thread(target=self._run, name="kinfolk-deaths", daemon=True).start()

    def watch(self, mourner: Mourner, fd: int, pid: int = 0) -> None:
        """Watch a connection's socket and process; see `Deaths.watch`."""
        with self._lock:
            if self._closed:
                return
            self._add(_Watched(fd, select.EPOLLRDHUP, {mourner}))
            if not pid or self._watch_process(mourner, pid):
                return
        mourner.lost()

    def watch_process(self, mourner: Mourner, pid: int) -> None:
        """Watch a process; see `Deaths.watch_process`."""
        with self._lock:
            if self._closed or self._watch_process(mourner, pid):
                return
        mourner.lost()

    def forget(self, mourner: Mourner, fd: int, pid: int = 0) -> None:
        """Stop watching a connection; see `Deaths.forget`."""
        with self._lock:
            if watched := self._watched.get(fd):
                self._remove(watched)
            process = self._processes.get(pid)
            if process is None:
                return
            process.mourners.discard(mourner)
            if not process.mourners:
                self._remove(process)

    def close(self) -> None:
        """Stop watching everything; closing twice has no effect."""
        with self._lock:
            if self._closed:
                return
            # First, since the thread closes it once it sees that all is over.
            os.eventfd_write(self._wake, 1)
            self._closed = True
            for process in list(self._processes.values()):
                self._remove(process)
            self._watched.clear()

    # --- Inside

    def _watch_process(self, mourner: Mourner, pid: int) -> bool:
        """Watch a process; return False if it has ended already."""
        process = self._processes.get(pid)
        if process is None:
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                return False
            except OSError as error:
                # The connection still ends with the last process that holds its socket.
                _logger.debug("process %d cannot be watched: %s", pid, error.strerror)
                return True
            process = _Watched(fd, select.EPOLLIN, pid=pid)
            self._processes[pid] = process
            self._add(process)
        process.mourners.add(mourner)
        return True

    def _add(self, watched: _Watched) -> None:
        self._watched[watched.fd] = watched
        self._epoll.register(watched.fd, watched.event | select.EPOLLONESHOT)

    def _remove(self, watched: _Watched) -> None:
        del self._watched[watched.fd]
        with contextlib.suppress(OSError):
            self._epoll.unregister(watched.fd)
        if watched.pid:
            del self._processes[watched.pid]
            os.close(watched.fd)

    def _run(self) -> None:
        with self._epoll:
            while not self._closed:
                for fd, _ in self._epoll.poll():
                    self._notice(fd)
        os.close(self._wake)

    def _notice(self, fd: int) -> None:
        with self._lock:
            watched = self._watched.get(fd)
            if watched is None:
                return
            if not watched.happened():
                self._epoll.modify(fd, watched.event | select.EPOLLONESHOT)
                return
            mourners = list(watched.mourners)
            self._remove(watched)
        for mourner in mourners:
            mourner.lost()
