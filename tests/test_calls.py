"""The client's half of a call, with replies made by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any, NoReturn

import msgspec
import pytest
from support.hosted.manager import (
    OFFER,
    CounterProxy,
    FeedProxy,
    FrontierProxy,
    JobProxy,
    UrgentJobProxy,
)
from support.hosted.spec import Page
from support.keeping import kept_up
from support.programs import PATIENCE
from support.threads import Run, run_all

from kinfolk.callers import caller_token
from kinfolk.calls import CallingChannel, Numbered
from kinfolk.errors import ArgumentError, NotSupported, ProtocolError, ResultError
from kinfolk.proxy import Proxy
from kinfolk.references import ProxyReferences
from kinfolk.types.containers_manager import DictProxy
from kinfolk.wire.codec import NO_REFERENCES, Codecs
from kinfolk.wire.failures import lower_failure
from kinfolk.wire.messages import (
    Call,
    Declined,
    Failed,
    Items,
    Next,
    Release,
    Reply,
    Result,
    Streaming,
    Withdraw,
)
from kinfolk.wire.references import Reference

FRONTIER, FEED = OFFER.members(FrontierProxy), OFFER.members(FeedProxy)
Answer = Callable[[Call | Next], Reply]


class FakeChannel(CallingChannel):
    """Answers as the test says."""

    address = "fake:"
    linked = True

    def __init__(self) -> None:
        super().__init__(OFFER)
        self.requests: list[Call | Next] = []
        self.answers: list[Answer] = []
        self.withdrawn: list[int] = []
        self._told: list[int] = []

    def exchange(self, request: Numbered) -> Reply:
        """Take the next answer."""
        if isinstance(request, Withdraw):
            self.withdrawn.append(request.withdrawn)
            return Result(request.call, raw("yes"))
        assert isinstance(request, Call | Next)
        self.requests.append(request)
        return self.answers.pop(0)(request)

    def tell(self, message: Release) -> None:
        """Note what it is told."""
        self._told += message.targets

    def told(self) -> list[int]:
        """Return which references it was told to be gone since it was last asked."""
        kept_up()
        told, self._told = self._told, []
        return sorted(told)

    def pickled(self, proxy: Proxy) -> NoReturn:
        """Stay in this process."""
        raise NotSupported(repr(proxy))


def raw(value: object) -> msgspec.Raw:
    """A value of a plain type as it travels."""
    return msgspec.Raw(Codecs().codec(Any).encode(value, NO_REFERENCES))


def items(*values: int, more: bool) -> Answer:
    """An answer with items."""
    data = msgspec.Raw(msgspec.msgpack.encode(values))
    return lambda request: Items(request.call, data, more)


@pytest.fixture
def channel() -> FakeChannel:
    """A channel of its own for each test."""
    return FakeChannel()


# --- Requests


def test_a_request_has_a_number_and_a_caller_of_its_own(channel: FakeChannel) -> None:
    """Numbers are never used twice, and each thread is another caller."""
    calls = channel

    def request() -> Call:
        return calls.request("frontier", FRONTIER["pop"], {}, ProxyReferences(calls))

    requests = [request(), request(), Run(request).result()]
    assert len({each.call for each in requests}) == 3
    assert requests[0].caller == requests[1].caller == caller_token() != requests[2].caller
    assert (requests[0].target, requests[0].member) == ("frontier", "pop")


def test_wrong_arguments_are_refused_before_they_are_sent(channel: FakeChannel) -> None:
    """The message names the method and the argument."""
    with pytest.raises(
        ArgumentError, match=r"^Frontier\.push: argument 'url' must be str, not int$"
    ):
        channel.call("frontier", FRONTIER["push"], {"url": 7, "priority": 0})
    assert not channel.requests


# --- Replies


def test_what_a_reply_says(channel: FakeChannel) -> None:
    """A value, an exception, or that the operator declines."""
    error = KeyError("x")
    channel.answers = [
        lambda request: Result(request.call, raw(True)),
        lambda request: Declined(request.call),
        lambda request: Failed(request.call, lower_failure(error, OFFER.codecs)),
    ]
    push, arguments = FRONTIER["push"], {"url": "x", "priority": 0}
    assert channel.call("frontier", push, arguments) is True
    assert channel.call("frontier", push, arguments) is NotImplemented
    with pytest.raises(KeyError, match="x"):
        channel.call("frontier", push, arguments)


def test_a_result_of_another_type_is_refused(channel: FakeChannel) -> None:
    """Whatever the server says, the caller gets what is declared."""
    channel.answers = [lambda request: Result(request.call, raw("yes"))]
    with pytest.raises(ResultError, match=r"Frontier\.push returned .*must be bool, not str"):
        channel.call("frontier", FRONTIER["push"], {"url": "x", "priority": 0})


def test_a_reply_that_does_not_belong_to_the_request_is_refused(channel: FakeChannel) -> None:
    """A stream in place of a value, and the other way round."""
    channel.answers = [
        lambda request: Streaming(request.call, 7),
        lambda request: Result(request.call, raw(1)),
        lambda request: Streaming(request.call, 7),
        lambda request: Result(request.call, raw(1)),
    ]
    with pytest.raises(ProtocolError, match="cannot be answered by Streaming"):
        channel.call("frontier", FRONTIER["pop"], {})
    with pytest.raises(ProtocolError, match="cannot be answered by Result"):
        channel.call("feed", FEED["numbers"], {"count": 1})
    with pytest.raises(ProtocolError, match="cannot be answered by Result"):
        next(channel.call("feed", FEED["numbers"], {"count": 1}))


# --- Streams


def test_a_stream_asks_when_it_has_no_items_left(channel: FakeChannel) -> None:
    """For as many as the member reads ahead; an empty answer is asked again."""
    channel.answers = [
        lambda request: Streaming(request.call, 7),
        items(1, 2, 3, more=True),
        items(more=True),
        items(4, more=False),
    ]
    batches = channel.call("feed", FEED["batches"], {"count": 4})
    assert len(channel.requests) == 1
    assert list(batches) == [1, 2, 3, 4]
    fetches = channel.requests[1:]
    assert all(isinstance(each, Next) and (each.stream, each.count) == (7, 3) for each in fetches)
    assert list(batches) == []
    del batches
    assert channel.told() == []


def test_threads_share_a_stream(channel: FakeChannel) -> None:
    """Each item goes to one of them."""
    channel.answers = [lambda request: Streaming(request.call, 7)]
    channel.answers += [items(*range(n, n + 3), more=True) for n in range(0, 300, 3)]
    channel.answers += [items(more=False)]
    batches = channel.call("feed", FEED["batches"], {"count": 4})
    found = run_all(*[lambda: list(batches)] * 3)
    assert sorted(chain.from_iterable(found)) == list(range(300))


def test_a_stream_that_fails_has_ended(channel: FakeChannel) -> None:
    """The exception is raised once."""
    failure = lower_failure(KeyError("x"), OFFER.codecs)
    channel.answers = [
        lambda request: Streaming(request.call, 7),
        lambda request: Failed(request.call, failure),
    ]
    numbers = channel.call("feed", FEED["numbers"], {"count": 4})
    with pytest.raises(KeyError):
        next(numbers)
    assert list(numbers) == []


# --- References


def counted(channel: FakeChannel, reference: Reference) -> object:
    """Return the proxy of a job, as it is once the call that brought it has returned."""
    references = ProxyReferences(channel)
    job = references.lift(reference, JobProxy)
    assert references.mention is not None
    references.mention.generation = channel.generation
    return job


def test_what_a_call_brought_that_did_not_return_is_not_released(channel: FakeChannel) -> None:
    """The server does not count it either, since such a call is recalled."""
    references = ProxyReferences(channel)
    job = references.lift(Reference("support.hosted.spec.Job", 5), JobProxy)
    del job
    assert channel.told() == []


def test_the_dead_are_told_once(channel: FakeChannel) -> None:
    """Proxies of objects with numbers, and streams that were not read to their end."""
    job = counted(channel, Reference("support.hosted.spec.Job", 5))
    frontier = channel.singleton("frontier")
    channel.answers = [lambda request: Streaming(request.call, 7)]
    numbers = channel.call("feed", FEED["numbers"], {"count": 4})
    assert channel.told() == []
    del job, frontier, numbers
    assert channel.told() == [5, 7]
    assert channel.told() == []


class Claiming(FakeChannel):
    """Answers the first claim only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.first = threading.Lock()
        self.claiming, self.answered = threading.Event(), threading.Event()

    def exchange(self, request: Numbered) -> Reply:
        """Answer a claim."""
        if self.first.acquire(blocking=False):
            self.claiming.set()
            assert self.answered.wait(PATIENCE)
        return Result(request.call, raw(None))


