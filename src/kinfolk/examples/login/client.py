"""The client of the login example: typed proxies of what the crawlers share."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from kinfolk.examples.login.manager import DictItemProxy, LoginManager
from kinfolk.types.locks_manager import RLockProxy

__all__ = ["ManagerClient"]


class ManagerClient:
    """A connection to the shared login; close it, or use it in a `with` block.

    Args:
        domain: The server's host; None for the private socket of this user.
        port: The server's TCP port.
        auth_key: The server's key.
    """

    def __init__(
        self,
        domain: str | None = None,
        port: int | None = None,
        auth_key: str | bytes | None = None,
    ) -> None:
        address = None if domain is None else (domain, port or 0)
        key = auth_key.encode() if isinstance(auth_key, str) else auth_key
        self._manager = LoginManager.open(address, authkey=key)

    def get_dict(self) -> DictItemProxy:
        """Return the shared cookies."""
        return self._manager.dict()

    def get_open_qq_login_lock(self) -> RLockProxy:
        """Return the lock to hold while logging in."""
        return self._manager.open_qq_login_lock()

    def close(self) -> None:
        """End the connection; what this process holds is freed."""
        self._manager.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
