"""What carries calls to shared objects: each behaviour is tested over all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import attrs
from support.folders import short_folder
from support.programs import PATIENCE
from support.sharing.manager import SharingManager
from support.sharing.spec import Sharing

from kinfolk.declare import offer_of
from kinfolk.engines.local import LocalChannel
from kinfolk.host.hosting import Host
from kinfolk.server import Server

__all__ = ["ENGINES", "Engine"]


@attrs.frozen
class Engine:
    """Shared objects, and how to reach them; each manager that is opened is another session.

    Other processes reach them at the address, if there is one.
    """

    host: Host
    open: Callable[[], SharingManager]
    address: str = ""

    @property
    def waiting(self) -> int:
        """How many calls wait for an answer."""
        return sum(session.waiting for session in self.host.sessions)


@contextmanager
def _local() -> Iterator[Engine]:
    offer = offer_of(Sharing)
    assert offer is not None
    host = Host(SharingManager._offer, offer.entries)

    def open_() -> SharingManager:
        manager = SharingManager()
        manager._channel = LocalChannel(host)
        return manager

    yield Engine(host, open_)
    host.close()


@contextmanager
def _typed() -> Iterator[Engine]:
    with short_folder() as folder:
        address = str(folder / "s")
        server = SharingManager(address).get_server()
        assert isinstance(server, Server)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Engine(server._host, lambda: SharingManager.open(address), address)
        finally:
            server.stop()
            thread.join(PATIENCE)


ENGINES: Final[dict[str, Callable[[], AbstractContextManager[Engine]]]] = {
    "local": _local,
    "typed": _typed,
}
