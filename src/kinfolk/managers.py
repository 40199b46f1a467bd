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
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from multiprocessing import current_process, get_context
from multiprocessing.context import BaseContext
from multiprocessing.managers import BaseManager
from multiprocessing.util import Finalize
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from kinfolk.addresses import (
    Address,
    TcpAddress,
    UnixAddress,
    WrittenAddress,
    parse_address,
    private_address,
    resolve_address,
)
from kinfolk.declare import Factory, Singleton, offer_of
from kinfolk.errors import AuthenticationFailed, ConnectionClosed, NotSupported, SpecMismatch
from kinfolk.limits import Limits
from kinfolk.wire.table import ManagerType, Table

if TYPE_CHECKING:
    from kinfolk.client import SocketChannel
    from kinfolk.engines.local import LocalChannel
    from kinfolk.host.hosting import Host
    from kinfolk.pickles.channel import PickleChannel
    from kinfolk.pickles.stdlib import Registry
    from kinfolk.proxy import Proxy
    from kinfolk.server.process import ServerProcess, Serving
    from kinfolk.wire.messages import Target

__all__ = ["Manager", "check_key", "make_server", "rebuilt", "type_of"]

_SHORTEST_KEY: Final = 8
_TIMEOUT: Final = 10.0

_UNDECLARED: Final = ManagerType(
    "", "Manager", "", Table(spec="", fingerprint=""), singletons=dict, factories=dict
)
"""What a manager offers that has no spec: nothing but what is registered by hand."""

_M = TypeVar("_M", bound="Manager")
"""Not `Self`, which jedi does not follow into subclasses; it completes in IPython and vim."""


def check_key(authkey: str | bytes) -> bytes:
    """Return a key as bytes.

    Raises:
        ValueError: It is so short that it can be guessed.
    """
    key = authkey.encode() if isinstance(authkey, str) else bytes(authkey)
    if len(key) < _SHORTEST_KEY:
        raise ValueError(
            f"an authkey has at least {_SHORTEST_KEY} bytes, and this one {len(key)}: make one "
            "with `python -c 'import secrets; print(secrets.token_hex())'`"
        )
    return key


