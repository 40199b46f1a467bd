"""A server of a generated manager: `python -m support.golden_server module Manager address`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast

from kinfolk.managers import Manager

__all__ = ["main"]


def main(module: str, name: str, address: str) -> None:
    """Serve until killed; print a line once the server accepts."""
    manager = cast("type[Manager]", getattr(import_module(module), name))
    server = manager(address=address).get_server()
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
