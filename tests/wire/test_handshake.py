"""The handshake of both ends, without a socket."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinfolk.errors import AuthenticationFailed, HandshakeFailed, SpecMismatch
from kinfolk.wire.frames import DEFAULT_LIMIT, encode
from kinfolk.wire.greetings import HANDSHAKE_LIMIT, VERSION, Refused, Welcome
from kinfolk.wire.handshake import (
    OBSERVER,
    ClientHandshake,
    Identity,
    ServerHandshake,
    SpeaksPickle,
)

IDENTITY = Identity("crawler.spec:Crawl", "f1a9")
KEY = b"a key of decent length"
TOKEN = b"t" * 16
PREAMBLE = b"KINFOLK" + bytes([VERSION])

Carry = Callable[[ClientHandshake, ServerHandshake], None]


def client(
    key: bytes | None = None, *, vouched: bool = False, session: bytes = b""
) -> ClientHandshake:
    """Return a client of the one identity."""
    return ClientHandshake(IDENTITY, pid=42, session=session, key=key, vouched=vouched)


def server(key: bytes | None = None, identity: Identity = IDENTITY) -> ServerHandshake:
    """Return a server that gives every client the same session, unless it presents one."""
    return ServerHandshake(identity, key=key, admit=lambda token, _pid: token or TOKEN)


def converse(left: ClientHandshake, right: ServerHandshake) -> None:
    """Carry bytes between the two until neither has any; a refusal reaches the client too."""
    data = left.start()
    while data:
        try:
            answer = right.receive(data)
        except (HandshakeFailed, SpecMismatch) as error:
            answer = right.farewell(error)
        data = left.receive(answer) if answer else b""


# --- Those who get in


def test_without_a_key_one_exchange_is_enough() -> None:
    """Where the socket vouches for the peer's user, hello and welcome are all."""
    left, right = client(vouched=True), server()
    assert left.receive(right.receive(left.start())) == b""
    assert left.peer is not None
    assert left.peer.session == TOKEN


def test_both_ends_prove_that_they_hold_the_key() -> None:
    """With the same key at both ends, each learns of the other."""
    left, right = client(KEY), server(KEY)
    converse(left, right)
    assert left.peer is not None
    assert right.peer is not None
    assert left.peer.session == right.peer.session == TOKEN
    assert right.peer.pid == 42
    assert left.peer.limit == right.peer.limit == DEFAULT_LIMIT


def test_each_end_learns_the_limit_of_the_other() -> None:
    """The longest message that an end receives is known to the one who sends."""
    small = attrs.evolve(IDENTITY, limit=HANDSHAKE_LIMIT)
    left, right = client(KEY), server(KEY, small)
    converse(left, right)
    assert left.peer is not None
    assert right.peer is not None
    assert left.peer.limit == HANDSHAKE_LIMIT
    assert right.peer.limit == DEFAULT_LIMIT


def test_a_later_connection_presents_the_session_of_the_first() -> None:
    """The token given to the first connection is what the server is shown by the second."""
    left, right = client(KEY, session=b"earlier"), server(KEY)
    converse(left, right)
    assert left.peer is not None
    assert left.peer.session == b"earlier"


def test_a_client_with_a_key_may_enter_where_the_socket_vouches() -> None:
    """A key in the environment does not shut out the private socket."""
    left, right = client(KEY, vouched=True), server()
    converse(left, right)
    assert left.peer is not None


@settings(max_examples=30)
@given(st.lists(st.integers(min_value=1, max_value=90), min_size=1))
def test_the_bytes_may_come_in_any_pieces(cuts: list[int]) -> None:
    """Neither end needs a message to arrive at once."""
    left, right = client(KEY), server(KEY)

    def feed(receive: Callable[[bytes], bytes], data: bytes) -> bytes:
        answers = b""
        for cut in cuts:
            piece, data = data[:cut], data[cut:]
            answers += receive(piece) if piece else b""
        return answers + (receive(data) if data else b"")

    data = left.start()
    while data:
        answer = feed(right.receive, data)
        data = feed(left.receive, answer)
    assert left.peer is not None
    assert right.peer is not None


# --- Those who do not


def test_a_client_without_a_key_is_told_to_give_one() -> None:
    """The client itself stops where a key is asked for and it has none."""
    left, right = client(vouched=True), server(KEY)
    with pytest.raises(AuthenticationFailed, match="authkey, or in KINFOLK_AUTHKEY"):
        converse(left, right)
    assert right.peer is None


def test_a_wrong_key_is_refused_by_the_server_first() -> None:
    """The client proves first, and gets no proof of the server's for a wrong one."""
    left, right = client(b"another key"), server(KEY)
    with pytest.raises(AuthenticationFailed, match="does not hold the server's key"):
        converse(left, right)
    assert left.peer is None
    assert right.peer is None


