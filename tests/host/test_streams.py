"""Streams, asked for items message by message."""

from __future__ import annotations

from functools import partial
from itertools import chain

import pytest
from support.hosted.client import AsReferences, Client, new_host
from support.hosted.manager import OFFER, FeedProxy, FrontierProxy, OpenFeedProxy, TroubleProxy
from support.threads import Run, run_all, until

from kinfolk.host.hosting import Host
from kinfolk.host.turns import turn_of
from kinfolk.limits import Limits
from kinfolk.wire.messages import Failed, Items, Next

FEED = OFFER.members(FeedProxy)


@pytest.fixture
def host() -> Host:
    """A host of its own for each test."""
    return new_host()


@pytest.fixture
def client(host: Host) -> Client:
    """Its only client."""
    return Client(host)


def fetch(
    client: Client, stream: int, count: int, name: str = "numbers"
) -> tuple[list[object], bool]:
    """Fetch items; return them and whether there may be more."""
    reply = client.fetch(stream, count)
    assert isinstance(reply, Items), reply
    codec = FEED[name].items
    assert codec is not None
    return codec.decode(reply.items, AsReferences()), reply.more


def closed(client: Client) -> list[str]:
    """Which generators were closed or ran to their end."""
    found: list[str] = client.call("feed", FeedProxy, "closed")
    return found


def test_items_come_as_they_are_asked_for(client: Client) -> None:
    """Nothing is produced ahead of a request."""
    stream = client.call("feed", FeedProxy, "numbers", count=3)
    assert client.call("feed", FeedProxy, "steps") == 0
    assert fetch(client, stream, 1) == ([0], True)
    assert client.call("feed", FeedProxy, "steps") == 1
    assert fetch(client, stream, 2) == ([1, 2], True)
    assert fetch(client, stream, 2) == ([], False)
    assert closed(client) == ["numbers"]


@pytest.mark.parametrize("count", [15, 16, 70_000])
def test_any_number_of_items_travels_at_once(count: int) -> None:
    """However long the list, as far as the limit allows."""
    client = Client(new_host(Limits(ahead=70_000)))
    stream = client.call("feed", FeedProxy, "batches", count=count)
    assert fetch(client, stream, 100_000) == (list(range(count)), count == 70_000)


def test_iterators_that_are_no_generators_stream_too(client: Client) -> None:
    """There is nothing to close then."""
    stream = client.call("feed", FeedProxy, "letters")
    assert fetch(client, stream, 3, "letters") == (["a", "b", "c"], True)
    client.release(stream)
    assert gone(client, stream)


def test_shared_objects_stream_as_references(client: Client) -> None:
    """Each counts as a mention."""
    stream = client.call("feed", FeedProxy, "jobs")
    (first, second), more = fetch(client, stream, 10, "jobs")
    assert [first.shared, second.shared] == [  # type: ignore[attr-defined]
        "support.hosted.spec.Job",
        "support.hosted.spec.UrgentJob",
    ]
    assert not more


def gone(client: Client, stream: int) -> bool:
    """Whether a stream is no more."""
    reply = client.fetch(stream, 1)
    return isinstance(reply, Failed) and reply.failure.class_name.endswith("ObjectGone")


def test_a_stream_is_gone_after_its_last_item(client: Client) -> None:
    """Its number means nothing any more."""
    stream = client.call("feed", FeedProxy, "batches", count=1)
    assert fetch(client, stream, 5, "batches") == ([0], False)
    assert gone(client, stream)


def test_releasing_closes_the_generator(client: Client) -> None:
    """Within the turn of its object; releasing twice has no effect."""
    stream = client.call("feed", FeedProxy, "numbers", count=3)
    fetch(client, stream, 1)
    feed = client.host._objects._named["feed"].obj
    turn = turn_of(feed)
    assert turn is not None
    turn.take("Test.hold")
    run = Run(lambda: client.release(stream))
    until(lambda: turn.waiting)
    assert feed.closed == []
    turn.leave()
    run.result()
    client.release(stream)
    assert closed(client) == ["numbers"]
    assert gone(client, stream)


def test_a_step_that_was_taken_back_in_time_is_still_to_be_made(client: Client) -> None:
    """The stream goes on where it was, since nothing of it is lost."""
    other = Client(client.host, client.session)
    stream = client.call("feed", FeedProxy, "numbers", count=3)
    assert fetch(client, stream, 1) == ([0], True)
    turn = turn_of(client.host._objects._named["feed"].obj)
    assert turn is not None
    turn.take("Test.hold")
    run = Run(lambda: client.fetch(stream, 2))
    until(lambda: turn.waiting)
    (call,) = client.link._queued
    other.withdraw(call)
    reply = run.result()
    assert isinstance(reply, Items)
    assert reply.failure is not None
    turn.leave()
    assert fetch(client, stream, 2) == ([1, 2], True)


def test_a_stream_is_closed_in_turn_though_its_client_went_while_it_waited(host: Host) -> None:
    """It is no part of the step that was taken back, and waits for whatever runs."""
    client, other = Client(host), Client(host)
    stream = client.call("feed", FeedProxy, "numbers", count=3)
    fetch(client, stream, 1)
    feed = host._objects._named["feed"].obj
    turn = turn_of(feed)
    assert turn is not None
    turn.take("Test.hold")
    waiting = Run(lambda: client.send(lambda number: Next(number, stream, 2, 1)))
    until(lambda: turn.waiting)
    closing = Run(client.link.close)
    waiting.result()
    until(lambda: turn.waiting)
    assert feed.closed == []
    turn.leave()
    closing.result()
    assert closed(other) == ["numbers"]