class Manager(BaseManager):
    """Makes a server of the objects that a spec's manager offers, or reaches one.

    As in `multiprocessing.managers`: `get_server().serve_forever()` serves in this process, `with`
    a new manager starts a child process that serves, and `connect` reaches a server elsewhere.
    `open` does the latter in one step.

    Args:
        address: Where the server listens: `(host, port)`, the path of a Unix socket, or a URL. By
            default what `KINFOLK_ADDRESS` says, or else the private socket of this user; for
            `start` a socket that only this manager knows. Without a spec an empty host stands for
            all networks of this machine, as in the standard library.
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
    # What is registered by hand, and says itself that only pickle carries it.
    _untyped: ClassVar[frozenset[str]] = frozenset()

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
        self._timeout = shutdown_timeout
        self._channel: SocketChannel | LocalChannel | PickleChannel | None = None
        self._host: Host | None = None
        self._child: ServerProcess | None = None
        self._end_child: Callable[[], object] | None = None

    # --- Reaching a server

    @classmethod
    def open(  # noqa: PYI019 - see `_M`
        cls: type[_M],
        address: WrittenAddress | None = None,
        *,
        authkey: str | bytes | None = None,
        serializer: str | None = None,
        timeout: float = 10.0,
        start: bool = False,
        idle: float | None = None,
    ) -> _M:
        """Reach a running server; `close`, or leaving a `with` block, ends the connection only.

        Args:
            address: Where it listens. By default what `KINFOLK_ADDRESS` says, or else the private
                socket of this user.
            authkey: The key, where the server asks for one. By default what `KINFOLK_AUTHKEY` says.
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
            NotSupported: `start` with "pickle".
            ValueError: A timeout that is negative, or not a number.
        """
        if idle is not None and not start:
            raise ValueError("idle is for the server that start=True starts")
        manager = cls(address, authkey, serializer)
        key = manager._key or _key_of_environment()
        place = manager._found_place()
        if key is None and isinstance(place, TcpAddress):
            raise AuthenticationFailed(
                f"{place} asks for a key: give it as authkey, or in KINFOLK_AUTHKEY"
            )
        if start:
            manager._attach_or_start(place, key, timeout, idle)
        else:
            manager._attach(place, key, timeout)
        return manager

    def connect(self) -> None:
        """Reach the running server at the manager's address."""
        place = self._found_place()
        self._attach(place, _key_at(place, self._key))

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
        """
        place = self._found_place()
        key = _key_for(place, self._key)
        if insecure is None:
            insecure = not self._declared
        return make_server(
            type(self), place, key, self._by_hand, insecure=insecure, limits=limits, idle=idle
        )

    def start(
        self, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()
    ) -> None:
        """Start a child process that serves, and connect to it.

        Args:
            initializer: Called in the child process first, with `initargs`.
            initargs: The arguments.
        """
        from kinfolk.server.process import ServerProcess  # noqa: PLC0415 - as above

        place = self._place or private_address(self._server_name)
        key = _key_for(place, self._key)
        if key is None and not self._typed:
            # As there: what this process starts by multiprocessing has the key.
            key = bytes(current_process().authkey)
        # It has to be done before shutdown loses patience.
        make = functools.partial(
            make_server,
            type(self),
            place,
            key,
            self._by_hand,
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
        """Stop the server, started here or not, and close the connection."""
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
        from kinfolk.host.hosting import Host  # noqa: PLC0415

        manager = cls()
        manager._host = Host(cls._offer, _entries(cls._offer))
        manager._channel = LocalChannel(manager._host)
        return manager

    # --- The rest of a BaseManager

    @property
    def address(self) -> str | tuple[str, int] | None:
        """Where the server listens, as `multiprocessing.managers` writes it."""
        return None if self._place is None else self._place.raw

    @classmethod
    def register(
        cls,
        typeid: str,
        callable: Callable[..., object] | None = None,  # noqa: A002 - named so there
        proxytype: Any = None,
        exposed: Sequence[str] | None = None,
        method_to_typeid: Mapping[str, str] | None = None,
        create_method: bool = True,
    ) -> None:
        """Offer something that is not in the spec, as the standard library's managers do.

        It is served with `serializer="pickle"` only, and nobody knows its types.

        Args:
            typeid: Its name.
            callable: Makes the object, at the server.
            proxytype: The class of its proxies; `AutoProxy` by default.
            exposed: The methods that can be called; by default those of the proxy type, or all that
                are public.
            method_to_typeid: The methods whose results stay at the server, and the names under
                which proxies of these are registered.
            create_method: Add a method to this class that returns a proxy of it.

        Raises:
            ValueError: The manager has something else of this name.
        """
        known = _registry_of(cls)
        if typeid in {*cls._offer.singletons, *cls._offer.root.names}:
            raise ValueError(
                f"{cls._offer.spec} has an entry {typeid!r} already: take another name"
            )
        if create_method and typeid not in known and hasattr(Manager, typeid):
            raise ValueError(f"every manager has a {typeid!r} of its own: take another name")
        given: Any = method_to_typeid
        super().register(typeid, callable, proxytype, exposed, given, create_method=False)
        if create_method:

            def make(self: Manager, /, *args: Any, **kwds: Any) -> Any:
                return self._make_by_hand(typeid, args, kwds)

            make.__name__ = typeid
            setattr(cls, typeid, make)

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

    # --- For the generated methods

    def _singleton(self, name: str) -> Any:
        return self._connected().singleton(name)

    def _make(self, name: str, arguments: Mapping[str, object]) -> Any:
        return self._connected().make(name, arguments)

    # --- What was registered by hand

    @property
    def _by_hand(self) -> Registry | None:
        """What was registered by hand, for a server of pickles; None for one that is typed.

        Raises:
            NotSupported: There is something, and it would have to be typed.
        """
        registry = _registry_of(type(self))
        if not self._typed:
            return registry
        missed = next((name for name in registry if name not in self._untyped), None)
        if missed is not None:
            raise _only_by_pickle(missed)
        return None

    def _make_by_hand(self, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        channel: Any = self._connected()
        if self._typed:
            raise _only_by_pickle(typeid)
        return channel.make_by_hand(typeid, args, kwds)

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

    def _attach(self, place: Address, key: bytes | None, timeout: float = _TIMEOUT) -> None:
        channel = (
            _reach(type(self), place, key, timeout)
            if self._typed
            else _reach_by_pickle(type(self), place, self._key, timeout, weakref.ref(self))
        )
        self.close()
        self._channel = channel
        if not self._typed:
            from kinfolk.pickles.managing import be_as_there  # noqa: PLC0415 - as above

            be_as_there(self, place, _pickle_key(place, self._key))

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
        cls = type(self)
        job = Job(cls.__module__, cls.__qualname__, self._offer.spec, place, key, idle)
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
        if self._place is None:
            self._place = resolve_address(None, self._server_name)
        return self._place


def rebuilt(
    manager: type[Manager],
    address: str,
    key: bytes | None,
    token: bytes,
    proxy_type: object,
    target: Target,
) -> Proxy:
    """Return a proxy of an object of which another process told; what pickle calls.

    Args:
        manager: The generated class.
        address: Where the server is, as a URL.
        key: The key, if it came along.
        token: That of the other process's channel.
        proxy_type: The generated class of the proxy, or a parametrised one.
        target: The object.

    Raises:
        ObjectGone: It lives no more.
        KinfolkError: What `open` raises.
    """
    from kinfolk.client import shared_channel  # noqa: PLC0415 - as above

    def make() -> SocketChannel:
        place = parse_address(address)
        return _reach(manager, place, _key_at(place, key))

    channel = shared_channel(type_of(manager), address, token, make)
    return channel.referred(target, proxy_type)


def rebuilt_by_pickle(
    manager: type[Manager],
    address: str,
    key: bytes | None,
    token: bytes,
    proxy_type: object,
    target: Target,
    typeid: str,
    exposed: tuple[str, ...],
) -> Proxy:
    """Return a proxy as `rebuilt` does, over the standard library's wire.

    Args:
        manager: The generated class.
        address: Where the server is, as a URL.
        key: The key, if it came along.
        token: That of the other process's channel.
        proxy_type: The generated class of the proxy, or a parametrised one.
        target: The object.
        typeid: What the server calls the kind of it.
        exposed: What the server exposes.
    """
    from kinfolk.pickles.channel import shared_channel  # noqa: PLC0415 - as above

    def make() -> PickleChannel:
        return _reach_by_pickle(manager, parse_address(address), key, _TIMEOUT, _nobody)

    channel = shared_channel(type_of(manager), address, token, make)
    return channel.referred(target, proxy_type, typeid, exposed)


def _nobody() -> None:
    """Stand for a manager that is in another process."""


def _reach_by_pickle(
    manager: type[Manager],
    place: Address,
    key: bytes | None,
    timeout: float,
    own: Callable[[], Manager | None],
) -> PickleChannel:
    """Return a channel to a server that speaks the standard library's wire."""
    from kinfolk.pickles.managing import channel_to, proxy_by_hand  # noqa: PLC0415 - as above

    registry = _registry_of(manager)
    found = functools.partial(_pickle_key, place, key)
    return channel_to(
        type_of(manager),
        place,
        found,
        timeout,
        rebuild=functools.partial(rebuilt_by_pickle, manager),
        unknown=proxy_by_hand(registry, place, found, own),
    )


