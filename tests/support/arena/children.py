"""What children of `multiprocessing` do with the proxies that they are given."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.connection import Connection
from typing import Any

from support.arena.manager import LedgerProxy, ToolProxy
from support.arena.serving import open_arena

from kinfolk.types.locks_manager import RLockProxy

__all__ = ["borrow", "use"]


def use(tool: ToolProxy, lock: RLockProxy, ledger: LedgerProxy, pipe: Connection) -> None:
    """Use a tool, try to take the lock, note something, and say what came of it."""
    name, taken = tool.name(), lock.acquire(blocking=False)
    pipe.send((name, taken, ledger.note(7)))


def borrow(url: str, key: str, kind: str) -> None:
    """Start a child of a kind with proxies, let go of them here, and print what it says."""
    context: Any = multiprocessing.get_context(kind)
    here, there = context.Pipe()
    with open_arena(url, key) as manager:
        lock = manager.lock()
        lock.acquire()
        process = context.Process(
            target=use, args=(manager.tool("borrowed"), lock, manager.ledger(), there)
        )
        process.start()
        print(here.recv(), flush=True)
        process.join()
        lock.release()


if __name__ == "__main__":
    borrow(*sys.argv[1:])
