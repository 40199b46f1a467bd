"""What is remembered of the latest calls."""

from __future__ import annotations

import pytest

from kinfolk.host.latest import Latest


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