def _pickle_key(place: Address, key: bytes | None) -> bytes:
    """Return the key of a server of pickles: the one given, its socket's, or this process's."""
    from kinfolk.pickles.managing import found_key  # noqa: PLC0415 - as above

    return found_key(place, key, _key_of_environment())


def _registry_of(manager: Any) -> Registry:
    """Return what was registered by hand, of which type checkers do not know."""
    registry: Registry = manager._registry
    return registry


def _only_by_pickle(typeid: str) -> NotSupported:
    return NotSupported(
        f"{typeid!r} is registered by hand, and only serializer='pickle' carries that: ask for it "
        "at both ends, or add the class to the spec"
    )


def _reach(
    manager: type[Manager], place: Address, key: bytes | None, timeout: float = _TIMEOUT
) -> SocketChannel:
    """Return a channel to the server at an address, whose proxies can be pickled."""
    from kinfolk.client import SocketChannel  # noqa: PLC0415 - see the module's docstring

    rebuild = functools.partial(rebuilt, manager)
    return SocketChannel(type_of(manager), place, key=key, timeout=timeout, rebuild=rebuild)


def type_of(manager: type[Manager]) -> ManagerType:
    """Return what a generated class says of itself."""
    # A method could not say it: its name might be an entry's.
    return manager._offer  # pyright: ignore[reportPrivateUsage]


