"""Options of the test suite, and what keeps it apart from everything else on the machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.folders import own_settings


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the chaos and the storm run longer, and the chaos be replayed."""
    group = parser.getgroup("chaos")
    group.addoption(
        "--chaos-seconds",
        type=float,
        default=20.0,
        help="how long the chaos lasts, over both transports together",
    )
    group.addoption("--chaos-seed", type=int, help="replay the plan of this seed")
    group.addoption(
        "--storm-rounds",
        type=int,
        default=400,
        help="how often each client does all that a storm interrupts; 400 make about 2,300"
        " interruptions, by each of two clients, over each transport",
    )


@pytest.fixture(autouse=True, scope="session")
def own_sockets() -> Iterator[None]:
    """Keep away from the user's own servers, and from another run of the suite beside this one."""
    with pytest.MonkeyPatch.context() as patch, own_settings(patch):
        yield


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have calls that were cut short settled however long that takes on a busy machine."""
    monkeypatch.setattr("kinfolk.calls.SHORT_MOMENT", 60.0)
