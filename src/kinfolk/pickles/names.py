"""Names on the standard wire: which of them stands for which member, and what an object is called.

That wire calls methods, by name. A property is called like one, `proxy.limit()`, and set by
`proxy.set_limit(3)`; proxies that know better ask for `__getattribute__` and `__setattr__`, as the
standard library's `NamespaceProxy` does. A class that reaches attributes by name has these itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

__all__ = [
    "GET",
    "GET_VALUE",
    "ITERATOR",
    "ITERATOR_METHODS",
    "SET",
    "caller_name",
    "ident_of",
    "member_and_arguments",
    "number_of",
    "pid_in",
    "plain_names",
    "session_in",
]

GET: Final = "__getattribute__"
SET: Final = "__setattr__"
GET_VALUE: Final = "#GETVALUE"

ITERATOR: Final = "Iterator"
"""What the standard library calls an iterator that stays at the server."""

ITERATOR_METHODS: Final = ("__next__", "send", "throw", "close")

# A plain proxy would send the traceback to `__exit__`, which cannot be pickled, and keep its lock;
# and without `__eq__` it is equal to itself, can be hashed, and compared with what cannot travel.
_NOT_PLAIN: Final = frozenset({"__enter__", "__exit__", "__eq__", "__ne__", "__hash__"})


_SESSION: Final = "kinfolk-"


def caller_name(session: str) -> str:
    """Return how a thread of a session introduces itself, so that a log can name it."""
    return f"{os.getpid()}|{threading.current_thread().name}|{_SESSION}{session}"


def session_in(name: str) -> str:
    """Return the session in such a name; empty for a client that knows of none."""
    last = name.rpartition("|")[2]
    return last.removeprefix(_SESSION) if last.startswith(_SESSION) else ""


def pid_in(name: str) -> int:
    """Return the number of the process in such a name; 0 if it has none."""
    number = name.partition("|")[0]
    return int(number) if number.isdecimal() else 0


def ident_of(target: str | int) -> str:
    """Return the name by which the wire knows an object."""
    return target if isinstance(target, str) else f"{target:x}"


def number_of(ident: str) -> int | None:
    """Return the number in such a name, None if there is none."""
    try:
        return int(ident, 16)
    except ValueError:
        return None


def plain_names(names: Collection[str]) -> tuple[str, ...]:
    """Return what a proxy that knows nothing of the spec can call, of a class's members."""
    found = {name for name in names if not name.endswith("=") and name not in _NOT_PLAIN}
    setters = {f"set_{name[:-1]}" for name in names if name.endswith("=")}
    return tuple(sorted(found | setters))


def member_and_arguments(
    names: Collection[str], called: str, args: Sequence[Any], kwds: Mapping[str, Any]
) -> tuple[str, list[Any], dict[str, Any]]:
    """Return which member a call means, and its arguments."""
    if called == GET and len(args) == 1:
        dynamic = args[0] not in names and "__getattr__" in names
        return ("__getattr__", list(args), {}) if dynamic else (args[0], [], {})
    if called == SET and len(args) == 2:
        attribute = f"{args[0]}="
        dynamic = attribute not in names and SET in names
        return (SET, list(args), {}) if dynamic else (attribute, [args[1]], {})
    setter = f"{called.removeprefix('set_')}="
    if called not in names and called.startswith("set_") and setter in names:
        return setter, [*args, *kwds.values()], {}
    return called, list(args), dict(kwds)