def test_the_end_of_the_session_closes_its_streams(host: Host, client: Client) -> None:
    """Those of others go on."""
    other = Client(host)
    mine = client.call("feed", FeedProxy, "numbers", count=3)
    theirs = other.call("feed", FeedProxy, "numbers", count=3)
    fetch(client, mine, 1)
    fetch(other, theirs, 1)
    client.link.close()
    assert closed(other) == ["numbers"]
    assert fetch(other, theirs, 1) == ([1], True)


def test_a_stream_belongs_to_its_session(host: Host, client: Client) -> None:
    """Another can neither read nor close it."""
    stream = client.call("feed", FeedProxy, "numbers", count=3)
    other = Client(host)
    assert gone(other, stream)
    other.release(stream)
    assert fetch(client, stream, 1) == ([0], True)


def test_each_step_is_a_turn(client: Client) -> None:
    """Between two steps the object may be called, and nothing comes between within one."""
    frontier = client.call
    for number in range(5):
        frontier("frontier", FrontierProxy, "push", url=str(number))
    streams = [client.call("feed", FeedProxy, "numbers", count=200) for _ in range(4)]

    def read(stream: int) -> None:
        while fetch(client, stream, 10)[1]:
            pass

    run_all(*[partial(read, stream) for stream in streams])
    assert client.call("feed", FeedProxy, "steps") == 800


@pytest.mark.parametrize(
    ("name", "proxy_type"), [("feed", FeedProxy), ("open_feed", OpenFeedProxy)]
)
def test_threads_that_share_a_stream_lose_no_item(
    client: Client, name: str, proxy_type: type
) -> None:
    """Each item goes to one of them, whether the object takes turns or guards itself."""
    stream = client.call(name, proxy_type, "numbers", count=300)

    def read() -> list[int]:
        found: list[int] = []
        while True:
            reply = client.fetch(stream, 7)
            if not isinstance(reply, Items):
                return found
            assert reply.failure is None
            codec = FEED["numbers"].items
            assert codec is not None
            found += codec.decode(reply.items, AsReferences())

    assert sorted(chain.from_iterable(run_all(*[read] * 4))) == list(range(300))


def test_items_before_an_exception_arrive(client: Client) -> None:
    """With the exception, and the stream has ended."""
    stream = client.call("feed", FeedProxy, "breaks", after=2)
    reply = client.fetch(stream, 10)
    assert isinstance(reply, Items)
    assert bytes(reply.items) == bytes([0x92, 0, 1])
    assert reply.failure is not None
    assert reply.failure.class_name == "support.hosted.spec.Refused"
    assert not reply.more
    assert gone(client, stream)


def test_items_before_a_wrong_one_arrive(client: Client) -> None:
    """The wrong one is not named by its place in the request."""
    stream = client.call("feed", FeedProxy, "lies")
    reply = client.fetch(stream, 10)
    assert isinstance(reply, Items)
    assert bytes(reply.items) == bytes([0x91, 1])
    assert reply.failure is not None
    assert reply.failure.message == (
        "Feed.lies returned what it does not declare: must be int, not str"
    )
    assert closed(client) == ["lies"]
    assert gone(client, stream)


def test_what_is_no_iterator_is_refused(client: Client) -> None:
    """A list is not what the method declares."""
    name, message = client.call("trouble", TroubleProxy, "lie_about_streams")
    assert name == "ResultError"
    assert message.endswith("returned what it does not declare: must be an iterator, not list")


def test_a_session_has_so_many_streams_open() -> None:
    """The limit is told with the number, and closing makes room."""
    client = Client(new_host(Limits(streams=2)))
    one, _ = (client.call("feed", FeedProxy, "numbers", count=3) for _ in range(2))
    assert client.call("feed", FeedProxy, "numbers", count=3) == (
        "LimitExceeded",
        "This client has 2 streams open (limit 2)",
    )
    client.release(one)
    assert isinstance(client.call("feed", FeedProxy, "numbers", count=3), int)


def test_a_session_that_has_ended_opens_no_stream(client: Client) -> None:
    """The method was still running when the session ended."""
    client.session.service.close()
    assert client.call("feed", FeedProxy, "numbers", count=3)[0] == "LimitExceeded"
    assert not client.session.service._streams


def test_long_items_travel_a_few_at_a_time(client: Client) -> None:
    """An answer takes items until they pass 256 KiB, and at least one; none is lost."""
    lengths = [100_000, 100_000, 100_000, 100_000, 300_000, 1]
    urls = [str(number) * length for number, length in enumerate(lengths)]
    client.call("frontier", FrontierProxy, "push_all", urls=tuple(urls), statuses={})
    stream = client.call("frontier", FrontierProxy, "__iter__")
    codec = OFFER.members(FrontierProxy)["__iter__"].items
    assert codec is not None
    found: list[list[str]] = []
    more = True
    while more:
        reply = client.fetch(stream, 100)
        assert isinstance(reply, Items), reply
        found.append([page.url for page in codec.decode(reply.items, AsReferences())])
        more = reply.more
    assert found == [urls[:3], urls[3:5], urls[5:]]


def test_a_request_fetches_at_most_so_many(client: Client) -> None:
    """However many it asks for; and at least one."""
    client = Client(new_host(Limits(ahead=4)))
    stream = client.call("feed", FeedProxy, "numbers", count=10)
    assert fetch(client, stream, 10**9) == ([0, 1, 2, 3], True)
    assert fetch(client, stream, -1) == ([4], True)
