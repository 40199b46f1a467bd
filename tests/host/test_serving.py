"""Calls: from a message to the object and back."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import msgspec
import pytest
from support.hosted.client import Client, new_host
from support.hosted.manager import (
    OFFER,
    CounterProxy,
    FrontierProxy,
    JobProxy,
    PeerProxy,
    PlannerProxy,
    TroubleProxy,
)
from support.hosted.spec import Page, Peer
from support.threads import Run, run_all, until

from kinfolk.host.hosting import Host
from kinfolk.host.refusals import failure_of
from kinfolk.host.turns import turn_of
from kinfolk.wire.failures import lift_failure
from kinfolk.wire.members import Member
from kinfolk.wire.messages import ROOT, Call, Declined, Failed, Failure, Target

FRONTIER = OFFER.members(FrontierProxy)


@pytest.fixture
def host() -> Host:
    """A host of its own for each test."""
    return new_host()


@pytest.fixture
def client(host: Host) -> Client:
    """Its only client."""
    return Client(host)


# --- Members


def test_methods_take_all_kinds_of_parameters(client: Client) -> None:
    """Positional, keyword-only, and any number of either."""
    assert client.call("frontier", FrontierProxy, "push", url="x", priority=7) is True
    assert client.call("frontier", FrontierProxy, "push", url="x") is False
    assert client.call("frontier", FrontierProxy, "pop") == Page("x", 7)
    client.call("frontier", FrontierProxy, "push_all", urls=("a", "b"), statuses={"c": 3})
    assert client.call("frontier", FrontierProxy, "__getitem__", url="c") == Page("c", 3)
    assert client.call("frontier", FrontierProxy, "__len__") == 3


def test_attributes_are_read_and_set(client: Client) -> None:
    """Fields and properties alike, as far as the wire table has them."""
    client.call("frontier", FrontierProxy, "limit=", value=0)
    assert client.call("frontier", FrontierProxy, "limit") == 0
    assert client.call("frontier", FrontierProxy, "full") is True


def test_operators_are_those_of_the_class(client: Client) -> None:
    """As Python looks them up."""
    client.call("frontier", FrontierProxy, "push", url="x")
    assert client.call("frontier", FrontierProxy, "__contains__", url="x") is True
    assert client.call("counter", CounterProxy, "__call__") == 0


def test_an_operator_may_decline(client: Client) -> None:
    """`NotImplemented` travels as what it is."""
    call = client.start("counter", OFFER.members(CounterProxy)["__add__"], other=-1)
    assert isinstance(client.replies[call], Declined)
    assert client.call("counter", CounterProxy, "__add__", other=1) == 1


def test_an_operator_in_place_returns_its_object(client: Client) -> None:
    """The name at the caller cannot be bound to another one."""
    assert client.call("counter", CounterProxy, "__iadd__", other=5).target == "counter"
    assert client.call("counter", CounterProxy, "__call__") == 5
    assert client.call("counter", CounterProxy, "__iadd__", other=0) == (
        "ResultError",
        "Counter.__iadd__ must return self, since the object stays where it is",
    )


def test_factories_make_new_objects(client: Client) -> None:
    """With the caller's arguments, and the defaults of the class."""
    one = client.make("job", name="one", retries=5)
    assert client.call(one.target, JobProxy, "retries") == 5
    assert client.result(OFFER.root["job"], client.start(ROOT, OFFER.root["job"], name="a"))


@pytest.mark.parametrize("name", ["secret", "_pages", "__init__", "__class__", "pop=", "x", ""])
def test_what_is_not_in_the_table_is_refused(client: Client, name: str) -> None:
    """Whatever the object has by that name."""
    call = client.send(lambda number: Call(number, "frontier", name, 1, msgspec.Raw(b"\x80")))
    reply = client.replies[call]
    assert isinstance(reply, Failed)
    error = lift_failure(reply.failure, OFFER.codecs)
    assert isinstance(error, AttributeError)
    assert str(error) == f"Frontier has no member {name!r} that the spec exposes"


def test_an_unknown_factory_is_refused(client: Client) -> None:
    """Singletons are not made."""
    call = client.send(lambda number: Call(number, ROOT, "frontier", 1, msgspec.Raw(b"\x80")))
    reply = client.replies[call]
    assert isinstance(reply, Failed)
    assert reply.failure.message == "Town has no member 'frontier' that the spec exposes"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"url": 7}, "argument 'url' must be str, not int"),
        ({"url": "x", "priority": "high"}, "argument 'priority' must be int, not str"),
        ({}, "argument 'url' is missing"),
        ({"url": "x", "speed": 1}, "there is no argument 'speed'"),
    ],
)
def test_wrong_arguments_never_reach_the_object(
    client: Client, arguments: dict[str, object], complaint: str
) -> None:
    """The message names the method and the argument."""
    data = msgspec.Raw(msgspec.msgpack.encode(arguments))
    call = client.send(lambda number: Call(number, "frontier", "push", 1, data))
    assert client.result(FRONTIER["push"], call) == ("ArgumentError", f"Frontier.push: {complaint}")
    assert client.call("frontier", FrontierProxy, "__len__") == 0


# --- Exceptions


