"""What this wire takes from the standard library of which type checkers know nothing."""

from __future__ import annotations

import copyreg
from multiprocessing import managers, process
from typing import Any, Final, Protocol, cast

__all__ = [
    "STARTED",
    "AuthenticationString",
    "Naming",
    "auto_proxy",
    "newobj",
    "rebuild_proxy",
    "token_of",
]

_managers: Any = managers
_process: Any = process
_copyreg: Any = copyreg

rebuild_proxy: Final = _managers.RebuildProxy
"""What every pickled proxy is made by."""

auto_proxy: Final = _managers.AutoProxy
AuthenticationString: Final = _process.AuthenticationString

newobj: Final = _copyreg.__newobj__
"""What makes an object without calling its `__init__`."""

STARTED: Final[int] = _managers.State.STARTED
"""The state of a manager whose proxies may be used."""


class Naming(Protocol):
    """A `Token`: what names an object, in every message that mentions one."""

    typeid: str
    address: Any
    id: str


def token_of(typeid: str, address: Any, ident: str) -> Naming:
    """Return a new token."""
    return cast("Naming", _managers.Token(typeid, address, ident))
