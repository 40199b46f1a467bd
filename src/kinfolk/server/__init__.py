"""The server: listening, handshakes, and a thread for each connection that feeds the host."""

from kinfolk.server.server import Server

__all__ = ["Server"]
