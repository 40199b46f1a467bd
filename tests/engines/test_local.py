"""Proxies over objects in this process."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Iterator

import pytest
from support.hosted.client import new_host
from support.hosted.manager import Town
from support.keeping import kept_up
from support.threads import Run, until

from kinfolk.engines.local import LocalChannel
from kinfolk.errors import (
    ConnectionClosed,
    NotSupported,
    ObjectGone,
)
from kinfolk.host.hosting import Host
from kinfolk.host.turns import turn_of


@pytest.fixture
def host() -> Host:
    """A host of its own for each test."""
    return new_host()


@pytest.fixture
def channel(host: Host) -> Iterator[LocalChannel]:
    """A channel to it."""
    channel = LocalChannel(host)
    yield channel
    channel.close()


@pytest.fixture
def town(channel: LocalChannel) -> Town:
    """What a user has."""
    return Town(channel)


# --- Proxies


def test_an_object_dies_with_its_last_proxy(host: Host, town: Town) -> None:
    """The keeper carries the news."""
    job = town.job("a")
    number = job._target
    assert number in host._objects._numbered
    del job
    gc.collect()
    kept_up()
    assert number not in host._objects._numbered


def test_a_proxy_stays_in_its_process(town: Town) -> None:
    """It says where the object lives, and is neither pickled nor copied deeply."""
    frontier = town.frontier()
    assert repr(frontier) == "<FrontierProxy of 'frontier' at local:support.hosted.spec.Town>"
    with pytest.raises(NotSupported):
        pickle.dumps(frontier)
    with pytest.raises(NotSupported):
        copy.deepcopy(frontier)


# --- Streams


def test_reading_ahead_fetches_as_many_as_was_said(town: Town) -> None:
    """Three at a time here, and one where nothing was said."""
    feed = town.feed()
    batches = feed.batches(10)
    assert next(batches) == 0
    assert feed.steps == 3
    assert list(batches) == list(range(1, 10))
    assert list(feed.letters()) == ["a", "b", "c", "d"]


# --- Closing


def test_a_closed_channel_carries_nothing(channel: LocalChannel, town: Town) -> None:
    """The error says what to do."""
    frontier, job = town.frontier(), town.job("a")
    channel.close()
    channel.close()
    with pytest.raises(ConnectionClosed, match="open the manager again"):
        frontier.pop()
    del job


def test_the_end_of_the_host_ends_its_channels(host: Host, town: Town) -> None:
    """Those who wait are told, and so are those who come later."""
    holder = LocalChannel(host)
    Town(holder).lock().acquire()
    run = Run(town.lock().acquire)
    lock = host._objects._named["lock"].obj
    until(lambda: len(lock._waiters))
    counter = town.counter()
    host.close()
    with pytest.raises(ConnectionClosed):
        run.result()
    with pytest.raises(ConnectionClosed):
        counter()


def test_each_channel_is_a_session(host: Host, town: Town) -> None:
    """The objects are the same, the references are not."""
    other = LocalChannel(host)
    town.counter().add(3)
    assert Town(other).counter()() == 3
    job = town.job("a")
    stranger = type(job)(other, job._target, job._members)
    with pytest.raises(ObjectGone):
        stranger.run()
    other.close()


def test_a_proxy_called_within_a_turn_joins_its_chain(host: Host, town: Town) -> None:
    """An object that comes back to itself through a proxy does not wait for itself."""
    turn = turn_of(host._objects._named["counter"].obj)
    assert turn is not None
    turn.take("Test.hold")
    assert town.counter().add(1) == 1
    turn.leave()
