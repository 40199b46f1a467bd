"""The client: connections to a server, and the channel that shares them among threads."""

from kinfolk.client.channel import SocketChannel, shared_channel

__all__ = ["SocketChannel", "shared_channel"]
