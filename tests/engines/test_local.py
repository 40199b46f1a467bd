"""Proxies over objects in this process."""

from __future__ import annotations

import copy
import gc
import pickle
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from support.hosted.client import new_host
from support.hosted.manager import Town, UrgentJobProxy
from support.hosted.spec import Page, Refused
from support.keeping import kept_up
from support.threads import Run, run_all, until

from kinfolk.engines.local import LocalChannel
from kinfolk.errors import (
    ArgumentError,
    ConnectionClosed,
    NotSupported,
    ObjectGone,
    RemoteError,
    ResultError,
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


# --- Calls


def test_a_proxy_is_used_like_the_object(town: Town) -> None:
    """Methods, operators, attributes and loops."""
    frontier = town.frontier()
    assert frontier.push("a", priority=2)
    frontier.push_all("b", c=3)
    assert len(frontier) == 3
    assert "a" in frontier
    assert "z" not in frontier
    assert frontier["c"] == Page("c", 3)
    assert [page.url for page in frontier] == ["a", "b", "c"]
    assert not frontier.full
    frontier.limit = 3
    assert frontier.limit == 3
    assert frontier.full
    assert frontier.pop() == Page("c", 3)


def test_arithmetic_stays_with_the_object(town: Town) -> None:
    """In place, the proxy stays the same proxy; what the object declines is a TypeError."""
    counter = same = town.counter()
    counter += 5
    assert counter is same
    assert counter + 1 == 6
    assert counter() == 5
    with pytest.raises(TypeError, match="unsupported operand"):
        counter + -1


def test_values_are_copies(town: Town) -> None:
    """What was read can be changed without effect on the object."""
    cookies = town.cookies()
    cookies["b"] = Page("b")
    cookies.copy().clear()
    assert cookies.items() == [("a", Page("a")), ("b", Page("b"))]
    assert cookies["a"] is not cookies["a"]


def test_a_shared_dictionary_is_typed(town: Town) -> None:
    """Its keys and values are checked before they are sent."""
    cookies = town.cookies()
    with pytest.raises(ArgumentError, match="'value' must be Page, not str"):
        cookies["b"] = "no page"  # type: ignore[assignment]
    with pytest.raises(KeyError, match="missing"):
        cookies["missing"]
    assert cookies.get("missing") is None
    assert cookies.get("missing", 7) == 7
    assert cookies.get("a") == cookies.get("a", 7) == Page("a")
    with pytest.raises(KeyError):
        cookies.pop("missing")
    assert cookies.pop("missing", 7) == 7
    cookies.update({"b": Page("b")}, c=Page("c"))
    cookies.update([("d", Page("d"))])
    cookies |= {"e": Page("e")}
    assert list(cookies) == ["a", "b", "c", "d", "e"]
    assert cookies.pop("b") == Page("b")
    assert "b" not in cookies


def test_an_argument_left_out_takes_the_default_of_the_server(town: Town) -> None:
    """Other defaults are written at both ends."""
    assert town.job("a").retries == 3
    assert town.job("a", retries=1).retries == 1


# --- Proxies


def test_objects_come_as_proxies_of_their_class(town: Town) -> None:
    """Derived ones as their own, and within values too."""
    planner = town.planner()
    job = planner.job("a")
    urgent = planner.job("b", kind="urgent")
    assert isinstance(urgent, UrgentJobProxy)
    assert not isinstance(job, UrgentJobProxy)
    assert urgent.hurry() == "b hurries"
    assert planner.jobs() == {"all": [job, urgent]}


def test_proxies_of_one_object_are_equal(town: Town) -> None:
    """And have one hash; a singleton that is returned equals the one by name."""
    planner = town.planner()
    assert planner.job("a") == planner.job("a") != planner.job("b")
    assert planner.frontier() == town.frontier()
    assert len({town.frontier(), town.frontier(), town.counter()}) == 2


def test_a_proxy_passed_arrives_as_the_very_object(town: Town) -> None:
    """Of this manager; one of another is refused here."""
    planner = town.planner()
    job = planner.job("a")
    assert planner.is_mine(job)
    assert not planner.is_mine(town.job("a"))
    other = LocalChannel(new_host())
    with pytest.raises(ArgumentError, match="must be JobProxy of this manager, not of another one"):
        planner.is_mine(Town(other).job("a"))
    with pytest.raises(ArgumentError, match="'job' must be UrgentJobProxy, not JobProxy"):
        planner.hurry(job)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="'job' must be JobProxy, not str"):
        planner.is_mine("a")  # type: ignore[arg-type]
    other.close()


def test_an_object_dies_with_its_last_proxy(host: Host, town: Town) -> None:
    """The keeper carries the news."""
    job = town.job("a")
    number = job._target
    assert number in host._objects._numbered
    del job
    gc.collect()
    kept_up()
    assert number not in host._objects._numbered


def test_a_parametrised_proxy_knows_its_types(town: Town) -> None:
    """What it sends is checked against them."""
    box = town.box(1)
    assert box.get() == 1
    with pytest.raises(ArgumentError, match="'value' must be int, not str"):
        box.put("x")  # type: ignore[arg-type]
    whole = town.boxes().whole()
    assert town.boxes().take(whole) == 1
    with pytest.raises(ResultError):
        town.boxes().text()


def test_a_proxy_stays_in_its_process(town: Town) -> None:
    """It says where the object lives, and is neither pickled nor copied deeply."""
    frontier = town.frontier()
    assert repr(frontier) == "<FrontierProxy of 'frontier' at local:support.hosted.spec.Town>"
    with pytest.raises(NotSupported):
        pickle.dumps(frontier)
    with pytest.raises(NotSupported):
        copy.deepcopy(frontier)


