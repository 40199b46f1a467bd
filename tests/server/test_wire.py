"""The wire, driven by a bare socket: byte by byte, and several frames at once."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import msgspec
import pytest
from support.folders import short_folder
from support.samples.manager import SampleManager
from support.serving import Raw, Served, serve_here
from support.threads import Run

from kinfolk.wire.frames import encode
from kinfolk.wire.handshake import ClientHandshake, Identity
from kinfolk.wire.messages import Call, Items, Next, Release, Reply, Result, Streaming, Withdraw


@pytest.fixture(params=["unix", "unix with a key", "tcp"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Run a server here."""
    with short_folder() as folder, serve_here(request.param, folder) as found:
        yield found


def trickle(raw: Raw, data: bytes | bytearray) -> None:
    """Send bytes one by one, each in a packet of its own where there are packets."""
    if raw.sock.family != socket.AF_UNIX:
        raw.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in data:
        raw.sock.sendall(bytes([byte]))


def shake_hands_slowly(raw: Raw, key: str | None) -> None:
    """Do the whole handshake byte by byte, both ways."""
    handshake = ClientHandshake(
        Identity.of(SampleManager._offer),
        pid=os.getpid(),
        key=key.encode() if key else None,
        vouched=key is None,
    )
    outgoing = handshake.start()
    while handshake.peer is None:
        trickle(raw, outgoing)
        outgoing = handshake.receive(raw.sock.recv(1))


def call(number: int, target: str | int, member: str, **arguments: object) -> Call:
    """Return a call."""
    return Call(number, target, member, 1, msgspec.Raw(msgspec.msgpack.encode(arguments)))


def value(reply: Reply) -> object:
    """Return the result that a reply has."""
    assert isinstance(reply, Result)
    return msgspec.msgpack.decode(reply.value)


def test_a_whole_session_byte_by_byte(served: Served) -> None:
    """The handshake, calls, a stream and what has no reply, each byte for itself."""
    with served.raw(shake_hands=False) as raw:
        shake_hands_slowly(raw, served.key)

        def ask(request: Call | Next | Withdraw) -> Reply:
            trickle(raw, encode(request))
            reply = raw.receive()
            assert reply.call == request.call
            return reply

        assert value(ask(call(1, "frontier", "push", url="u"))) is True
        assert value(ask(call(2, "frontier", "push", url="v", priority=3))) is True
        opened = ask(call(3, "frontier", "__iter__"))
        assert isinstance(opened, Streaming)
        items = ask(Next(4, opened.stream, 1, 1))
        assert isinstance(items, Items)
        assert items.more
        trickle(raw, encode(Release([opened.stream])))
        assert value(ask(Withdraw(7, 99))) == "no"
        assert value(ask(call(5, "frontier", "__len__"))) == 2
        large = bytes(3_000)
        assert value(ask(call(6, "trouble", "echo", value=large))) == large


def test_several_frames_at_once(served: Served) -> None:
    """All are carried out in their order, and those that have an answer get it."""
    with served.raw() as raw:
        opened = Release([1, 2, 3]), Withdraw(999, 998)
        pushes = [call(number, "frontier", "push", url=f"u{number}") for number in range(1, 51)]
        length = call(51, "frontier", "__len__")
        raw.sock.sendall(b"".join(bytes(encode(each)) for each in (*opened, *pushes, length)))
        replies = [raw.receive() for _ in range(52)]
        assert [reply.call for reply in replies] == [999, *range(1, 52)]
        assert value(replies[-1]) == 50


@pytest.mark.parametrize("size", [10, 70_000, 400_000])
def test_frames_that_end_anywhere(served: Served, size: int) -> None:
    """A piece may hold the end of a frame, whole ones, and the beginning of another."""
    data = bytes(size)
    stream = b"".join(
        bytes(encode(call(number, "trouble", "echo", value=data))) for number in range(1, 8)
    )
    step = len(stream) // 3 + 1
    with served.raw() as raw:

        def send() -> None:
            for start in range(0, len(stream), step):
                raw.sock.sendall(stream[start : start + step])

        # In a thread, since the server reads no more while its answers are not read.
        sending = Run(send)
        assert [value(raw.receive()) for _ in range(7)] == [data] * 7
        sending.result()


def test_the_handshake_and_the_first_call_may_not_come_together(served: Served) -> None:
    """Who does not wait for its welcome is refused, and told so."""
    hello = ClientHandshake(Identity.of(SampleManager._offer)).start()
    with served.raw(shake_hands=False) as raw:
        raw.sock.sendall(hello + encode(call(1, "frontier", "pop")))
        assert b"did not wait for its answer" in raw.sock.recv(4096)
        assert raw.is_closed()
