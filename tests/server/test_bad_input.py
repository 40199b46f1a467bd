"""Bad input: whatever one client does, the others are served while it does it, and afterwards."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from support.folders import short_folder
from support.programs import Program
from support.samples.manager import SampleManager
from support.serving import Raw, Served, serve

from kinfolk.errors import (
    ArgumentError,
    AuthenticationFailed,
    LimitExceeded,
    NoSuchMember,
    ObjectGone,
    RemoteError,
    ResultError,
)
from kinfolk.wire.frames import encode
from kinfolk.wire.handshake import ClientHandshake, Identity
from kinfolk.wire.messages import Call, Failed, Next, Release, Result, Target

PREAMBLE = b"KINFOLK\x01"
NO_ARGUMENTS = msgspec.Raw(b"\x80")
TIMEOUT = 0.3  # of the server's handshakes in the tests that wait for it

Others = Callable[[], None]


@pytest.fixture(scope="module", params=["unix", "tcp"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Run a server for all tests, which also shows that none of them harmed it."""
    with short_folder() as folder, serve(request.param, folder) as found:
        yield found


@pytest.fixture(scope="module", params=["unix with a key", "tcp"])
def keyed(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Run a server that asks for a key."""
    with short_folder() as folder, serve(request.param, folder) as found:
        yield found


@pytest.fixture(params=["unix", "tcp"])
def hasty(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Run a server that waits for handshakes only briefly."""
    with (
        short_folder() as folder,
        serve(request.param, folder, limits={"handshake_timeout": TIMEOUT}) as found,
    ):
        yield found


@pytest.fixture
def others(served: Served) -> Iterator[Others]:
    """Return a check that others are served: one who is connected already, and a newcomer.

    It is made during each test by the test, and here afterwards.
    """
    with bystander(served) as check:
        yield check
        check()


class bystander:  # noqa: N801 - used as a function
    """Somebody else, who only wants to be served."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._manager = served.open()

    def __enter__(self) -> Others:
        return self._check

    def _check(self) -> None:
        assert self._manager.job("old").describe() == "old x3"
        with self._served.open() as newcomer:
            assert newcomer.job("new", retries=1).describe() == "new x1"

    def __exit__(self, *_: object) -> None:
        self._manager.close()


def call(
    raw: Raw, target: Target, member: str, arguments: msgspec.Raw = NO_ARGUMENTS
) -> Failed | Result:
    """Make a call as no proxy would, and return its reply."""
    raw.send(Call(1, target, member, 1, arguments))
    reply = raw.receive()
    assert isinstance(reply, Failed | Result)
    return reply


def failure(reply: Failed | Result) -> tuple[str, str]:
    """Return the class and the message of what a call raised."""
    assert isinstance(reply, Failed)
    return reply.failure.class_name.rpartition(".")[2], reply.failure.message


def packed(value: Any) -> msgspec.Raw:
    """Return arguments as they travel."""
    return msgspec.Raw(msgspec.msgpack.encode(value))


# --- Handshakes


def is_one_plain_line(text: str) -> bool:
    """Return whether a refusal tells no more than it should."""
    return text.isprintable() and "Traceback" not in text and ".py" not in text


def test_without_the_key_nobody_gets_in(keyed: Served) -> None:
    """A client without a key is told what to give, and one that stops short gets nothing."""
    with bystander(keyed) as others, keyed.raw(shake_hands=False) as raw:
        raw.sock.sendall(ClientHandshake(Identity.of(SampleManager._offer)).start())
        challenge = raw.sock.recv(4096)
        assert challenge.startswith(PREAMBLE)
        others()
        raw.sock.sendall(encode(Call(1, "frontier", "pop", 1, NO_ARGUMENTS)))
        assert raw.is_closed()
        others()
    with pytest.raises(AuthenticationFailed, match="KINFOLK_AUTHKEY"):
        SampleManager.open(keyed.url)


def test_a_wrong_key_is_refused(keyed: Served) -> None:
    """A client with another key learns that the keys differ, and nothing else."""
    with bystander(keyed) as others, keyed.raw(shake_hands=False) as raw:
        with pytest.raises(AuthenticationFailed, match="does not hold the server's key"):
            raw.shake_hands("another key")
        others()
        assert raw.is_closed()
        others()
    with pytest.raises(AuthenticationFailed) as caught:
        SampleManager.open(keyed.url, authkey="another key")
    assert is_one_plain_line(str(caught.value))


def test_a_reflected_handshake_is_refused(keyed: Served) -> None:
    """Who sends the server's own messages back to it, over one connection or two, is nobody."""
    hello = ClientHandshake(Identity.of(SampleManager._offer)).start()
    with (
        bystander(keyed) as others,
        keyed.raw(shake_hands=False) as first,
        keyed.raw(shake_hands=False) as second,
    ):
        first.sock.sendall(hello)
        challenge = first.sock.recv(4096)
        nonce = msgspec.msgpack.decode(challenge[len(PREAMBLE) + 4 :])[1]
        # The other connection as an oracle: its nonce is the one to be proved in the first.
        fields = msgspec.msgpack.decode(hello[len(PREAMBLE) + 4 :])
        body = msgspec.msgpack.encode([1, nonce, *fields[2:]])
        second.sock.sendall(PREAMBLE + len(body).to_bytes(4, "big") + body)
        answer = second.sock.recv(4096)[len(PREAMBLE) :]
        assert msgspec.msgpack.decode(answer[4:])[0] == 2, "it proves nothing before the client"
        others()
        first.sock.sendall(challenge[len(PREAMBLE) :])
        second.sock.sendall(answer)
        assert first.is_closed()
        assert second.is_closed()
        others()


@pytest.mark.parametrize("beginning", [b"", b"KINF", PREAMBLE, PREAMBLE + b"\0\0"])
def test_a_silent_connection_is_dropped(hasty: Served, beginning: bytes) -> None:
    """Who says nothing, or too little, has its connection closed after the timeout."""
    with bystander(hasty) as others, hasty.raw(shake_hands=False) as raw:
        raw.sock.sendall(beginning)
        others()
        assert raw.is_closed()
        others()


def test_bytes_now_and_then_do_not_extend_the_timeout(hasty: Served) -> None:
    """The time is for the whole handshake, not for each piece of it."""
    hello = ClientHandshake(Identity.of(SampleManager._offer)).start()
    with bystander(hasty) as others, hasty.raw(shake_hands=False) as raw:
        raw.sock.settimeout(TIMEOUT / 10)
        for byte in hello[:-1]:
            try:
                raw.sock.sendall(bytes([byte]))
                told = raw.sock.recv(4096)
            except TimeoutError:
                continue
            assert b"no handshake within 0.3 s" in told
            assert raw.is_closed()
            break
        else:
            pytest.fail("it was heard out")
        others()


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_are_no_handshake(served: Served, others: Others, seed: int) -> None:
    """What speaks another protocol is told so, and closed."""
    with served.raw(shake_hands=False) as raw:
        raw.sock.sendall((PREAMBLE if seed else b"") + b"\0\0\0" + secrets.token_bytes(40 * seed))
        others()
        raw.sock.sendall(secrets.token_bytes(400))
        assert raw.is_closed()


def test_a_long_handshake_is_refused_by_its_length(served: Served, others: Others) -> None:
    """Who has not said who it is cannot make the server hold much."""
    with served.raw(shake_hands=False) as raw:
        raw.sock.sendall(PREAMBLE + (2**26).to_bytes(4, "big"))
        others()
        assert raw.is_closed()


# --- Frames


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xff\xff\xff", id="longer than the limit"),
        pytest.param((64 * 2**20 + 1).to_bytes(4, "big") + bytes(100), id="longer by one"),
        pytest.param(b"\0\0\0\0", id="empty"),
        pytest.param(b"\0\0\0\x05hello", id="no message"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 4, id="another protocol"),
        pytest.param(b"\0\x01\x86\xa0" + b"\x91" * 100_000, id="nested too deep"),
        pytest.param(bytes(encode(Result(1, NO_ARGUMENTS))), id="a reply"),
    ],
)
def test_a_frame_that_is_no_request_ends_the_connection(
    served: Served, others: Others, data: bytes
) -> None:
    """A peer that breaks the protocol is closed, and nobody else."""
    with served.raw() as raw:
        others()
        raw.sock.sendall(data)
        assert raw.is_closed()


