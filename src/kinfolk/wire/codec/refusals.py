"""Why values of a type cannot travel, and what to write instead."""

from __future__ import annotations

import collections.abc as abc
import io
import types
from typing import Any, Final, get_origin

__all__ = ["why_not"]

_CODE: Final = "code stays where it is; pass an object of a @shared class that has it as a method"
_STREAM: Final = "only a method's own result streams; write `list[...]`"
_LATER: Final = "there is nothing to wait for at the other end; write the type of its result"
_VIEW: Final = "it is a view of what stays behind; write `list[...]` or `set[...]`"
_CLASS: Final = "classes other than of exceptions stay where they are; pass a name, or an Enum"
_MODULE: Final = "modules stay where they are; pass its name as `str`"
_FILE: Final = "an open file belongs to its process; pass its path or its contents"
_LOCK: Final = "it belongs to its process; share a kinfolk.types.RLock"
_NUMBER: Final = "it does not say which classes there are; write them, as in `int | float`"

_REASONS: Final[tuple[tuple[tuple[type, ...], str], ...]] = (
    ((abc.Coroutine, abc.Awaitable, abc.AsyncIterable), _LATER),
    ((io.IOBase,), _FILE),
    ((abc.Iterator,), _STREAM),
    ((abc.MappingView,), _VIEW),
    ((types.ModuleType,), _MODULE),
    ((types.FunctionType, types.BuiltinFunctionType, types.MethodType), _CODE),
)

_BY_NAME: Final = {
    **dict.fromkeys(("typing.IO", "typing.TextIO", "typing.BinaryIO", "socket.socket"), _FILE),
    **dict.fromkeys(
        ("_thread.allocate_lock", "_thread.lock", "_thread.RLock", "threading.RLock"),
        _LOCK,
    ),
    **dict.fromkeys(
        ("threading.Condition", "threading.Event", "threading.Semaphore", "threading.Barrier"),
        _LOCK,
    ),
    "collections.abc.Callable": _CODE,
    "builtins.type": _CLASS,
    "types.MappingProxyType": _VIEW,
    "builtins.mappingproxy": _VIEW,
    "functools.partial": _CODE,
}

_PLAIN: Final = (
    "it has no fields; make it an attrs class (a value, sent by copy)"
    " or decorate it with @shared (it stays, and others hold proxies)"
)


def why_not(declared: Any, text: str) -> str:
    """Return the reason, as one sentence with its remedy."""
    return f"`{text}` cannot travel: {_reason(get_origin(declared) or declared)}"


def _reason(origin: Any) -> str:
    # Some that look like classes are functions.
    name = f"{getattr(origin, '__module__', '')}.{getattr(origin, '__qualname__', '')}"
    reason = _BY_NAME.get(name)
    if reason is not None:
        return reason
    if not isinstance(origin, type):
        return "it is no type whose values could be checked; write a concrete one, or `Any`"
    for classes, reason in _REASONS:
        if issubclass(origin, classes):
            return reason
    if origin.__module__ == "numbers" or getattr(origin, "_is_protocol", False):
        return _NUMBER
    if origin.__module__ in {"typing", "collections.abc"}:
        return _NUMBER
    return _PLAIN