def test_a_server_that_only_pretends_to_have_the_key_is_refused() -> None:
    """A welcome without the right proof does not satisfy a client that proved itself."""
    left, right = client(KEY), server(b"another key")
    challenge = right.receive(left.start())
    left.receive(challenge)
    with pytest.raises(AuthenticationFailed, match="server does not hold the key"):
        left.receive(bytes(encode(Welcome(TOKEN, DEFAULT_LIMIT, "f1a9", b"m" * 32))))
    assert left.peer is None


def test_a_server_that_asks_for_no_proof_is_refused_on_an_open_socket() -> None:
    """Where the socket vouches for nobody, a client never enters without proofs."""
    left, right = client(KEY), server()
    with pytest.raises(AuthenticationFailed, match="did not ask for the key"):
        converse(left, right)


def test_a_reflected_handshake_fails_at_the_client() -> None:
    """A peer that sends back what it is sent is no server."""
    left = client(KEY)
    with pytest.raises(HandshakeFailed, match="message of the handshake"):
        left.receive(left.start())
    assert left.peer is None


def test_a_reflected_proof_fails_at_the_client() -> None:
    """A proof in the client's role does not serve as the server's, whatever the nonce."""
    left = client(KEY)
    own_hello = msgspec.msgpack.decode(left.start()[len(PREAMBLE) + 4 :])
    nonce = own_hello[1]
    challenge = msgspec.msgpack.encode([2, nonce])
    proof = left.receive(PREAMBLE + len(challenge).to_bytes(4, "big") + challenge)
    mac = msgspec.msgpack.decode(proof[4:])[1]
    with pytest.raises(AuthenticationFailed, match="server does not hold the key"):
        left.receive(bytes(encode(Welcome(TOKEN, DEFAULT_LIMIT, "f1a9", mac))))


def test_a_recorded_proof_does_not_open_a_second_connection() -> None:
    """The server's fresh nonce makes yesterday's proof worthless."""
    first, right = client(KEY), server(KEY)
    hello = first.start()
    proof = first.receive(right.receive(hello))
    again = server(KEY)
    again.receive(hello)
    with pytest.raises(AuthenticationFailed):
        again.receive(proof)


@pytest.mark.parametrize(("told", "heard"), [(TOKEN, b"T" * 16), (b"f1a9", b"f1a8")])
def test_a_welcome_that_was_changed_on_its_way_is_refused(told: bytes, heard: bytes) -> None:
    """The server's proof covers the session that it gives, and what it says of its version."""
    left, right = client(KEY), server(KEY)
    welcome = right.receive(left.receive(right.receive(left.start())))
    assert told in welcome
    with pytest.raises(AuthenticationFailed, match="server does not hold the key"):
        left.receive(welcome.replace(told, heard))


@pytest.mark.parametrize("key", [None, KEY])
def test_ends_of_different_versions_learn_each_others_fingerprint(key: bytes | None) -> None:
    """Nobody is refused for it: what does not fit is found out afterwards."""
    left = client(key, vouched=key is None)
    right = server(key, attrs.evolve(IDENTITY, fingerprint="beef"))
    converse(left, right)
    assert left.peer is not None
    assert right.peer is not None
    assert left.peer.fingerprint == "beef"
    assert right.peer.fingerprint == "f1a9"


def test_a_manager_is_not_compared_before_the_key() -> None:
    """Who does not hold the key learns nothing of the spec."""
    left = client(b"another key")
    right = server(KEY, attrs.evolve(IDENTITY, manager="shop.spec:Shop"))
    with pytest.raises(AuthenticationFailed):
        converse(left, right)


def test_another_manager_is_refused_by_name() -> None:
    """A client of one manager does not talk to the server of another."""
    left, right = client(vouched=True), server(identity=Identity("shop.spec:Shop", "f1a9"))
    with pytest.raises(SpecMismatch, match=r"offers shop\.spec:Shop, not crawler\.spec:Crawl"):
        converse(left, right)


@pytest.mark.parametrize("key", [None, KEY])
def test_an_observer_is_welcome_to_any_manager_and_gets_no_session(key: bytes | None) -> None:
    """It has no generated module, and so names no manager; nobody is asked to admit it."""
    left = ClientHandshake(OBSERVER, pid=7, key=key, vouched=key is None)
    right = ServerHandshake(IDENTITY, key=key, admit=lambda *_: pytest.fail("it was asked"))
    converse(left, right)
    assert left.peer is not None
    assert right.peer is not None
    assert (left.peer.session, right.peer.session) == (b"", b"")


def test_an_observer_needs_the_key_too() -> None:
    """What a server is doing is not for everybody."""
    with pytest.raises(AuthenticationFailed):
        converse(ClientHandshake(OBSERVER, key=b"another key"), server(KEY))


