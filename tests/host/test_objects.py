"""Objects and the references of clients to them."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from support.hosted.client import Client, new_host
from support.hosted.manager import (
    OFFER,
    BoxesProxy,
    BoxProxy,
    CounterProxy,
    FrontierProxy,
    JobProxy,
    PlannerProxy,
    TroubleProxy,
    UrgentJobProxy,
)
from support.hosted.spec import Job
from support.threads import until

from kinfolk.host.hosting import Host
from kinfolk.limits import Limits
from kinfolk.wire.messages import ROOT, Lend
from kinfolk.wire.references import Reference


@pytest.fixture
def host() -> Host:
    """A host of its own for each test."""
    return new_host()


@pytest.fixture
def client(host: Host) -> Client:
    """Its only client."""
    return Client(host)


def jobs() -> int:
    """How many jobs there are in the process."""
    gc.collect()
    return sum(isinstance(each, Job) for each in gc.get_objects())


# --- Numbers and counts


def test_each_object_has_one_number(client: Client) -> None:
    """However often it is mentioned, and no two share one."""
    one = client.make("job", name="one")
    assert one.shared == "support.hosted.spec.Job"
    assert client.make("job", name="one") != one
    named = client.call("planner", PlannerProxy, "job", name="a")
    assert client.call("planner", PlannerProxy, "job", name="a") == named
    assert client.call("planner", PlannerProxy, "jobs") == {"all": [named]}


def test_an_object_lives_as_long_as_it_is_referred_to(client: Client) -> None:
    """Each mention counts once, and each release."""
    before = jobs()
    one = client.make("job", name="one")
    planned = client.call("planner", PlannerProxy, "job", name="a")
    client.call("planner", PlannerProxy, "job", name="a")
    client.call("planner", PlannerProxy, "forget")
    assert jobs() == before + 2
    client.release(one.target, planned.target)
    assert jobs() == before + 1
    assert client.call(planned.target, JobProxy, "run") == "a ran"
    client.release(planned.target)
    assert jobs() == before
    assert client.call(planned.target, JobProxy, "run")[0] == "ObjectGone"


def test_an_object_that_the_server_still_has_gets_a_new_number(client: Client) -> None:
    """Numbers are never used again."""
    one = client.call("planner", PlannerProxy, "job", name="a")
    client.release(one.target)
    again = client.call("planner", PlannerProxy, "job", name="a")
    assert again.target != one.target
    assert client.call(one.target, JobProxy, "run")[0] == "ObjectGone"
    assert client.call(again.target, JobProxy, "run") == "a ran"


def test_a_session_uses_only_what_it_was_sent(host: Host, client: Client) -> None:
    """Another's numbers do not exist for it, whether it calls, passes or releases them."""
    other = Client(host)
    one = client.make("job", name="one")
    assert other.call(one.target, JobProxy, "run")[0] == "ObjectGone"
    assert other.call("planner", PlannerProxy, "is_mine", job=one)[0] == "ObjectGone"
    other.release(one.target, 12345)
    assert client.call(one.target, JobProxy, "run") == "one ran"


def test_the_end_of_a_session_lets_its_objects_go(host: Host, client: Client) -> None:
    """But not those that another session refers to."""
    other, before = Client(host), jobs()
    client.make("job", name="mine")
    shared = client.call("planner", PlannerProxy, "job", name="a")
    assert other.call("planner", PlannerProxy, "job", name="a") == shared
    other.call("planner", PlannerProxy, "forget")
    client.link.close()
    assert jobs() == before + 1
    assert other.call(shared.target, JobProxy, "run") == "a ran"
    other.link.close()
    assert jobs() == before