def test_random_bytes_end_the_connection(served: Served, others: Others) -> None:
    """Whatever they happen to mean, the server survives them."""
    for _ in range(20):
        with served.raw() as raw:
            body = secrets.token_bytes(60)
            raw.sock.sendall(len(body).to_bytes(4, "big") + body + b"\xff\xff\xff\xff")
            others()
            assert raw.is_closed()


def test_a_truncated_frame_harms_nobody(served: Served, others: Others) -> None:
    """A message that never ends is waited for by its own connection only."""
    frame = bytes(encode(Call(1, "frontier", "push", 1, packed({"url": "u" * 100}))))
    with served.raw() as raw, served.raw() as large:
        raw.sock.sendall(frame[:-10])
        large.sock.sendall((60 * 2**20).to_bytes(4, "big") + bytes(1000))
        others()


# --- Calls


@pytest.mark.parametrize("target", ["nobody", "Frontier", "kinfolk", "_secret", 10**9, -1, 2**63])
def test_an_unknown_object_is_refused(served: Served, others: Others, target: Target) -> None:
    """A target that the client was never given is gone, and the connection goes on."""
    with served.raw() as raw:
        assert failure(call(raw, target, "pop"))[0] == "ObjectGone"
        others()
        assert isinstance(call(raw, "frontier", "pop"), Result)


