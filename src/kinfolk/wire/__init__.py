"""Transport-free protocol: messages, frames, the handshake, and the codec of declared types."""
