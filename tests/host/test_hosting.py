"""What a host makes, and who may call it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.hosted.client import Client, new_host
from support.hosted.manager import OFFER, FrontierProxy, PlannerProxy
from support.hosted.spec import Counter, Frontier, Job, Page, Planner, Town

from kinfolk.declare import Factory, Singleton, offer_of
from kinfolk.errors import ArgumentError, ConnectionClosed
from kinfolk.host.hosting import Host
from kinfolk.types.containers_manager import DictProxy
from kinfolk.wire.references import Reference
from kinfolk.wire.table import ManagerType, Table


def entries(**changes: Singleton | Factory) -> Mapping[str, Singleton | Factory]:
    """What the spec offers, with changes."""
    offer = offer_of(Town)
    assert offer is not None
    return {**offer.entries, **changes}


def two_frontiers() -> ManagerType:
    """A manager that offers two of a class."""
    return ManagerType(
        "s", "M", "s.M", OFFER.table, lambda: dict.fromkeys("ab", FrontierProxy), dict
    )


def test_singletons_are_made_with_their_arguments() -> None:
    """Positional and keyword ones, each host for itself."""
    one, two = Client(new_host()), Client(new_host())
    one.call("frontier", FrontierProxy, "push", url="x")
    assert one.call("frontier", FrontierProxy, "limit") == 500
    assert one.call("frontier", FrontierProxy, "__len__") == 1
    assert two.call("frontier", FrontierProxy, "__len__") == 0
    assert one.call("cookies", DictProxy[str, Page], "__getitem__", key="a") == Page("a")


def test_an_entry_may_take_entries() -> None:
    """A singleton stands for the very object, and a factory for what makes new ones."""
    client = Client(new_host())
    client.call("planner", PlannerProxy, "plan", url="x")
    assert client.call("frontier", FrontierProxy, "__len__") == 1
    assert client.call("planner", PlannerProxy, "frontier").target == "frontier"
    assert isinstance(client.call("planner", PlannerProxy, "job", name="a"), Reference)


def test_entries_are_found_within_lists_and_dictionaries() -> None:
    """An argument may hold several."""
    given: list[Any] = []

    class Keeper(Frontier):
        def __init__(self, *args: object) -> None:
            super().__init__()
            given.extend(args)

    frontier, job = Singleton(Frontier), Factory(Job)
    keeper = Singleton(Keeper, ([frontier], (frontier,), {"a": [job]}, "other"))
    Host(two_frontiers(), {"a": frontier, "b": keeper})
    in_list, in_tuple, in_dict, other = given
    assert type(in_list[0]) is Frontier
    assert in_list[0] is in_tuple[0]
    assert in_dict == {"a": [Job]}
    assert other == "other"


def test_one_singleton_may_have_two_names() -> None:
    """It is one object."""
    frontier = Singleton(Frontier)
    client = Client(Host(two_frontiers(), {"a": frontier, "b": frontier}))
    client.call("a", FrontierProxy, "push", url="x")
    assert client.call("b", FrontierProxy, "__len__") == 1


def test_an_entry_of_another_manager_is_refused() -> None:
    """The message names the entry that takes it."""
    planner = Singleton(Planner, (Singleton(Frontier), Factory(Job)))
    with pytest.raises(ArgumentError, match=r"Town\.planner takes an entry"):
        Host(OFFER, entries(planner=planner))


def test_a_singleton_that_cannot_be_made_names_its_entry() -> None:
    """What its constructor raised is raised, with a note."""
    with pytest.raises(TypeError) as error:
        Host(OFFER, entries(frontier=Singleton(Frontier, (1, 2, 3))))
    assert error.value.__notes__ == ["while the host made the singleton Town.frontier"]


def test_a_singleton_of_another_class_is_refused() -> None:
    """The generated module no longer fits the spec."""
    with pytest.raises(TypeError, match="FrontierProxy, not CounterProxy"):
        Host(OFFER, entries(frontier=Singleton(Counter)))
    with pytest.raises(TypeError, match="FrontierProxy, not dict"):
        Host(OFFER, entries(frontier=Singleton(dict)))


def test_a_session_is_found_by_its_token_while_it_lives() -> None:
    """It lives until its last link is closed."""
    host = new_host()
    client = Client(host)
    second = Client(host, client.session)
    assert len(client.session.token) >= 16
    assert host.find(client.session.token) is client.session
    assert host.find(b"") is None
    assert host.sessions == [client.session]
    client.link.close()
    client.link.close()
    assert host.find(client.session.token) is client.session
    second.link.close()
    assert host.find(client.session.token) is None
    assert client.session.ended
    with pytest.raises(ConnectionClosed):
        client.session.attach()


def test_closing_the_host_ends_everything() -> None:
    """Sessions end, objects are let go, and nobody new is let in."""
    host = new_host()
    client = Client(host)
    host.close()
    host.close()
    assert client.session.ended
    client.start("frontier", OFFER.members(FrontierProxy)["pop"])
    assert not client.replies
    with pytest.raises(ConnectionClosed):
        host.session("late")


def test_a_table_without_entries_makes_an_empty_host() -> None:
    """There is nothing to call."""
    offer = ManagerType("s", "M", "s.M", Table("s", ""), dict, dict)
    assert Client(Host(offer, {})).call("x", FrontierProxy, "pop")[0] == "ObjectGone"