def test_an_object_of_another_client_is_refused(served: Served, others: Others) -> None:
    """Numbers cannot be guessed into references: each client has those that it was given."""
    with served.raw() as raw, served.raw() as thief:
        reply = call(raw, "", "job", packed({"name": "mine"}))
        assert isinstance(reply, Result)
        number = msgspec.msgpack.decode(reply.value)[1]
        others()
        assert failure(call(thief, number, "describe"))[0] == "ObjectGone"
        assert isinstance(call(raw, number, "describe"), Result)


@pytest.mark.parametrize(
    "member",
    ["nothing", "forget", "_secret", "_pages", "__class__", "__init__", "__reduce__", "=", ""],
)
def test_what_is_not_exposed_is_refused(served: Served, others: Others, member: str) -> None:
    """Unknown, hidden and private members are all the same to a client: there are none."""
    with served.raw() as raw:
        name, message = failure(call(raw, "frontier", member))
        assert name == "NoSuchMember"
        assert "Frontier has no member" in message
        others()
        assert isinstance(call(raw, "frontier", "pop"), Result)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"url": 3}, "argument 'url' must be str, not int"),
        ({"url": "u", "priority": "high"}, "argument 'priority' must be int, not str"),
        ({"url": "u", "priority": 1, "more": 2}, "'more'"),
        ({}, "argument 'url' is missing"),
        (["u"], ""),
        ("u", ""),
        ({"url": None}, "argument 'url' must be str"),
        ({1: "u"}, ""),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    served: Served, others: Others, arguments: Any, complaint: str
) -> None:
    """The object never sees what its method does not declare."""
    with served.raw() as raw:
        name, message = failure(call(raw, "frontier", "push", packed(arguments)))
        assert name == "ArgumentError"
        assert message.startswith("Frontier.push: ")
        assert complaint in message
        others()


@pytest.mark.parametrize("levels", [200, 900])
def test_a_value_nested_too_deep_is_refused(served: Served, others: Others, levels: int) -> None:
    """Nesting is limited where values of any type may come, and the connection goes on."""
    nested = msgspec.Raw(b"\x81\xa5value" + b"\x91" * levels + b"\xc0")
    with served.raw() as raw:
        name, message = failure(call(raw, "trouble", "anything", nested))
        assert name == "ArgumentError"
        assert "nested too deep" in message
        others()
        assert isinstance(call(raw, "frontier", "pop"), Result)


@pytest.mark.parametrize("request_", [Release([1, -5, 2**40])], ids=str)
def test_taking_back_what_never_was_has_no_effect(
    served: Served, others: Others, request_: Release
) -> None:
    """Unknown references are passed over, without an answer."""
    with served.raw() as raw:
        raw.send(request_)
        others()
        assert isinstance(call(raw, "frontier", "pop"), Result)


def test_an_unknown_stream_is_refused(served: Served, others: Others) -> None:
    """A stream that ended, or never was, yields nothing."""
    with served.raw() as raw:
        raw.send(Next(1, 5, 100, 1))
        others()
        reply = raw.receive()
        assert isinstance(reply, Failed)
        assert reply.failure.class_name.endswith("ObjectGone")


# --- Objects that misbehave


def test_an_object_that_raises_raises_at_the_caller_only(served: Served, others: Others) -> None:
    """What a method raises arrives as its own class, and nobody else notices."""
    with served.open() as manager:
        others()
        with pytest.raises(ValueError, match="no such thing"):
            manager.trouble().refuse("no such thing")
        assert manager.frontier().limit == 500


def test_an_exception_that_cannot_travel_arrives_as_a_remote_error(
    served: Served, others: Others
) -> None:
    """Its class, text and traceback arrive in its place."""
    with served.open() as manager:
        others()
        with pytest.raises(RemoteError) as caught:
            manager.trouble().puzzle()
        assert caught.value.class_name == "support.samples.spec.Odd"
        assert caught.value.message == "odd"
        assert "puzzle" in caught.value.traceback
        assert manager.frontier().limit == 500


def test_an_object_cannot_end_the_server(served: Served, others: Others) -> None:
    """SystemExit is the caller's to know, and no reason to exit."""
    with served.open() as manager:
        with pytest.raises(RemoteError, match="SystemExit"):
            manager.trouble().leave()
        others()
        assert manager.frontier().limit == 500


