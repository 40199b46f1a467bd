"""Servers of the arena, in processes of their own."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from support.arena.manager import ArenaManager
from support.arena.spec import JOURNAL
from support.programs import Program

from kinfolk.addresses import parse_address
from kinfolk.client.observer import Observer
from kinfolk.limits import Limits

__all__ = ["KEY", "Served", "free_url", "open_arena", "serve_arena", "start_arena"]

KEY = "a key for tests only"
LENT = 2.0  # seconds, so that what a killed child was lent does not keep a test waiting


@attrs.frozen
class Served:
    """An arena that is served."""

    url: str
    program: Program

    @property
    def key(self) -> str:
        """Its key; empty where it has none."""
        return KEY if self.url.startswith("tcp:") else ""

    def open(self, **rest: Any) -> ArenaManager:
        """Return a manager that is connected to it."""
        return open_arena(self.url, self.key, **rest)

    def observe(self) -> Observer:
        """Return one who asks it how it is doing."""
        return Observer(parse_address(self.url), key=self.key.encode() or None)

    def client(self, module: str, *arguments: object) -> Program:
        """Start a module of this folder as a client, with the URL and the key before its words."""
        return Program("-m", f"support.arena.{module}", self.url, self.key, *map(str, arguments))


def open_arena(url: str, key: str, **rest: Any) -> ArenaManager:
    """Return a manager that is connected to the arena at a URL."""
    return ArenaManager.open(url, authkey=key or None, **rest)


@contextmanager
def serve_arena(kind: str, folder: Path, url: str = "", **limits: float) -> Iterator[Served]:
    """Serve an arena over "unix" or "tcp", at a URL of its own if none is given."""
    served = start_arena(url or free_url(kind, folder), None, **limits)
    with served.program:
        yield served


def free_url(kind: str, folder: Path) -> str:
    """Return where an arena can be served over "unix" or "tcp"."""
    return "tcp://127.0.0.1:0" if kind == "tcp" else f"unix://{folder}/arena.sock"


def start_arena(url: str, journal: Path | None = None, **limits: float) -> Served:
    """Start a server at a URL, perhaps with a journal; whoever asks for it ends its program."""
    env: dict[str, Any] = {} if journal is None else {JOURNAL: str(journal)}
    limits = {"lent": LENT, **limits}
    program = Program("-m", "support.arena.serving", url, json.dumps(limits), **env)
    return Served(program.line(), program)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    address = sys.argv[1]
    manager = ArenaManager(address, KEY if address.startswith("tcp:") else None)
    server = manager.get_server(limits=Limits(**json.loads(sys.argv[2])))
    print(server.url, flush=True)
    server.serve_forever()
