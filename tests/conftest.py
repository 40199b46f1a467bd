"""Options of the test suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the chaos run longer, and be replayed."""
    group = parser.getgroup("chaos")
    group.addoption(
        "--chaos-seconds",
        type=float,
        default=20.0,
        help="how long the chaos lasts, over both transports together",
    )
    group.addoption("--chaos-seed", type=int, help="replay the plan of this seed")