def test_a_result_that_is_not_declared_is_kept_back(served: Served, others: Others) -> None:
    """The caller is told what was wrong with it."""
    with served.open() as manager:
        others()
        with pytest.raises(ResultError, match=r"Trouble\.lie .* must be int, not str"):
            manager.trouble().lie()
        assert manager.frontier().limit == 500


def test_a_result_that_is_too_long_is_kept_back(served: Served, others: Others) -> None:
    """The caller is told both numbers, and the connection goes on."""
    with served.open() as manager:
        with pytest.raises(LimitExceeded, match=r"67108\d+ bytes .* limit of 67108864 bytes"):
            manager.trouble().grow(64 * 2**20)
        others()
        assert manager.trouble().grow(10) == bytes(10)


def test_an_argument_that_is_too_long_is_not_sent(served: Served, others: Others) -> None:
    """The client knows the server's limit, and the connection goes on."""
    with served.open() as manager:
        with pytest.raises(LimitExceeded, match=r"67108\d+ bytes .* limit of 67108864 bytes"):
            manager.trouble().echo(bytes(64 * 2**20))
        others()
        assert manager.trouble().echo(b"short") == b"short"


# --- Proxies that are used wrongly


def test_proxies_refuse_what_the_server_would(served: Served, others: Others) -> None:
    """The client's own checks raise the same errors."""
    with served.open() as manager:
        frontier: Any = manager.frontier()
        with pytest.raises(ArgumentError, match="argument 'url' must be str, not int"):
            frontier.push(3)
        with pytest.raises(TypeError):
            frontier.push("u", 1, 2)
        with pytest.raises(AttributeError):
            frontier.forget()
        others()


@pytest.mark.parametrize("error", [NoSuchMember, ObjectGone])
def test_refusals_are_errors_of_ours(served: Served, error: type[Exception]) -> None:
    """What a raw reply names is a class that clients raise."""
    with served.raw() as raw:
        target = "frontier" if error is NoSuchMember else "nobody"
        name, _ = failure(call(raw, target, "nothing"))
        assert name == error.__name__


# --- Clients that are killed

VICTIM = """
import sys, threading
from support.samples.manager import SampleManager

manager = SampleManager.open(sys.argv[1], authkey=sys.argv[2] or None)
station = manager.station()
station.enrol("victim")
{call}
"""
CALLS = {
    "a call that runs": "print('ready', flush=True); station.stay()",
    "a call that waits": "print('ready', flush=True); station.knock()",
    "a call in another thread": (
        "threading.Thread(target=station.stay, daemon=True).start()\n"
        "print('ready', flush=True); sys.stdin.read()"
    ),
    "no call": "print('ready', flush=True); sys.stdin.read()",
    "a frame half sent": (
        "raw = manager._channel._pool.take().connection\n"
        "raw._sock.sendall(b'\\0\\0\\1\\0xyz'); print('ready', flush=True); sys.stdin.read()"
    ),
}


@pytest.mark.parametrize("doing", CALLS)
def test_a_client_killed_in_mid_call_is_noticed(served: Served, others: Others, doing: str) -> None:
    """Its session ends at once, whatever its connections were doing."""
    with served.open() as manager:
        station = manager.station()
        before = station.inside()
        with Program(
            "-c", VICTIM.format(call=CALLS[doing]), served.url, served.key or ""
        ) as victim:
            victim.expect("ready")
            if "stay" in CALLS[doing]:
                assert station.until_inside(before + 1)
            if "knock" in CALLS[doing]:
                assert station.until_waiting(1)
            assert station.present() == ["victim"]
            others()
            victim.kill()
            assert station.until("victim", here=False)
        others()
        assert station.open_gate() == 0
        station.leave_all()


ORPHANAGE = """
import ctypes, sys
from support.samples.manager import SampleManager

manager = SampleManager.open(sys.argv[1])
manager.station().enrol("parent")
libc = ctypes.CDLL(None)
child = libc.fork()  # past Python's own fork, so that nothing is closed in the child
if child == 0:
    libc.pause()
print(child, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux can watch processes")
def test_a_killed_client_is_noticed_while_its_child_has_the_socket() -> None:
    """The end of the process counts, not the end of its connections."""
    with (
        short_folder() as folder,
        serve("unix", folder) as served,
        served.open() as manager,
        Program("-c", ORPHANAGE, served.url) as parent,
    ):
        child = int(parent.line())
        try:
            parent.process.kill()
            assert manager.station().until("parent", here=False)
            os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)
