"""The server of the login example, with the arguments that its program is started with."""

from __future__ import annotations

from kinfolk.examples.login.manager import LoginManager

__all__ = ["ManagerServer"]


class ManagerServer:
    """Serves the shared login.

    Args:
        domain: The host to listen on; None for the private socket of this user.
        port: The TCP port; 0 lets the system choose one.
        auth_key: The key that clients must hold. The private socket needs none.
    """

    def __init__(
        self,
        domain: str | None = None,
        port: int | None = None,
        auth_key: str | bytes | None = None,
    ) -> None:
        address = None if domain is None else (domain, port or 0)
        manager = LoginManager(address, authkey=_key(auth_key))
        self._server = manager.get_server()

    @property
    def address(self) -> str:
        """Where clients find the server, as a URL."""
        return self._server.url

    def run(self) -> None:
        """Serve until `stop` is called, from another thread or from a signal handler."""
        self._server.serve_forever()

    def stop(self) -> None:
        """End `run`."""
        self._server.stop()


def _key(auth_key: str | bytes | None) -> bytes | None:
    return auth_key.encode() if isinstance(auth_key, str) else auth_key