def test_a_loan_is_taken_back_though_no_thread_could_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When its time was over the system had no more threads; soon it has, and it is tried again."""
    client = Client(new_host(Limits(lent=0.001)))
    before = jobs()
    shared = client.call("planner", PlannerProxy, "job", name="a")
    client.call("planner", PlannerProxy, "forget")
    start, refused = threading.Thread.start, threading.Event()

    def refuse_once(thread: threading.Thread) -> None:
        if thread.name == "kinfolk-loan" and not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_once)
    client.send(lambda number: Lend(number, [shared.target]))
    client.release(shared.target)
    until(refused.is_set)
    until(lambda: jobs() == before)


def test_singletons_go_by_name_and_stay(client: Client) -> None:
    """A method that returns one returns its name, and releasing has no effect on it."""
    assert client.call("planner", PlannerProxy, "frontier") == Reference(
        "support.hosted.spec.Frontier", "frontier"
    )
    client.call("frontier", FrontierProxy, "push", url="x")
    client.link.close()
    assert Client(client.host).call("frontier", FrontierProxy, "__len__") == 1


def test_a_reply_that_fails_mentions_nothing(client: Client) -> None:
    """What was counted for it is taken back."""
    before = jobs()
    assert client.call("trouble", TroubleProxy, "lie_about_jobs")[0] == "ResultError"
    assert jobs() == before


def test_an_unknown_name_is_refused(client: Client) -> None:
    """The message says who has no such entry."""
    assert client.call("nothing", FrontierProxy, "pop") == (
        "ObjectGone",
        "Town has no entry 'nothing'",
    )
    # The manager itself is no object that could be passed.
    reference = Reference("support.hosted.spec.Job", ROOT)
    assert client.call("planner", PlannerProxy, "is_mine", job=reference)[0] == "ArgumentError"


# --- Types


def test_a_method_takes_the_very_object(client: Client) -> None:
    """Not a copy, and not a proxy."""
    mine = client.call("planner", PlannerProxy, "job", name="a")
    other = client.make("job", name="a")
    assert client.call("planner", PlannerProxy, "is_mine", job=mine) is True
    assert client.call("planner", PlannerProxy, "is_mine", job=other) is False


def test_an_object_of_another_class_is_refused(client: Client) -> None:
    """Whatever class the message says it has."""
    job = client.make("job", name="a")
    lie = Reference("support.hosted.spec.UrgentJob", job.target)
    assert client.call("planner", PlannerProxy, "hurry", job=lie) == (
        "ArgumentError",
        "Planner.hurry: argument 'job' must be UrgentJobProxy, not JobProxy",
    )
    singleton = Reference("support.hosted.spec.Counter", "frontier")
    assert client.call("counter", CounterProxy, "add_from", other=singleton) == (
        "ArgumentError",
        "Counter.add_from: argument 'other' must be CounterProxy, not FrontierProxy",
    )


@pytest.mark.parametrize("kind", ["urgent", "secret"])
def test_an_object_is_what_its_class_says(client: Client, kind: str) -> None:
    """A derived class that is shared is known as such, any other as its nearest shared base."""
    found = client.call("planner", PlannerProxy, "job", name="a", kind=kind)
    assert found.shared == "support.hosted.spec.UrgentJob"
    assert client.call(found.target, UrgentJobProxy, "hurry") == "a hurries"
    assert client.call("planner", PlannerProxy, "hurry", job=found) == "a hurries"


def test_an_object_has_one_type(client: Client) -> None:
    """How its values travel cannot depend on who mentions it."""
    whole = client.call("boxes", BoxesProxy, "whole")
    assert client.call(whole.target, BoxProxy[int], "get") == 1
    assert client.call("boxes", BoxesProxy, "text") == (
        "ResultError",
        "Boxes.text returned what it does not declare: must be BoxProxy[str], not BoxProxy[int]",
    )
    assert client.call("boxes", BoxesProxy, "take", box=whole) == 1


def test_arguments_of_a_parametrised_type_are_checked(client: Client) -> None:
    """By the type that the object has, whatever the caller takes it for."""
    box = client.make("box", value=1)
    assert client.call(box.target, BoxProxy[str], "put", value="x") == (
        "ArgumentError",
        "Box.put: argument 'value' must be int, not str",
    )


# --- Limits


def test_a_session_refers_to_so_many_objects(client: Client) -> None:
    """The limit is told with the number, and releasing makes room."""
    host = new_host(Limits(objects=2))
    client = Client(host)
    one, _ = client.make("job", name="a"), client.make("job", name="b")
    member = OFFER.root["job"]
    assert client.result(member, client.start(ROOT, member, name="c")) == (
        "LimitExceeded",
        "This client refers to 2 objects (limit 2)",
    )
    assert len(host._objects._numbered) == 2
    Client(host).make("job", name="d")
    client.release(one.target)
    client.make("job", name="e")


def test_nothing_keeps_a_released_object(client: Client) -> None:
    """Its turn goes with it."""
    planner = client.host._objects._named["planner"].obj
    reference = client.call("planner", PlannerProxy, "job", name="a")
    dead = weakref.ref(planner._jobs["a"])
    client.call(reference.target, JobProxy, "run")
    client.call("planner", PlannerProxy, "forget")
    client.release(reference.target)
    gc.collect()
    assert dead() is None
