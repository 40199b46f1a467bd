"""Servers of the sample spec for tests: in a process of their own, or in a thread of this one."""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import re
import resource
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import attrs
from support.programs import PATIENCE, Program
from support.samples.manager import SampleManager
from support.samples.spec import Sample

from kinfolk.addresses import TcpAddress, UnixAddress, parse_address
from kinfolk.client.observer import Observer
from kinfolk.declare import offer_of
from kinfolk.limits import Limits
from kinfolk.server.server import Server
from kinfolk.wire.frames import FrameBuffer, decode_reply, encode
from kinfolk.wire.handshake import ClientHandshake, Identity
from kinfolk.wire.messages import Reply, Request

__all__ = [
    "KEY",
    "Raw",
    "SampleManager",
    "Served",
    "new_threads",
    "serve",
    "serve_here",
    "with_many_files",
]

KEY = "a key for tests only"
_M_ARENA_MAX = -8


# --- Servers


@attrs.frozen
class Served:
    """A server that runs."""

    url: str
    key: str | None
    server: Server | None = None
    in_process: Program | None = None

    @property
    def program(self) -> Program:
        """The process, where it has one of its own."""
        assert self.in_process is not None
        return self.in_process

    @property
    def here(self) -> Server:
        """The server, where it runs in this process."""
        assert self.server is not None
        return self.server

    def open(self, **rest: Any) -> SampleManager:
        """Return a manager that is connected to it."""
        return SampleManager.open(self.url, authkey=self.key, **rest)

    def observe(self, timeout: float = 10.0) -> Observer:
        """Return an observer of it."""
        key = self.key.encode() if self.key else None
        return Observer(parse_address(self.url), key=key, timeout=timeout)

    def raw(self, *, shake_hands: bool = True) -> Raw:
        """Return a bare connection to it."""
        raw = Raw(self.url)
        if shake_hands:
            raw.shake_hands(self.key)
        return raw


@contextmanager
def serve(
    kind: str,
    folder: Path,
    *,
    url: str | None = None,
    files: int | None = None,
    stacks: int | None = None,
    within: Sequence[str] = (),
    **options: Any,
) -> Iterator[Served]:
    """Run a server in a process of its own, which logs to stderr.

    Args:
        kind: "unix", "unix with a key", or "tcp", which has a key always.
        folder: Where to put the socket.
        url: Where to listen, if not at an address of its own.
        files: How many files it may have open.
        stacks: How many more threads it may have, at most; the memory for their stacks runs out.
        within: The command that runs it; see `Program`.
        options: What else to give to `Server`; `limits` as a dict.
    """
    found, key = _address(kind, folder)
    url = url or found
    settings = json.dumps(
        {"url": url, "key": key, "files": files, "stacks": stacks, "options": options}
    )
    with Program("-m", "support.serving", settings, within=within) as program:
        yield Served(program.line(), key, in_process=program)


@contextmanager
def serve_here(
    kind: str, folder: Path, *, url: str | None = None, **options: Any
) -> Iterator[Served]:
    """Run a server in a thread of this process, at a URL of its own if none is given."""
    found, key = _address(kind, folder)
    url = url or found
    server = make_server(url, key, options)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Served(server.url, key, server)
    finally:
        server.stop()
        thread.join(PATIENCE)


def new_threads() -> Callable[[], list[threading.Thread]]:
    """Return a function that returns those threads of connections that were not there before.

    A server of the whole test session has some of its own.
    """
    before = set(threading.enumerate())

    def serving() -> list[threading.Thread]:
        found = set(threading.enumerate()) - before
        return [each for each in found if re.fullmatch(r"kinfolk-\d+", each.name)]

    return serving


def _address(kind: str, folder: Path) -> tuple[str, str | None]:
    if kind == "tcp":
        return "tcp://127.0.0.1:0", KEY
    key = KEY if kind == "unix with a key" else None
    return f"unix://{folder}/{len(list(folder.iterdir()))}.sock", key


def make_server(url: str, key: str | None, options: dict[str, Any]) -> Server:
    """Return a server of the sample spec."""
    offer = offer_of(Sample)
    assert offer is not None
    options["limits"] = Limits(**options.get("limits", {}))
    return Server(
        SampleManager._offer,
        offer.entries,
        parse_address(url),
        key=key.encode() if key else None,
        **options,
    )


# --- A client that can do wrong


class Raw:
    """A bare connection, which sends what a client of ours never would."""

    def __init__(self, url: str) -> None:
        address = parse_address(url)
        if isinstance(address, TcpAddress):
            self.sock = socket.create_connection(address.raw, PATIENCE)
        else:
            assert isinstance(address, UnixAddress)
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(PATIENCE)
            self.sock.connect(address.path)
        self._frames = FrameBuffer()
        self._messages: list[memoryview] = []

    def shake_hands(
        self, key: str | None, session: bytes = b"", identity: Identity | None = None
    ) -> bytes:
        """Do the handshake as a client of ours does; return the session's token."""
        handshake = ClientHandshake(
            identity or Identity.of(SampleManager._offer),
            pid=os.getpid(),
            session=session,
            key=key.encode() if key else None,
            vouched=key is None,
        )
        outgoing = handshake.start()
        while handshake.peer is None:
            self.sock.sendall(outgoing)
            outgoing = handshake.receive(self.sock.recv(65536))
        return handshake.peer.session

    def send(self, request: Request) -> None:
        """Send a request."""
        self.sock.sendall(encode(request))

    def receive(self) -> Reply:
        """Return the next reply."""
        while not self._messages:
            data = self.sock.recv(65536)
            assert data, "the server closed the connection"
            self._messages = self._frames.receive(data)
        return decode_reply(self._messages.pop(0))

    def is_closed(self) -> bool:
        """Wait until the server closes the connection, reading what it says until then."""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while self.sock.recv(65536):
                pass
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


def with_many_files() -> None:
    """Let this process open as many files as the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _limit_stacks(count: int) -> None:
    """Let no more than so many threads start, by limiting the memory for them (Linux only)."""
    threading.stack_size(64 * 2**20)
    # One heap for all threads: of its own, each would take as much again, and leave too little for
    # anything else.
    with contextlib.suppress(AttributeError):  # not every C library knows it
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + count * 65 * 2**20,) * 2)


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    if settings["files"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (settings["files"],) * 2)
    server = make_server(settings["url"], settings["key"], settings["options"])
    if settings["stacks"] is not None:
        _limit_stacks(settings["stacks"])
    print(server.url, flush=True)
    server.serve_forever()
