"""Proxies used over every engine, by one set of tests."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from support.hosted.manager import OFFER, Town, UrgentJobProxy
from support.hosted.spec import Page, Refused, Unknown
from support.programs import PATIENCE
from support.sharing.engines import CHECKING, ENGINES, Engine
from support.threads import Run, run_all, until

from kinfolk.errors import ArgumentError, ConnectionClosed, RemoteError, ResultError
from kinfolk.managers import Manager


class TownManager(Manager):
    """Reaches the town, whose entries are methods of `Town`."""

    _offer = OFFER


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine[TownManager]]:
    """A town of its own for each test."""
    with ENGINES[request.param](TownManager) as engine:
        yield engine


@pytest.fixture
def manager(engine: Engine[TownManager]) -> Iterator[TownManager]:
    """A session of it."""
    with engine.open() as manager:
        yield manager


@pytest.fixture
def town(manager: TownManager) -> Town:
    """What a user has."""
    return Town(manager._connected())


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


@pytest.mark.parametrize("engine", CHECKING, indirect=True)
def test_what_is_sent_is_checked(town: Town) -> None:
    """Against what is declared: also keys, values and type arguments."""
    with pytest.raises(ArgumentError, match="'value' must be Page, not str"):
        town.cookies()["b"] = "no page"  # type: ignore[assignment]
    with pytest.raises(ArgumentError, match="'job' must be JobProxy, not str"):
        town.planner().is_mine("a")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="'job' must be UrgentJobProxy, not JobProxy"):
        town.planner().hurry(town.planner().job("a"))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="'value' must be int, not str"):
        town.box(1).put("x")  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", CHECKING, indirect=True)
def test_a_wrong_result_is_the_objects_mistake(town: Town) -> None:
    """The caller gets no value of another type."""
    with pytest.raises(ResultError, match=r"Trouble\.lie returned what it does not declare"):
        town.trouble().lie()
    whole = town.boxes().whole()
    with pytest.raises(ResultError):
        town.boxes().text()
    assert whole.get() == 1


@pytest.mark.parametrize("engine", ["pickle"], indirect=True)
def test_by_pickle_nothing_is_checked(town: Town) -> None:
    """Whatever is sent arrives, at either end."""
    town.cookies()["b"] = "no page"  # type: ignore[assignment]
    assert town.cookies()["b"] == "no page"  # type: ignore[comparison-overlap]
    assert not isinstance(town.trouble().lie(), int)


def test_a_shared_dictionary_is_used_like_one(town: Town) -> None:
    """With its defaults, its exceptions and its operators."""
    cookies = town.cookies()
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
    with TownManager.local() as other, pytest.raises(ArgumentError, match="of another"):
        planner.is_mine(Town(other._connected()).job("a"))


def test_generic_objects_are_arguments_and_results(town: Town) -> None:
    """With their types."""
    assert town.box(1).get() == 1
    whole = town.boxes().whole()
    assert town.boxes().take(whole) == 1


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


@pytest.mark.parametrize("engine", CHECKING, indirect=True)
def test_other_exceptions_arrive_as_remote_errors(town: Town) -> None:
    """With class, message and traceback in fields."""
    with pytest.raises(RemoteError) as error:
        town.trouble().fail()
    assert error.value.class_name == "support.hosted.spec.Unknown"
    assert error.value.message == "no idea"
    assert "raise Unknown" in error.value.traceback


@pytest.mark.parametrize("engine", ["pickle"], indirect=True)
def test_by_pickle_any_exception_arrives_as_itself(town: Town) -> None:
    """If its class can be imported, since the server is trusted."""
    with pytest.raises(Unknown, match="no idea") as error:
        town.trouble().fail()
    assert any("raise Unknown" in note for note in error.value.__notes__)


def test_what_would_end_the_server_does_not_end_its_clients(town: Town) -> None:
    """An exit is an exception like any other that nobody knows."""
    with pytest.raises(RemoteError, match="SystemExit"):
        town.trouble().leave()


# --- Streams


def test_a_stream_is_closed_when_nobody_reads_on(town: Town) -> None:
    """`break` ends the generator."""
    feed = town.feed()
    for number in feed.numbers(10):
        if number == 2:
            break
    until(lambda: feed.closed)
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


# --- Locks, and the end


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


def test_closing_a_manager_frees_its_locks(engine: Engine[TownManager], town: Town) -> None:
    """As the end of a process would."""
    with engine.open() as other:
        Town(other._connected()).lock().acquire()
        run = Run(town.lock().acquire)
        until(lambda: engine.waiting == 1)
    assert run.result() is True


@pytest.mark.parametrize("early", [False, True])
def test_ctrl_c_ends_the_wait_for_a_lock(
    engine: Engine[TownManager], town: Town, early: bool
) -> None:
    """The one who waited is not given the lock later."""

    def interrupt() -> None:
        until(lambda: engine.waiting == 1)
        if early:
            # As a signal that came just before the wait began, which ends no system call.
            _thread.interrupt_main()
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with engine.open() as holder:
        Town(holder._connected()).lock().acquire()
        run = Run(interrupt)
        with pytest.raises(KeyboardInterrupt):
            town.lock().acquire()
        run.result()
        until(lambda: engine.waiting == 0)
    assert town.lock().acquire(timeout=PATIENCE)
    town.lock().release()
    assert not town.lock().locked()


def test_closing_wakes_those_who_wait(
    engine: Engine[TownManager], manager: TownManager, town: Town
) -> None:
    """Their calls end with an error."""
    with engine.open() as holder:
        Town(holder._connected()).lock().acquire()
        run = Run(town.lock().acquire)
        until(lambda: engine.waiting == 1)
        manager.close()
        with pytest.raises(ConnectionClosed):
            run.result()
