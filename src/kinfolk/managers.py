"""The base of generated managers: a `BaseManager` whose objects are typed and whose wire is safe.

A manager makes a server, or reaches one, and gives out proxies of what it offers. Which objects
those are is said by the generated subclass, in its `_offer`. A subclass that was written by hand
has none: it offers what it registers, as with the standard library, and over its wire.

A program that imports a generated module may never connect, and one that connects seldom serves. So
what connecting and serving take is imported by the functions that do it, when they first run.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from multiprocessing.util import Finalize
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, SupportsIndex, TypeVar

from kinfolk.addresses import (
    Address,
    UnixAddress,
    WrittenAddress,
    parse_address,
    private_address,
    resolve_address,
)
from kinfolk.deadlines import CONNECTING, patience
from kinfolk.errors import AlreadyRunning, AuthenticationFailed, ConnectionClosed, NotSupported
from kinfolk.keys import (
    check_key,
    key_of_environment,
    key_of_process,
    key_to_reach,
    key_to_serve,
)
from kinfolk.limits import Limits
from kinfolk.registering import Registering
from kinfolk.wire.table import ManagerType, Table, type_of

if TYPE_CHECKING:
    from kinfolk.client import SocketChannel
    from kinfolk.engines.local import LocalChannel
    from kinfolk.host.hosting import Host
    from kinfolk.pickles.channel import PickleChannel
    from kinfolk.server.process import ServerProcess, Serving

__all__ = ["Manager"]


_UNDECLARED: Final = ManagerType(
    "", "Manager", "", Table(spec="", fingerprint=""), singletons=dict, factories=dict
)
"""What a manager offers that has no spec: nothing but what is registered by hand."""

_M = TypeVar("_M", bound="Manager")
"""Not `Self`, which jedi does not follow into subclasses; it completes in IPython and vim."""


class Manager(Registering):
    """Makes a server of the objects that a spec's manager offers, or reaches one.

    As in `multiprocessing.managers`: `get_server().serve_forever()` serves in this process, `with`
    a new manager starts a child process that serves, and `connect` reaches a server elsewhere.
    `open` does the latter in one step.

    Args:
        address: Where the server listens: `(host, port)`, the path of a Unix socket, or a URL. By
            default what `KINFOLK_ADDRESS` says, or else the private socket of this user; for
            `start` a socket that only this manager knows. Without a spec, as in the standard
            library, so it is for `get_server` too, and an empty host stands for all networks of
            this machine.
        authkey: The key that both ends hold, of at least 8 bytes. A private socket needs none. By
            default what `KINFOLK_AUTHKEY` says, or else, as in the standard library, the
            `authkey` of this process and of its children.
        serializer: How values travel: "typed", checked against what is declared, or "pickle", the
            standard library's wire, by which any do, between ends that trust each other. By default
            "typed"; without a spec nothing is declared, and it is "pickle".
        ctx: How `start` starts the child process.
        shutdown_timeout: How many seconds `shutdown` gives the child process to end.
    """

    _offer: ClassVar[ManagerType] = _UNDECLARED

    def __init__(
        self,
        address: WrittenAddress | None = None,
        authkey: str | bytes | None = None,
        serializer: str | None = None,
        ctx: BaseContext | None = None,
        *,
        shutdown_timeout: float = 1.0,
    ) -> None:
        key = None if authkey is None else check_key(authkey)
        parsed = None if address is None else parse_address(self._written_out(address))
        super().__init__(None, key, ctx=ctx, shutdown_timeout=shutdown_timeout)
        self._typed = self._is_typed(serializer)
        self._place: Address | None = parsed
        self._key = key
        self._context = ctx or get_context()
        self._timeout = patience("shutdown_timeout", shutdown_timeout)
        self._channel: SocketChannel | LocalChannel | PickleChannel | None = None
        self._host: Host | None = None
        self._child: ServerProcess | None = None
        self._end_child: Finalize | None = None

    # --- Reaching a server

    @classmethod
    def open(  # noqa: PYI019 - see `_M`
        cls: type[_M],
        address: WrittenAddress | None = None,
        *,
        authkey: str | bytes | None = None,
        serializer: str | None = None,
        timeout: float = CONNECTING,
        start: bool = False,
        idle: float | None = None,
    ) -> _M:
        """Reach a running server; `close`, or leaving a `with` block, ends the connection only.

        Args:
            address: Where it listens. By default what `KINFOLK_ADDRESS` says, or else the private
                socket of this user.
            authkey: The key, where the server asks for one; a private socket that needs none takes
                any. By default what `KINFOLK_AUTHKEY` says, or else, over TCP, the `authkey` of
                this process.
            serializer: How values travel; it has to be the server's.
            timeout: How many seconds it may take to connect, now and whenever the connection was
                lost; `math.inf` waits for ever.
            start: Start a server if none runs, in a process of its own that outlives this one; of
                several processes that try it, one does. Starting counts for the timeout. It has
                this process's `sys.path`, and its log is beside its socket.
            idle: How many seconds a server that is started stays when nobody is connected; what
                its objects hold goes with it. By default it stays until it is stopped.

        Raises:
            NotRunning: No server listens there.
            AuthenticationFailed: One end refuses the other's key or user.
            SpecMismatch: The server offers another manager.
            HandshakeFailed: What listens there is no server of Kinfolk's.
            LimitExceeded: The server has no room for another client.
            CallTimeout: It took too long.
            NotSupported: `start` with "pickle", or of a class that no import finds.
            ValueError: A timeout or `idle` that is negative, or not a number.
        """
        if idle is not None and not start:
            raise ValueError("idle is for the server that start=True starts")
        _check_idle(idle)
        manager = cls(address, authkey, serializer)
        place = manager._found_place()
        key = key_to_reach(place, manager._key)
        if start:
            manager._attach_or_start(place, key, timeout, idle)
        else:
            manager._attach(place, key, timeout)
        return manager

    def connect(self) -> None:
        """Reach the running server at the manager's address."""
        place = self._found_place()
        self._attach(place, key_to_reach(place, self._key))

    def close(self) -> None:
        """End the connection, and free what this process holds; closing twice has no effect.

        The server goes on.
        """
        if self._channel is not None:
            self._channel.close()
        if self._host is not None:
            self._host.close()

    # --- Being a server

    def get_server(  # type: ignore[override]  # theirs serves pickles
        self,
        *,
        insecure: bool | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        idle: float | None = None,
    ) -> Serving:
        """Make the objects and listen at the address; `serve_forever` of the result serves.

        Args:
            insecure: Listen also where others can read along. By default only without a spec, as
                the standard library's managers do.
            limits: What there is room for.
            idle: After how many seconds without a client to stop; by default never.

        Raises:
            AlreadyRunning: Another server listens there.
            AddressError: The address cannot be used, or only if `insecure`.
            ValueError: `idle` is negative, or not a number.
        """
        _check_idle(idle)
        from kinfolk.serving import make_server  # noqa: PLC0415 - see the module's docstring

        if not self._declared and not os.environ.get("KINFOLK_ADDRESS"):
            # As there: the name of a class says too little of who it is.
            self._place = self._place or private_address(self._server_name)
        place = self._place = self._found_place()
        key = key_to_serve(place, self._key)
        if insecure is None:
            insecure = not self._declared
        return make_server(
            type(self),
            place,
            key,
            self._by_hand,
            typed=self._typed,
            insecure=insecure,
            limits=limits,
            idle=idle,
        )

    def start(
        self, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()
    ) -> None:
        """Start a child process that serves, and connect to it.

        Args:
            initializer: Called in the child process first, with `initargs`.
            initargs: The arguments.

        Raises:
            AlreadyRunning: It has started one that still runs; or another has the address.
            NotSupported: Its objects are in this process; see `local`.
        """
        from kinfolk.server.process import ServerProcess  # noqa: PLC0415 - as above
        from kinfolk.serving import make_server  # noqa: PLC0415

        if self._host is not None:
            raise NotSupported(
                f"a local {type(self).__name__} has its objects in this process: make another, "
                f"`{type(self).__name__}()`, to start a server"
            )
        if self._end_child is not None and self._end_child.still_active():
            raise AlreadyRunning(f"this manager has started its server already, at {self._place}")
        place = self._place or private_address(self._server_name)
        key = key_to_serve(place, self._key)
        if key is None and not self._typed:
            # As there: what this process starts by multiprocessing has the key.
            key = key_of_process()
        # It has to be done before shutdown loses patience.
        make = functools.partial(
            make_server,
            type(self),
            place,
            key,
            self._by_hand,
            typed=self._typed,
            insecure=not self._declared,
            grace=self._timeout / 2,
        )
        child = ServerProcess(self._context, make, initializer, initargs)
        # At the latest when this process exits, or nobody has the manager any more.
        self._end_child = Finalize(self, child.stop, args=(self._timeout,), exitpriority=0)
        self._child = child
        self._place = parse_address(child.url)
        self._attach(self._place, key)

    def shutdown(self) -> None:  # type: ignore[override]  # theirs is set by start()
        """Stop the server, started here or not, for all its clients, and close the connection.

        Returns when the server has given up its address, or has not for 10 seconds.
        """
        if self._end_child is not None:
            self.close()
            self._end_child()
            return
        self._connected().stop()
        self.close()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the child process has ended, for so many seconds."""
        if self._child is not None:
            self._child.join(timeout)

    # --- Being both

    @classmethod
    def local(cls: type[_M]) -> _M:  # noqa: PYI019
        """Make the objects in this process, behind the same proxies: for tests.

        Every argument and result is encoded and decoded as if it went to another process.
        """
        from kinfolk.engines.local import LocalChannel  # noqa: PLC0415 - as above
        from kinfolk.host.entries import entries_of  # noqa: PLC0415
        from kinfolk.host.hosting import Host  # noqa: PLC0415

        manager = cls()
        by_hand = manager._by_hand
        manager._host = Host(cls._offer, entries_of(cls._offer), by_hand=by_hand)
        manager._channel = LocalChannel(manager._host, lambda: by_hand)
        return manager

    # --- The rest of a BaseManager

    @property
    def address(self) -> str | tuple[str, int] | None:
        """Where the server listens, as `multiprocessing.managers` writes it."""
        return None if self._place is None else self._place.raw

    def __enter__(self: _M) -> _M:  # noqa: PYI019
        if self._channel is None:
            self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if self._end_child is not None:
            self.shutdown()
        else:
            self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._place or 'no address yet'}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        if self._channel is None:
            return super().__reduce_ex__(protocol)
        raise NotSupported(
            f"{self!r} is connected and stays in this process: pass proxies on, or open it there"
        )

    # --- For the generated methods

    def _singleton(self, name: str) -> Any:
        return self._connected().singleton(name)

    def _make(self, name: str, arguments: Mapping[str, object]) -> Any:
        return self._connected().make(name, arguments)

    # --- Inside

    @property
    def _declared(self) -> bool:
        """Whether there is a spec."""
        return bool(self._offer.spec)

    @property
    def _server_name(self) -> str:
        """The name of its sockets."""
        return self._offer.server or type(self).__name__

    def _is_typed(self, serializer: str | None) -> bool:
        if serializer is None:
            return self._declared
        if serializer not in {"typed", "pickle"}:
            raise NotSupported(f"there is no serializer {serializer!r}: use 'typed' or 'pickle'")
        if serializer == "typed" and not self._declared:
            raise NotSupported(
                f"{type(self).__name__} has no spec, and so no types: leave serializer out"
            )
        return serializer == "typed"

    def _written_out(self, address: WrittenAddress) -> WrittenAddress:
        """Return an address without a host, which the standard library knows, in full."""
        if not self._declared and isinstance(address, tuple) and address[:1] == ("",):
            return ("0.0.0.0", *address[1:])  # noqa: S104 - as the user asked
        return address

    def _connected(self) -> SocketChannel | LocalChannel | PickleChannel:
        if self._channel is None:
            name = type(self).__name__
            raise ConnectionClosed(
                f"{self!r} is not connected: use {name}.open(), connect(), or `with {name}()`"
            )
        return self._channel

    def _attach(self, place: Address, key: bytes | None, timeout: float = CONNECTING) -> None:
        try:
            channel = self._reached(place, key, timeout)
        except AuthenticationFailed as error:
            needed = not (self._typed and isinstance(place, UnixAddress))
            if not needed or self._key or key_of_environment():
                raise
            raise AuthenticationFailed(
                f"{error}: no key was given, and this process has another: give the server's as "
                "authkey, or in KINFOLK_AUTHKEY"
            ) from None
        self.close()
        self._channel, self._place = channel, place

    def _reached(
        self, place: Address, key: bytes | None, timeout: float
    ) -> SocketChannel | PickleChannel:
        if self._typed:
            from kinfolk.client.managing import reach  # noqa: PLC0415 - as above

            return reach(type(self), place, key, timeout)
        from kinfolk.pickles.managing import reach_by_pickle  # noqa: PLC0415 - as above

        return reach_by_pickle(self, place, self._key, timeout)

    def _attach_or_start(
        self, place: Address, key: bytes | None, timeout: float, idle: float | None
    ) -> None:
        from kinfolk.server.standalone import Job, reach_or_launch  # noqa: PLC0415 - as above

        if not self._typed:
            raise NotSupported(
                f"a server that speaks pickle is not started on demand: {self._how_to_serve}, and "
                "leave `start` out"
            )
        if not isinstance(place, UnixAddress):
            raise NotSupported(
                f"no server is started at {place}: `start` is for sockets of this machine; run "
                f"`kinfolk serve {self._offer.spec} --address {place}` there"
            )
        cls = _importable(type(self))
        job = Job(cls.__module__, cls.__qualname__, self._offer.spec, place, self._key, idle)
        try:
            reach_or_launch(job, lambda: self._attach(place, key, timeout), timeout)
        except BaseException:
            self.close()
            raise

    @property
    def _how_to_serve(self) -> str:
        if self._declared:
            return f"run `kinfolk serve {self._offer.spec} --serializer pickle`"
        return f"serve it with `{type(self).__name__}(…).get_server().serve_forever()`"

    def _found_place(self) -> Address:
        return self._place or resolve_address(None, self._server_name)


def _importable(cls: type[Manager]) -> type[Manager]:
    """Return the class that another process finds by an import, and that makes the same server.

    Raises:
        NotSupported: There is none.
    """
    offer = type_of(cls)
    for base in cls.__mro__:
        if not issubclass(base, Manager) or type_of(base) is not offer:
            break
        module = sys.modules.get(base.__module__)
        found: object = getattr(module, base.__qualname__, None)
        same = base.get_server is cls.get_server
        if found is base and same and base.__module__ != "__main__":
            return base
    raise NotSupported(
        f"no server is started for {cls.__qualname__}, which another process cannot import: define "
        "it at the top of a module that is not run as a program"
    )


def _check_idle(idle: float | None) -> None:
    """Refuse at the caller what would end the server only once it runs."""
    if idle is not None:
        patience("idle", idle)


Manager._reserved = frozenset(dir(Manager))  # pyright: ignore[reportPrivateUsage]