def test_nobody_waits_for_a_claim_of_another_thread() -> None:
    """Both count the reference, and both are let go of with the proxy."""
    channel = Claiming()
    job = counted(channel, Reference("support.hosted.spec.Job", 5))
    assert isinstance(job, Proxy)
    channel._start_generation()  # as in a forked child
    slow = Run(partial(channel.claim, job))
    assert channel.claiming.wait(PATIENCE)
    Run(partial(channel.claim, job)).result()
    channel.answered.set()
    slow.result()
    del job, slow
    assert channel.told() == [5, 5]


def test_a_reference_becomes_a_proxy_of_its_class(channel: FakeChannel) -> None:
    """The declared one, or one derived from it."""
    references = ProxyReferences(channel)
    job = counted(channel, Reference("support.hosted.spec.Job", 5))
    urgent = counted(channel, Reference("support.hosted.spec.UrgentJob", 6))
    assert type(job) is JobProxy
    assert type(urgent) is UrgentJobProxy
    assert references.lower(urgent, JobProxy) == Reference("support.hosted.spec.UrgentJob", 6)


def test_a_singleton_has_the_type_of_its_entry(channel: FakeChannel) -> None:
    """Whatever is known of it where it is mentioned."""
    references = ProxyReferences(channel)
    cookies = references.lift(
        Reference("kinfolk.types.containers_spec.Dict", "cookies"), DictProxy[str, Any]
    )
    assert isinstance(cookies, Proxy)
    assert cookies._members is OFFER.members(DictProxy[str, Page])


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        (Reference("support.hosted.spec.Counter", 5), "JobProxy, not CounterProxy"),
        (Reference("os.system", 5), "JobProxy, not os.system"),
        (Reference("support.hosted.spec.Job", "frontier"), "JobProxy, not the entry 'frontier'"),
        (Reference("support.hosted.spec.Job", "nothing"), "JobProxy, not the entry 'nothing'"),
    ],
)
def test_a_reference_to_something_else_is_refused(
    channel: FakeChannel, reference: Reference, complaint: str
) -> None:
    """And not released by itself, since the whole call is recalled that brought it."""
    with pytest.raises(TypeError, match=f"^{complaint}$"):
        ProxyReferences(channel).lift(reference, JobProxy)
    assert channel.told() == []


def test_only_proxies_of_this_channel_are_sent(channel: FakeChannel) -> None:
    """Another channel's, and what is no proxy, are refused."""
    references, other = ProxyReferences(channel), FakeChannel()
    references.lower(other.singleton("counter"), CounterProxy)  # one name for all of a server
    other.address = "elsewhere:"
    stranger = other.singleton("counter")
    with pytest.raises(TypeError, match="CounterProxy of this manager, not of another one"):
        references.lower(stranger, CounterProxy)
    with pytest.raises(TypeError, match=r"^JobProxy, not CounterProxy$"):
        references.lower(channel.singleton("counter"), JobProxy)
    with pytest.raises(TypeError, match=r"^JobProxy, not str$"):
        references.lower("job", JobProxy)


def test_attributes_that_an_object_does_not_have_cannot_be_set(channel: FakeChannel) -> None:
    """A misspelt name is an error, and does not stay behind in the proxy."""
    frontier: Any = channel.singleton("frontier")
    with pytest.raises(AttributeError, match="FrontierProxy has no attribute 'limti'"):
        frontier.limti = 5
