"""The server: listening, handshakes, and threads for connections that feed the host."""
