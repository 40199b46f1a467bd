"""The channels to servers that managers hold."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

from kinfolk.client.channel import SocketChannel

__all__ = ["channel_of", "kinfolks_own"]

P = ParamSpec("P")
T = TypeVar("T")


def kinfolks_own(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function to patch Kinfolk with, whose errors are not taken for a signal handler's.

    Kinfolk tells those by the modules that they come through.
    """
    assert isinstance(function, FunctionType)
    names = {**function.__globals__, "__name__": "kinfolk.patched"}
    own = FunctionType(function.__code__, names, closure=function.__closure__)
    return cast("Callable[P, T]", own)


def channel_of(manager: Any) -> SocketChannel:
    """Return what carries a manager's calls to its server."""
    channel = manager._channel
    assert isinstance(channel, SocketChannel)
    return channel
