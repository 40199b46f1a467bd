"""What is remembered of the latest calls."""

from __future__ import annotations

import pytest

from kinfolk.host.latest import Grants, Latest
from kinfolk.host.waiters import Settled


@pytest.mark.parametrize("way", ["assigned", "by default"])
def test_the_oldest_is_forgotten(way: str) -> None:
    """However an entry comes in, there are never more than so many, and the latest stay."""
    latest: Latest[str] = Latest(100)
    for call in range(150):
        if way == "assigned":
            latest[call] = "known"
        else:
            latest.setdefault(call, "known")
    assert list(latest) == list(range(50, 150))


def test_an_entry_that_changes_forgets_nobody() -> None:
    """Only those that are new make others go."""
    latest: Latest[str] = Latest(100)
    for call in range(100):
        latest[call] = "asked"
    latest[0] = "answered"
    assert (len(latest), latest[0]) == (100, "answered")


def test_of_grants_the_oldest_and_the_heaviest_go_first() -> None:
    """There are never more than so many, nor so many bytes; but the last is always known."""
    grants = Grants(most=3, heaviest=100)
    pendings = [Settled(number, int) for number in range(8)]
    for number in range(5):
        grants.add(number, pendings[number], 10)
    assert [grants.pop(number) for number in range(3)] == [None, None, pendings[2]]
    grants.add(5, pendings[5], 90)
    assert grants.pop(3) is None
    assert grants.pop(4) is pendings[4]
    grants.add(6, pendings[6], 1000)
    assert (grants.pop(5), grants.pop(6)) == (None, pendings[6])
    grants.add(7, pendings[7])
    grants.clear()
    assert grants.pop(7) is None
