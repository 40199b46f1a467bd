"""A link of a host, given any requests that the wire lets through: declared errors only."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.samples.manager import SampleManager
from support.samples.spec import Sample

from kinfolk.declare import offer_of
from kinfolk.errors import ProtocolError
from kinfolk.host.hosting import Host
from kinfolk.limits import Limits
from kinfolk.wire.messages import Call, Claim, Lend, Next, Release, Reply, Request, Stop, Withdraw

LIMITS = Limits(objects=3, streams=2, calls=4, ahead=5, nesting=6)

# Not `station`, whose calls keep a thread for as long as they are told, nor what makes a value of
# any size.
TARGETS = ["", "frontier", "trouble", "lock", "nobody"]
MEMBERS = [
    *("push", "pop", "__len__", "__iter__", "limit", "limit=", "_secret", "forget"),
    *("echo", "anything", "refuse", "puzzle", "leave", "lie"),
    *("acquire", "release", "__enter__", "__exit__", "job", "describe", "", "no such"),
]
NAMES = ["url", "priority", "value", "text", "name", "retries", "blocking", "timeout", "other"]

small = st.integers(0, 12)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**63)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
packed = values.map(msgspec.msgpack.encode)
arguments = st.dictionaries(st.sampled_from(NAMES), values, max_size=3).map(msgspec.msgpack.encode)
requests: st.SearchStrategy[Request] = st.one_of(
    st.builds(
        Call,
        small,
        st.sampled_from(TARGETS) | small,
        st.sampled_from(MEMBERS),
        st.integers(0, 3),
        (arguments | packed).map(msgspec.Raw),
    ),
    st.builds(Next, small, small, st.integers(-1, 2**63), small),
    st.builds(Release, st.lists(small | st.integers(-1, 2**64 - 1), max_size=3)),
    st.builds(Withdraw, small, small),
    st.builds(Claim, small, small),
    st.builds(Lend, small, st.none() | st.lists(small, max_size=3)),
    st.builds(Stop, small),
)


@settings(
    max_examples=300, print_blob=True, suppress_health_check=[HealthCheck.too_slow], deadline=None
)
@given(st.lists(requests, max_size=25))
def test_any_requests_are_answered_or_are_a_protocol_error(asked: list[Request]) -> None:
    """Each call is answered once, unless it waits; its end leaves nothing of the session."""
    offer = offer_of(Sample)
    assert offer is not None
    host = Host(SampleManager._offer, offer.entries, LIMITS)
    session = host.session("a fuzzer")
    link = session.attach()
    replies: list[Reply] = []
    refused = 0
    for request in asked:
        try:
            link.receive(request, replies.append)
        except ProtocolError:
            refused += 1
        assert len(session.under_way) <= LIMITS.calls
        assert len(session.service._streams) <= LIMITS.streams
        assert len(session.service._holdings.counts) <= LIMITS.objects
    answered_kinds = Call | Next | Stop | Withdraw | Claim | Lend
    expected = sum(isinstance(request, answered_kinds) for request in asked)
    assert len(replies) + session.waiting + refused == expected
    numbers = Counter(r.call for r in asked if not isinstance(r, Release))
    answered = Counter(reply.call for reply in replies)
    assert answered <= numbers
    link.close()
    assert session.ended
    assert not host.sessions
    assert not session.service._streams
    assert not session.service._holdings.counts
    host.close()