def test_a_reason_is_one_printable_line() -> None:
    """What a peer says of itself cannot write more than its part into the other's terminal."""
    identity = attrs.evolve(IDENTITY, manager="x\n\x1b[31m" + "y" * 2000)
    left = ClientHandshake(identity, vouched=True)
    with pytest.raises(SpecMismatch) as caught:
        converse(left, server())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


# --- Those who do not speak the protocol


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1", b"K!", b"\0\0\0\x0b\x80\x05\x95"])
def test_another_protocol_is_refused_by_its_first_bytes(data: bytes) -> None:
    """The server does not wait for the rest of what it cannot understand."""
    right = server(KEY)
    with pytest.raises(HandshakeFailed, match="does not speak Kinfolk's protocol") as caught:
        right.receive(data)
    assert right.farewell(caught.value).startswith(PREAMBLE)


def test_a_client_is_told_that_the_server_speaks_pickle() -> None:
    """It is a server of the standard library's wire that begins with a challenge."""
    left = client(KEY)
    with pytest.raises(SpeaksPickle, match="give serializer='pickle'"):
        left.receive(b"\0\0\0\x0b#CHALLENGE#")


def test_another_version_is_refused_naming_both() -> None:
    """Ends of different protocol versions say which, and what to install."""
    with pytest.raises(HandshakeFailed, match=r"version 9 .* version 1: install the same release"):
        server().receive(b"KINFOLK\x09")


def test_a_long_message_is_refused_by_its_length() -> None:
    """Nobody who is not welcome yet can make the server hold more than 4 KiB."""
    with pytest.raises(HandshakeFailed, match="5000 bytes is longer than the limit of 4096"):
        server().receive(PREAMBLE + (5000).to_bytes(4, "big"))


@pytest.mark.parametrize(
    "hello",
    [
        pytest.param([1, b"short", "m", "f", 1, 2**20], id="nonce"),
        pytest.param([1, b"n" * 32, "m", "f", 1, 0], id="limit"),
        pytest.param([1, b"n" * 32, "m", "f", "1", 2**20], id="type"),
        pytest.param([9, b"n" * 32], id="number"),
        pytest.param([3, b"m" * 32], id="order"),
    ],
)
def test_a_malformed_hello_is_refused(hello: list[object]) -> None:
    """Every field is checked before it is used."""
    body = msgspec.msgpack.encode(hello)
    with pytest.raises(HandshakeFailed):
        server(KEY).receive(PREAMBLE + len(body).to_bytes(4, "big") + body)


def test_a_client_that_goes_on_unasked_is_refused() -> None:
    """Requests are not taken from somebody who was not welcomed yet."""
    data = client(KEY).start()
    with pytest.raises(HandshakeFailed, match="did not wait"):
        server(KEY).receive(data + b"\0\0\0\x01x")


def test_a_second_hello_is_refused() -> None:
    """Messages come in their order or not at all."""
    left, right = client(KEY), server(KEY)
    hello = left.start()
    right.receive(hello)
    with pytest.raises(HandshakeFailed, match="wrong order"):
        right.receive(hello[len(PREAMBLE) :])


def test_a_second_challenge_is_refused() -> None:
    """A server cannot make the client prove itself over and over."""
    left, right = client(KEY), server(KEY)
    challenge = right.receive(left.start())
    left.receive(challenge)
    with pytest.raises(HandshakeFailed, match="twice"):
        left.receive(challenge[len(PREAMBLE) :])


def test_a_refusal_keeps_its_class_on_the_way() -> None:
    """The client raises the error that the server meant."""
    right = server()
    for error in (
        HandshakeFailed("too busy"),
        AuthenticationFailed("not you"),
        SpecMismatch("other spec"),
    ):
        with pytest.raises(type(error), match=str(error)) as caught:
            client().receive(right.farewell(error))
        assert type(caught.value) is type(error)


def test_a_server_that_cannot_admit_says_why() -> None:
    """What `admit` raises reaches the client."""

    def admit(_token: bytes, _pid: int) -> bytes:
        raise HandshakeFailed("the server is ending")

    with pytest.raises(HandshakeFailed, match="the server is ending"):
        converse(client(vouched=True), ServerHandshake(IDENTITY, key=None, admit=admit))


@settings(max_examples=200)
@given(st.binary(max_size=80), st.booleans())
def test_random_bytes_are_refused_or_waited_for(data: bytes, greet: bool) -> None:
    """Nothing but a refusal comes out of bytes that nobody meant, at either end."""
    for end in (server(KEY), client(KEY)):
        try:
            end.receive((PREAMBLE if greet else b"") + data)
        except HandshakeFailed:
            continue
        assert end.peer is None


def test_the_messages_of_a_refusal_are_the_same_in_every_version() -> None:
    """Number 5, a kind and a reason: what older and newer ends can rely on."""
    assert msgspec.msgpack.encode(Refused("spec", "why")) == b"\x93\x05\xa4spec\xa3why"
