"""A server of a generated manager.

It is started by `python -m support.golden_server module Manager address serializer`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast

from kinfolk.managers import Manager

__all__ = ["main"]


def main(module: str, name: str, address: str, serializer: str) -> None:
    """Serve until killed; print a line once the server accepts."""
    manager = cast("type[Manager]", getattr(import_module(module), name))
    server = manager(address, serializer=serializer).get_server()
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