# --- Exceptions


def test_exceptions_arrive_as_what_they_are(town: Town) -> None:
    """Builtins, and those that the table has, with the server's traceback as a note."""
    trouble = town.trouble()
    with pytest.raises(ZeroDivisionError) as divided:
        trouble.divide()
    assert any("return 1 / 0" in note for note in divided.value.__notes__)
    with pytest.raises(Refused) as refused:
        trouble.refuse()
    assert (refused.value.url, refused.value.status) == ("https://example.org", 403)


def test_other_exceptions_arrive_as_remote_errors(town: Town) -> None:
    """With class, message and traceback in fields."""
    with pytest.raises(RemoteError) as error:
        town.trouble().fail()
    assert error.value.class_name == "support.hosted.spec.Unknown"
    assert error.value.message == "no idea"
    assert "raise Unknown" in error.value.traceback
    with pytest.raises(RemoteError, match="SystemExit"):
        town.trouble().leave()


def test_a_wrong_result_is_the_objects_mistake(town: Town) -> None:
    """The caller gets no value of another type."""
    with pytest.raises(ResultError, match=r"Trouble\.lie returned what it does not declare"):
        town.trouble().lie()


# --- Streams


def test_a_stream_is_closed_when_nobody_reads_on(town: Town) -> None:
    """`break` ends the generator; the keeper carries the news."""
    feed = town.feed()
    for number in feed.numbers(10):
        if number == 2:
            break
    gc.collect()
    kept_up()
    assert (feed.steps, feed.closed) == (3, ["numbers"])


def test_a_stream_can_be_closed(town: Town) -> None:
    """It ends at both sides, once."""
    feed = town.feed()
    numbers = feed.numbers(10)
    assert next(numbers) == 0
    numbers.close()
    numbers.close()
    assert list(numbers) == []
    assert feed.closed == ["numbers"]


def test_reading_ahead_fetches_as_many_as_was_said(town: Town) -> None:
    """Three at a time here, and one where nothing was said."""
    feed = town.feed()
    batches = feed.batches(10)
    assert next(batches) == 0
    assert feed.steps == 3
    assert list(batches) == list(range(1, 10))
    assert list(feed.letters()) == ["a", "b", "c", "d"]


def test_items_before_an_exception_are_read_first(town: Town) -> None:
    """Then it is raised, once, and after that the stream has ended."""
    items = town.feed().breaks(2)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(Refused):
        next(items)
    assert list(items) == []


def test_shared_objects_stream_as_proxies(town: Town) -> None:
    """Each of its own class."""
    first, second = town.feed().jobs()
    assert first.run() == "first ran"
    assert isinstance(second, UrgentJobProxy)


# --- Locks


def test_threads_exclude_each_other(town: Town) -> None:
    """Each thread of a client is an owner."""
    lock, total = town.lock(), 0

    def work() -> None:
        nonlocal total
        for _ in range(25):
            with lock:
                seen = total
                time.sleep(0)  # another thread may come between, if the lock lets it
                total = seen + 1

    run_all(*[work] * 4)
    assert total == 100
    with pytest.raises(RuntimeError):
        lock.release()


class Odd(Exception):
    """An exception that nobody else knows, with something in it that cannot travel."""


@pytest.mark.parametrize(
    "error", [KeyError("x"), Odd(object()), SystemExit(3), KeyboardInterrupt()]
)
def test_any_exception_in_the_block_frees_the_lock(town: Town, error: BaseException) -> None:
    """Whether it can travel or not, and it goes on as it was."""
    lock = town.lock()
    with pytest.raises(type(error)) as raised, lock:
        raise error
    assert raised.value is error
    assert Run(lambda: lock.acquire(blocking=False)).result()


def test_closing_the_channel_frees_its_locks(host: Host, town: Town) -> None:
    """As the end of a process would."""
    other = LocalChannel(host)
    Town(other).lock().acquire()
    run = Run(town.lock().acquire)
    lock = host._objects._named["lock"].obj
    until(lambda: len(lock._waiters))
    other.close()
    assert run.result() is True


def test_ctrl_c_ends_the_wait_for_a_lock(host: Host, town: Town) -> None:
    """The one who waited is not given the lock later."""
    holder = LocalChannel(host)
    lock = host._objects._named["lock"].obj
    Run(Town(holder).lock().acquire).result()

    def interrupt() -> None:
        until(lambda: len(lock._waiters))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    run = Run(interrupt)
    with pytest.raises(KeyboardInterrupt):
        town.lock().acquire()
    run.result()
    assert len(lock._waiters) == 0
    holder.close()
    assert town.lock().acquire(blocking=False)


# --- Closing


def test_a_closed_channel_carries_nothing(channel: LocalChannel, town: Town) -> None:
    """The error says what to do."""
    frontier, job = town.frontier(), town.job("a")
    channel.close()
    channel.close()
    with pytest.raises(ConnectionClosed, match="open the manager again"):
        frontier.pop()
    del job


def test_closing_wakes_those_who_wait(channel: LocalChannel, host: Host, town: Town) -> None:
    """Their calls end with an error."""
    holder = LocalChannel(host)
    Town(holder).lock().acquire()
    run = Run(town.lock().acquire)
    lock = host._objects._named["lock"].obj
    until(lambda: len(lock._waiters))
    channel.close()
    with pytest.raises(ConnectionClosed):
        run.result()
    holder.close()


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
