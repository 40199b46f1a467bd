"""The channels to servers that managers hold."""

from __future__ import annotations

from typing import Any

from kinfolk.client.channel import SocketChannel

__all__ = ["channel_of"]


def channel_of(manager: Any) -> SocketChannel:
    """Return what carries a manager's calls to its server."""
    channel = manager._channel
    assert isinstance(channel, SocketChannel)
    return channel