def failure(client: Client, name: str) -> Failure:
    """What a call that makes trouble fails with."""
    member: Member = OFFER.members(TroubleProxy)[name]
    reply = client.replies[client.start("trouble", member)]
    assert isinstance(reply, Failed)
    return reply.failure


def test_an_exception_tells_its_traceback(client: Client) -> None:
    """Of the user's code only, down to the line."""
    told = failure(client, "divide")
    assert told.class_name == "ZeroDivisionError"
    assert "return 1 / 0" in told.traceback
    assert "kinfolk" not in told.traceback.replace("support/hosted", "")


def test_the_cause_of_an_exception_is_told_too(client: Client) -> None:
    """As Python shows it, without what lies between the user's lines."""
    told = failure(client, "fail")
    assert told.class_name == "support.hosted.spec.Unknown"
    assert "ZeroDivisionError" in told.traceback
    assert "raise Unknown" in told.traceback
    assert "kinfolk/host" not in told.traceback


def test_a_refusal_tells_nothing_of_the_inside(client: Client) -> None:
    """There is no line of the user's in it."""
    told = failure(client, "lie")
    assert told.message == "Trouble.lie returned what it does not declare: must be int, not str"
    assert told.traceback == ""


def test_a_value_nested_too_deep_is_refused(client: Client) -> None:
    """The object that returns one does no harm to the host."""
    assert "nested too deep" in failure(client, "deep").message


def test_an_exception_that_ends_processes_does_not_end_the_server(client: Client) -> None:
    """It arrives as `RemoteError`, since it was not meant for the caller either."""
    told = failure(client, "leave")
    error = lift_failure(told, OFFER.codecs)
    assert type(error).__name__ == "RemoteError"
    assert told.class_name == "SystemExit"


# --- Turns


def test_calls_from_many_links_lose_nothing(host: Host) -> None:
    """Each call is one turn, whoever makes it."""
    clients = [Client(host) for _ in range(4)]

    def work(client: Client) -> None:
        for _ in range(100):
            client.call("counter", CounterProxy, "add")

    run_all(*[partial(work, client) for client in clients])
    assert clients[0].call("counter", CounterProxy, "__call__") == 400


def test_calls_between_objects_take_turns_too(host: Host) -> None:
    """A method that adds to another object does so in that object's turn."""
    clients = [Client(host) for _ in range(3)]

    def work(client: Client) -> None:
        peer = client.make("peer")
        for number in range(50):
            client.call("planner", PlannerProxy, "plan", url=f"{peer.target} {number}")
            client.call("frontier", FrontierProxy, "push", url=f"{peer.target} {number} more")

    run_all(*[partial(work, client) for client in clients])
    assert clients[0].call("frontier", FrontierProxy, "__len__") == 300


def test_a_chain_may_come_back(client: Client) -> None:
    """A method that calls an object that calls back does not wait for itself."""
    one, two = client.make("peer"), client.make("peer")
    assert client.call(one.target, PeerProxy, "call_back", other=two) == "answered"
    assert client.call(one.target, PeerProxy, "call", other=one) == "answered"


def test_a_circle_of_calls_raises_deadlock(host: Host) -> None:
    """In one of the two calls, which both are named; the other one returns."""
    client = Client(host)
    one, two = client.make("peer"), client.make("peer")
    Peer.meet = threading.Barrier(2)

    def start(target: Target, other: object) -> Any:
        return client.call(target, PeerProxy, "start", other=other)

    told = run_all(partial(start, one.target, two), partial(start, two.target, one))
    told.remove("answered")
    ((name, message),) = told
    assert name == "Deadlock"
    assert message.startswith("Peer.answer would wait for Peer.start")
    assert message.endswith("which waits for Peer.start, which made this call")


def test_reading_a_field_is_a_turn(host: Host) -> None:
    """A client never sees what a method has half done."""
    client = Client(host)
    frontier = host._objects._named["frontier"].obj
    turn = turn_of(frontier)
    assert turn is not None
    turn.take("Test.hold")
    run = Run(lambda: client.call("frontier", FrontierProxy, "limit"))
    until(lambda: turn.waiting)
    frontier.limit = 7
    turn.leave()
    assert run.result() == 7


def test_ctrl_c_in_the_main_thread_is_not_the_callers(client: Client) -> None:
    """It goes where Python sends it, and the turn is free again."""
    frontier = host_object(client, "frontier")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    frontier._pages = type("Pages", (), {"__len__": interrupt})()
    with pytest.raises(KeyboardInterrupt):
        client.start("frontier", FRONTIER["__len__"])
    turn = turn_of(frontier)
    assert turn is not None
    assert turn.held_by is None
    call = Run(lambda: client.start("frontier", FRONTIER["__len__"])).result()
    assert client.result(FRONTIER["__len__"], call)[0] == "KeyboardInterrupt"


def host_object(client: Client, name: str) -> Any:
    """The object behind a name."""
    return client.host._objects._named[name].obj


class Stubborn(Exception):
    """An exception whose attributes cannot be set."""

    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError("no")


def test_an_exception_with_its_own_idea_of_attributes_is_told(host: Host) -> None:
    """What a class does to the setting of attributes does not keep its exceptions from callers."""
    failure = failure_of(Stubborn("all the same"), host.offer.codecs)
    assert failure.message == "all the same"
