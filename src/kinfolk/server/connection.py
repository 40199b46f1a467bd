"""One connection at the server: the handshake, then requests for the host and its replies."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import attrs
import msgspec
from typing_extensions import Buffer

from kinfolk.deadlines import time_left
from kinfolk.errors import (
    ConnectionClosed,
    ConnectionLost,
    HandshakeFailed,
    LimitExceeded,
    ProtocolError,
    SpecMismatch,
)
from kinfolk.heartbeat import fell_silent, keep_watch
from kinfolk.host.chains import Chain, thread
from kinfolk.host.hosting import Host
from kinfolk.host.owners import Process
from kinfolk.host.places import raised
from kinfolk.host.sessions import Link, Session
from kinfolk.limits import Limits
from kinfolk.server.admission import Admission
from kinfolk.server.deaths import Deaths
from kinfolk.server.outbox import Outbox
from kinfolk.server.refusing import RefusalLog, say_farewell
from kinfolk.sockets import (
    Credentials,
    check_user,
    close_in_children,
    in_pieces,
    listen_in_pieces,
    listen_patiently,
    peer_name,
    tune,
)
from kinfolk.wire.codec import Codecs
from kinfolk.wire.descriptions import describe_offer
from kinfolk.wire.failures import lower_failure
from kinfolk.wire.frames import FrameBuffer, decode_request, encode, whole_message
from kinfolk.wire.greetings import HANDSHAKE_LIMIT, AboutToEnd, Refusal
from kinfolk.wire.handshake import Identity, Peer, ServerHandshake, farewell_to_the_silent
from kinfolk.wire.messages import (
    NOTHING,
    Call,
    Describe,
    Failed,
    Release,
    Reply,
    Report,
    Request,
    Result,
    Stop,
)
from kinfolk.wire.reports import ServerReport

__all__ = ["Caller", "Connection", "Service"]

_logger = logging.getLogger("kinfolk.server")
_READ: Final = 64 * 2**10


@attrs.frozen
class Service:
    """What a connection is given by its server."""

    host: Host
    codecs: Codecs
    identity: Identity
    key: bytes | None
    limits: Limits
    admission: Admission
    refusals: RefusalLog
    deaths: Deaths
    stop: Callable[[], None]
    is_stopping: Callable[[], bool]
    report: Callable[[], ServerReport]


@attrs.frozen
class Caller:
    """A connection of a client, as a report needs it.

    `chain` is that of the connection's thread, and `pid` what the client says of itself.
    """

    session: Session
    chain: Chain
    pid: int
    credentials: Credentials | None


class Connection:
    """Serves one accepted socket, in a thread of its own that calls `run`.

    When it has only waited for a while it rests: it needs no thread then, until there is something
    to read.
    """

    def __init__(self, sock: socket.socket, address: object, service: Service) -> None:
        self._sock = sock
        self._service = service
        self._who = peer_name(sock, address)
        self._credentials: Credentials | None = None
        self._link: Link | None = None
        self._outbox: Outbox | None = None
        self._limit = HANDSHAKE_LIMIT
        self._dismissed: LimitExceeded | None = None
        # Who calls, once that is known; never anybody for an observer.
        self.caller: Caller | None = None
        # How many calls have come; written by this connection's thread only.
        self.calls = 0
        # Each of the two who know these sets its own before it looks at the other's, so that at
        # least one of them sees what the other did: `_over` means that no request is begun any
        # more, `_busy` that one may be under way.
        self._over = False
        self._busy = False
        # Whether it waits for requests as long as it takes, and so never rests.
        self._patient = True
        close_in_children(sock)

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._sock.fileno()

    def run(self, *, briefly: bool = False) -> bool:
        """Serve the connection until it rests, and return True, or to its end.

        One that rests goes on when this is called again, in whatever thread; `briefly` is until
        there is nothing more to read.
        """
        rests = False
        try:
            rests = self._go_on(self.caller, briefly=briefly) if self.caller else self._begin()
        except (ProtocolError, LimitExceeded) as error:
            _logger.warning("%s broke the protocol: %s", self._who, error)
        except OSError as error:
            _logger.info("%s is lost: %s", self._who, error)
        except Exception as error:
            _logger.error("the connection of %s failed: %s", self._who, raised(error))  # noqa: TRY400 - a message can hold values
        finally:
            if not rests:
                self._close()
        return rests

    # --- Its end, as others see it

    def wait_no_more(self) -> None:
        """Withdraw the calls that wait, and let no others wait; see `Link.wait_no_more`."""
        if self._link is not None:
            self._link.wait_no_more()

    def finish(self) -> None:
        """Begin no more requests; the one under way is answered."""
        self._over = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RD)

    def lost(self) -> None:
        """End at once: the peer is gone, or has to go."""
        self._over = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        if self._busy and self._link is not None:
            # Its own thread will not come to it soon, and closing may run code of the user's.
            with contextlib.suppress(RuntimeError):  # the system has no more threads
                threading.Thread(target=self._link.close, name="kinfolk-lost", daemon=True).start()

    def dismiss(self, error: LimitExceeded) -> None:
        """End the handshake; see `Newcomer.dismiss`."""
        self._dismissed = error
        # An observer that is being answered may never read; all others are told why first.
        how = socket.SHUT_RD if self._outbox is None else socket.SHUT_RDWR
        with contextlib.suppress(OSError):
            self._sock.shutdown(how)

    def _close(self) -> None:
        pid = self._credentials.pid if self._credentials else 0
        self._service.deaths.forget(self, self._sock.fileno(), pid)
        silent = fell_silent(self._sock)
        self._sock.close()
        self._service.admission.leave(self)
        if self._link is not None:
            self._link.close()
            if self._link.session.ended:
                # The server, as it ends, gives a moment to what is being closed.
                self._link.session.service.wait()
            how = "is lost: its network is silent" if silent else "left"
            _logger.info("%s %s", self._who, how)

    # --- The handshake

    def _begin(self) -> bool:
        tune(self._sock)
        peer = self._shake_hands()
        return peer is not None and self._welcome(peer)

    def _shake_hands(self) -> Peer | None:
        service = self._service
        handshake = ServerHandshake(service.identity, key=service.key, admit=self._admit)
        deadline = time.monotonic() + service.limits.handshake_timeout
        try:
            self._credentials = check_user(self._sock)
            while handshake.peer is None:
                self._sock.sendall(handshake.receive(self._receive_until(deadline)))
        except (HandshakeFailed, SpecMismatch, LimitExceeded) as error:
            self._refuse(handshake, self._dismissed or error)
            return None
        except TimeoutError:
            seconds = service.limits.handshake_timeout
            late = HandshakeFailed(f"no handshake within {seconds:g} s")
            if handshake.begun:
                self._refuse(handshake, late)
            else:
                service.refusals.note(self._who, late)
                self._say_farewell(farewell_to_the_silent(late))
            return None
        self._sock.settimeout(None)
        return handshake.peer

    def _refuse(self, handshake: ServerHandshake, error: Refusal) -> None:
        self._service.refusals.note(self._who, error)
        self._say_farewell(handshake.farewell(error))

    def _receive_until(self, deadline: float) -> bytes:
        self._sock.settimeout(time_left(deadline))
        return self._sock.recv(2 * HANDSHAKE_LIMIT)

    def _admit(self, token: bytes, pid: int) -> bytes:
        if self._credentials is None:
            self._who = f"process {pid} at {self._who}"
        self._service.admission.welcome(self)
        host = self._service.host
        session = host.find(token) if token else None
        if session is not None:
            with contextlib.suppress(ConnectionClosed):  # it ended this very moment
                self._link = session.attach()
                return token
        if self._service.is_stopping():
            raise AboutToEnd
        try:
            session = host.session(self._who)
        except ConnectionClosed:
            raise AboutToEnd from None
        seen = self._credentials
        session.process = (
            Process(pid) if seen is None else Process(seen.pid or pid, seen.uid, seen.pid)
        )
        self._link = session.attach()
        return session.token

    def _say_farewell(self, data: bytes) -> None:
        say_farewell(self._sock, data, lambda: self._dismissed)

    # --- Requests and replies

    def _welcome(self, peer: Peer) -> bool:
        self._limit = peer.limit
        keep_watch(self._sock, *peer.heartbeat)
        self._outbox = Outbox(self._sock, self._give_up, self._service.limits.unread)
        if self._link is None:
            self._serve_observer()
            return False
        self._enter(peer, self._link)
        return self._serve(self._link, self._outbox)

    def _serve_observer(self) -> None:
        """Answer one that has no session, and so may ask only what is the server's affair."""
        # It counts among those who shake hands: let in when the server is full, and the first to
        # go when too many come.
        buffer = FrameBuffer(self._service.identity.limit)
        try:
            while not self._dismissed and (data := self._sock.recv(_READ)):
                for message in self._gather(buffer, data):
                    self._tell_observer(decode_request(message))
        finally:
            if self._dismissed:
                self._service.refusals.note(self._who, self._dismissed)

    def _tell_observer(self, request: Request) -> None:
        if not self._is_ours(request):
            name = type(request).__name__
            raise ProtocolError(f"{name} is for clients of a manager, and it named none")

    def _enter(self, peer: Peer, link: Link) -> None:
        # In a socket that was handed on, or seen from elsewhere, the process is another one's.
        seen = self._credentials
        pid = seen.pid if seen is not None and seen.pid == peer.pid else 0
        self._service.deaths.watch(self, self._sock.fileno(), pid)
        self.caller = Caller(link.session, thread.chain, pid or peer.pid, self._credentials)
        link.session.service.fit(peer.limit)
        _logger.info("%s is connected", self._who)

    def _go_on(self, caller: Caller, *, briefly: bool) -> bool:
        assert self._link is not None
        assert self._outbox is not None
        self.caller = attrs.evolve(caller, chain=thread.chain)
        self._outbox.go_on()
        return self._serve(self._link, self._outbox, briefly=briefly)

    def _serve(self, link: Link, outbox: Outbox, *, briefly: bool = False) -> bool:
        """Serve requests until it rests, and return True, or to the end."""
        limit = self._service.identity.limit
        buffer = FrameBuffer(limit)
        flags = socket.MSG_DONTWAIT if briefly else 0
        while True:
            try:
                data = self._sock.recv(_READ, flags)
            except BlockingIOError:
                if briefly or link.only_waits:
                    outbox.rest()
                    return True
                self._patient = True
                listen_patiently(self._sock)
                continue
            if not data:
                break
            message = whole_message(data, limit)
            if message is not None:  # as nearly always
                self._handle(link, message)
            else:
                for each in self._gather(buffer, data):
                    self._handle(link, each)
            if self._patient and link.only_waits:
                self._patient = False
                listen_in_pieces(self._sock)
        if not buffer.empty:
            _logger.warning("%s left in the middle of a message", self._who)
        return False

    def _gather(self, buffer: FrameBuffer, data: bytes) -> Iterator[memoryview]:
        """Yield messages that came in pieces, or several at once, until a frame ends with a piece.

        When the connection ends before that, the buffer is not empty.
        """
        yield from buffer.receive(data)
        while not buffer.empty:
            space = buffer.space()
            if space is not None:
                count = in_pieces(self._sock.recv_into, space)
                if not count:
                    return
                yield from buffer.filled(count)
            else:
                data = in_pieces(self._sock.recv, _READ)
                if not data:
                    return
                yield from buffer.receive(data)

    def _handle(self, link: Link, message: Buffer) -> None:
        self._busy = True
        request = decode_request(message)
        if self._over:
            # Nothing is begun any more, but what the peer let go of before it went is noted.
            if isinstance(request, Release):
                link.receive(request, self._answer)
        elif isinstance(request, Call):  # as nearly all are
            self.calls += 1
            link.call(request, self._answer)
        elif not self._is_ours(request):
            link.receive(request, self._answer)
        self._busy = False

    def _is_ours(self, request: Request) -> bool:
        """Answer what the host knows nothing of; return False for all else."""
        if isinstance(request, Stop):
            _logger.info("%s stops the server", self._who)
            self._answer(Result(request.call, NOTHING))
            self._service.stop()
        elif isinstance(request, Describe):
            self._answer_with(request, describe_offer(self._service.host.offer))
        elif isinstance(request, Report):
            self._answer_with(request, self._service.report())
        else:
            return False
        return True

    def _answer_with(self, request: Describe | Report, value: msgspec.Struct) -> None:
        self._answer(Result(request.call, msgspec.Raw(msgspec.msgpack.encode(value))))

    def _give_up(self, error: Exception) -> None:
        level = logging.WARNING if isinstance(error, LimitExceeded) else logging.DEBUG
        _logger.log(level, "%s takes no more answers: %s", self._who, error)
        self.lost()

    def _answer(self, reply: Reply) -> None:
        assert self._outbox is not None
        try:
            frame = encode(reply, self._limit)
        except LimitExceeded as error:
            if self._link is not None:
                self._link.take_back(reply.call)
            failure = lower_failure(
                LimitExceeded(f"the answer is too long: {error}"), self._service.codecs
            )
            frame = encode(Failed(reply.call, failure), self._limit)
        if not self._outbox.send(frame):
            raise ConnectionLost(f"{self._who} takes no more answers", executed="yes")
