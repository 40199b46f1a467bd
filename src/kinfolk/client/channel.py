"""The channel to a server: calls go over a pool of connections, and survive what befalls those.

A channel outlives its connections and its server: the next call opens a connection where the last
one was lost. It also goes on in a forked child, which begins with a session of its own.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from multiprocessing.context import get_spawning_popen
from typing import TYPE_CHECKING, Any, Final

from kinfolk.addresses import Address
from kinfolk.calls import CallingChannel, Numbered, VersionChanged
from kinfolk.client.connection import END_TIMEOUT, Connection
from kinfolk.client.pool import Pool
from kinfolk.client.reaching import Destination
from kinfolk.client.sharing import Channels
from kinfolk.client.versions import Versions
from kinfolk.counted import counts
from kinfolk.deadlines import blocks_around, end_of_block, end_of_wait, own_deadline, patience
from kinfolk.errors import ConnectionClosed, ConnectionLost, Executed, KinfolkError
from kinfolk.proxy import Proxy
from kinfolk.signals import raised_by_handler
from kinfolk.wire.by_hand import Registry
from kinfolk.wire.frames import DEFAULT_LIMIT, encode
from kinfolk.wire.handshake import Identity
from kinfolk.wire.messages import NO_CALL, Call, Release, Reply, Stop, Target, Withdraw
from kinfolk.wire.table import ManagerType

if TYPE_CHECKING:
    from kinfolk.wire.versions import Differences

__all__ = ["SocketChannel", "shared_channel"]

_FORK_TIMEOUT: Final = 0.5  # seconds, for all channels together


class SocketChannel(CallingChannel):
    """A channel to the server at an address; connected once it is made.

    Args:
        offer: What the manager offers.
        address: Where the server listens.
        key: The key that both ends hold, if any.
        timeout: How many seconds connecting may take, now and whenever a connection is opened;
            infinity is allowed.
        limit: The longest reply to receive, in bytes.
        by_hand: Returns what was registered by hand at this end.
        rebuild: Makes a proxy in another process, of the address, the key, the channel's token, the
            proxy type and the target; pickle has to find it there.

    Raises:
        NotRunning: No server listens there.
        AuthenticationFailed: One end refuses the other's key or user.
        SpecMismatch: The server offers another manager.
        HandshakeFailed: What listens there is no server of ours.
        LimitExceeded: The server has no room for this client.
        CallTimeout: It took too long.
    """

    def __init__(
        self,
        offer: ManagerType,
        address: Address,
        *,
        key: bytes | None = None,
        timeout: float = 10.0,
        limit: int = DEFAULT_LIMIT,
        by_hand: Callable[[], Registry] = dict,
        rebuild: Callable[..., Proxy],
    ) -> None:
        super().__init__(offer, by_hand)
        self._address = address
        self._key = key
        self._rebuild = rebuild
        self.token = secrets.token_bytes(8)
        destination = Destination(
            address,
            Identity.of(offer, limit),
            key,
            patience("timeout", timeout),
            remedy=f"kinfolk serve {offer.spec}",
        )
        self._versions = Versions(offer, destination.identity)
        self._pool = Pool(destination, self)
        self._pool.first()
        _channels.add(self)

    # --- What proxies and managers ask for

    @property
    def address(self) -> str:
        """Where the objects live, as a URL."""
        return str(self._address)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._pool.closed

    @property
    def linked(self) -> bool:
        """Whether there is a connection, and with it the session."""
        return self._pool.linked

    def stop(self) -> None:
        """Stop the server, wait until it has given up its address, and close the channel."""
        self.exchange(Stop(NO_CALL))
        self._pool.wait_for_end(end_of_wait(END_TIMEOUT))
        self.close()

    def close(self) -> None:
        """Close all connections, which ends the session; closing twice has no effect.

        Calls that other threads have under way fail with `ConnectionClosed`.
        """
        self._pool.close()

    def pickled(self, proxy: Proxy) -> tuple[Any, ...]:
        """Return what makes a proxy of the same object in another process.

        The object is kept until that process has it, for a while. The key goes along only into a
        child that is just being started, as in the standard library.
        """
        sent: Any = proxy  # what it has, it has for its channel
        target: Target = sent._counted()
        if isinstance(target, int):
            self.lend([target])
        key = None if get_spawning_popen() is None else self._key
        arguments = self.address, key, self.token, sent._members.proxy_type, target
        return self._rebuild, arguments

    # --- Calls

    def exchange(self, request: Numbered | Stop) -> Reply:
        """Send a request over a connection of its own; see `CallingChannel.exchange`."""
        pool, lease, known = self._pool, None, self._differences
        heard = not isinstance(request, Withdraw)
        try:
            lease = pool.take(heard=heard)
            if self._differences is not known:
                self._refuse_older(request)
            connection = lease.connection
            frames = encode(request, connection.limit)
            connection.call = request.call if heard else NO_CALL
            until = None if blocks_around() is None else end_of_block()
            reply = connection.exchange(frames, request.call, until)
        except BaseException as error:
            if lease is not None:
                pool.give_up(lease, error, heard=heard)
            if pool.closed and isinstance(error, ConnectionLost):
                raise ConnectionClosed(f"{self.address} was closed during the call") from None
            raise
        pool.give_back(lease)
        return reply

    def _refuse_older(self, request: Numbered | Stop) -> None:
        if isinstance(request, Call):
            raise VersionChanged(f"{self.address} is of another version now", executed="no")

    def tell(self, message: Release) -> None:
        """Send what has no reply."""
        self._pool.tell(bytes(encode(message)))

    def was_lost_by(self, error: BaseException) -> bool:
        """Return whether an error told of the end of a session; see `Settling.was_lost_by`."""
        return self._pool.was_lost_by(error)

    def overlooked(self, error: BaseException) -> None:
        """Note that no caller hears of an error; see `Settling.overlooked`."""
        self._pool.overlooked(error)

    def withdraw(self, number: int) -> Executed:
        """Take back a call; see `CallingChannel.withdraw`."""
        executed = super().withdraw(number)
        # Only now: when its connection ends, a call that was granted something keeps it.
        self._pool.mend(number)
        return executed

    # --- Connections, as the pool opens them

    def meet(self, connection: Connection, until: float) -> Differences | None:
        """Find out what differs at the other end of a new connection."""
        return self._versions.differences(connection, until)

    def met(self, differences: Differences | None, *, anew: bool) -> None:
        """Note that a connection is in use from now on, `anew` in a session without references."""
        if anew:
            self._start_generation()
        self._differences = differences

    def meet_again(self) -> None:
        """Reconnect if the server is gone; see `CallingChannel.meet_again`."""
        self._pool.check()

    # --- Forks

    def before_fork(self) -> None:
        """Have the objects to which this process refers kept for the child."""
        if not self.closed and counts(self):
            try:
                self.lend(None)
            except (KinfolkError, OSError) as error:
                if raised_by_handler(error):
                    raise
                self.overlooked(error)

    def start_afresh(self) -> None:
        """Begin without a session and without connections, in a forked child.

        What it inherited is the parent's: the sockets, closed by now, and the references.
        """
        self._start_generation()
        self._pool.start_afresh()


# --- All channels of this process

_channels: Final[Channels[SocketChannel]] = Channels()
shared_channel: Final = _channels.shared


def _before_fork() -> None:
    with own_deadline(_FORK_TIMEOUT):
        for channel in _channels.all():
            channel.before_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
