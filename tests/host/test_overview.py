"""Who has what and who waits for it, as people see it who look at a server."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from support.hosted.client import Client, new_host
from support.hosted.manager import OFFER, VaultProxy
from support.threads import Run, until

from kinfolk.declare import shared
from kinfolk.host.chains import Chain, thread
from kinfolk.host.hosted import Hosted
from kinfolk.host.hosting import Host
from kinfolk.host.operations import Operations
from kinfolk.host.overview import Awaited, overview
from kinfolk.host.owners import Owner
from kinfolk.host.turns import turn_of
from kinfolk.host.waiters import Waiters
from kinfolk.types.locks_manager import RLockProxy
from kinfolk.types.locks_spec import RLock

LOCK = OFFER.members(RLockProxy)


@pytest.fixture
def host() -> Host:
    """A host of its own for each test."""
    return new_host()


def seen(host: Host) -> dict[tuple[str, str], Awaited]:
    """Return what there is to see, by kind and name."""
    return {(each.kind, each.name): each for each in overview(host.hosted)}


def hosted(obj: object, target: str | int) -> Hosted:
    """Return what a host knows of an object."""
    return Hosted(obj, target, None, Operations.of_factories(OFFER.root, {}))


def test_nothing_is_seen_where_nobody_has_or_wants_anything(host: Host) -> None:
    """Free locks, and objects that nobody calls, are left out."""
    assert overview(host.hosted) == []


def test_a_lock_shows_its_holder_and_those_who_wait(host: Host) -> None:
    """Each as the session and the caller in it, in the order in which they will get it."""
    one, two = Client(host), Client(host)
    one.start("lock", LOCK["acquire"], 5)
    two.start("lock", LOCK["acquire"], 6)
    two.start("lock", LOCK["acquire"], 7)
    assert seen(host) == {
        ("lock", "lock"): Awaited(
            "lock",
            "lock",
            (Owner(one.session, 5), ""),
            [(Owner(two.session, 6), ""), (Owner(two.session, 7), "")],
        )
    }
    one.link.close()
    two.link.close()
    assert overview(host.hosted) == []


def test_a_turn_shows_the_call_that_has_it_and_those_that_wait(host: Host) -> None:
    """The holder is known by its thread, since it goes on meanwhile."""
    one, two = Client(host), Client(host)
    vault: Any = next(each.obj for each in host.hosted if each.target == "vault")
    vault.inside, vault.go_on = inside, go_on = threading.Event(), threading.Event()
    chains: list[Chain] = []

    def read() -> object:
        chains.append(thread.chain)
        return one.call("vault", VaultProxy, "read")

    first = Run(read)
    inside.wait(30)
    second = Run(lambda: two.call("vault", VaultProxy, "read"))
    turn = turn_of(vault)
    assert turn is not None
    until(lambda: turn.waiting)
    found = seen(host)["turn", "vault"]
    go_on.set()
    assert found.holder == (chains[0], "Vault.read")
    assert found.waiters == [(Owner(two.session, 1), "Vault.read")]
    assert (first.result(), second.result()) == ("gold", "gold")
    assert overview(host.hosted) == []


def test_an_object_with_two_names_is_seen_once() -> None:
    """Under the first of them."""
    lock = RLock()
    lock.acquire()
    names = [each.name for each in overview([hosted(lock, "a"), hosted(lock, "b")])]
    assert names == ["a"]


@shared(concurrent=True)
class Slotted:
    """Keeps a lock, and what waits, where there is no `__dict__`."""

    __slots__ = ("_lock", "_queue", "_unset")

    def __init__(self) -> None:
        self._lock = RLock()
        self._queue: Waiters[int] = Waiters()


def test_what_an_object_keeps_for_itself_is_seen_too() -> None:
    """It is named after the object: its class, if it has no name of its own."""
    slotted = Slotted()
    slotted._lock.acquire()
    slotted._queue.add(None, 0)
    found = overview([hosted(slotted, 12345)])
    assert [(each.kind, each.name) for each in found] == [
        ("event", "Slotted"),
        ("lock", "Slotted._lock"),
    ]
    assert found[0].holder is None
    assert len(found[0].waiters) == 1