def make_server(
    manager: type[Manager],
    address: Address,
    key: bytes | None,
    by_hand: Registry | None = None,
    *,
    insecure: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    idle: float | None = None,
    grace: float = 1.0,
    begin: Callable[[str], object] | None = None,
) -> Serving:
    """Make what a manager offers, and a server for it that listens at an address.

    Args:
        manager: The generated class.
        address: Where to listen.
        key: The key that clients have to hold, if any.
        by_hand: What was registered by hand, for a server that speaks the standard library's wire;
            None for one that is typed.
        insecure: Listen also where others can read along.
        limits: What there is room for.
        idle: After how many seconds without a client the server stops; None is never.
        grace: How many seconds running calls have to end when the server stops.
        begin: Called with the name of each singleton before it is made.

    Raises:
        SpecMismatch: The generated class no longer fits its spec.
        AlreadyRunning: Another server listens there.
        AddressError: The address cannot be used, or not without a key or `insecure`.
    """
    offer = type_of(manager)
    entries = _entries(offer)
    if by_hand is None:
        from kinfolk.server import Server  # noqa: PLC0415 - see the module's docstring

        return Server(
            offer,
            entries,
            address,
            key=key,
            insecure=insecure,
            limits=limits,
            idle=idle,
            grace=grace,
            begin=begin,
        )
    if idle is not None:
        raise NotSupported(
            "a server that speaks pickle does not stop by itself: leave out `idle`, or serve with "
            "serializer='typed'"
        )
    from kinfolk.pickles.server import PickleServer  # noqa: PLC0415 - as above

    return PickleServer(
        offer,
        entries,
        by_hand,
        address,
        key=key,
        insecure=insecure,
        limits=limits,
        grace=grace,
        begin=begin,
    )


def _key_of_environment() -> bytes | None:
    key = os.environ.get("KINFOLK_AUTHKEY")
    try:
        return check_key(key) if key else None
    except ValueError as error:
        raise ValueError(f"KINFOLK_AUTHKEY: {error}") from None


def _key_at(place: Address, key: bytes | None) -> bytes | None:
    """Return the key with which to reach an address, where a Unix socket may ask for one too."""
    return _key_for(place, key) or _key_of_environment()


def _key_for(place: Address, key: bytes | None) -> bytes | None:
    """Return the key for an address; that of the process only where there has to be one."""
    if key is not None or isinstance(place, UnixAddress):
        return key
    return _key_of_environment() or bytes(current_process().authkey)


def _entries(offer: ManagerType) -> Mapping[str, Singleton | Factory]:
    """Return what the spec's class offers, which the generated module has to fit."""
    if not offer.spec:
        return {}
    spec = import_module(offer.spec)
    found = offer_of(getattr(spec, offer.name, None))
    known = {*offer.singletons, *offer.root.names}
    if found is None or set(found.entries) != known:
        raise SpecMismatch(
            f"the generated module no longer fits {offer.spec}: run `kinfolk generate {offer.spec}`"
        )
    return found.entries
