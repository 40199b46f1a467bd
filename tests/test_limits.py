"""The limits of a server, as values."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kinfolk import LimitExceeded, Limits
from kinfolk.wire.codec import NESTING_LIMIT
from kinfolk.wire.frames import DEFAULT_LIMIT
from kinfolk.wire.greetings import HANDSHAKE_LIMIT, HEARTBEAT, HIGHEST_LIMIT, Heartbeat

NAMES = [field.name for field in attrs.fields(Limits)]


def test_the_defaults_are_those_of_the_wire() -> None:
    """What an end does unless it is told otherwise is what a server tells it by default."""
    limits = Limits()
    assert limits.frame == DEFAULT_LIMIT
    assert limits.nesting == NESTING_LIMIT
    assert Heartbeat(limits.heartbeat, limits.misses) == HEARTBEAT


@pytest.mark.parametrize("name", NAMES)
def test_no_limit_shuts_everybody_out(name: str) -> None:
    """Zero is refused, with the name of the limit, as an error of ours."""
    with pytest.raises(LimitExceeded, match=rf"^{name} must be at least [\d.]+, not 0$"):
        Limits(**{name: 0})


@pytest.mark.parametrize("name", ["lent", "handshake_timeout"])
def test_what_is_not_a_number_is_no_limit(name: str) -> None:
    """It is neither too small nor too large, and would limit nothing."""
    wrong: dict[str, Any] = {name: float("nan")}
    with pytest.raises(LimitExceeded, match=rf"^{name} must be at least [\d.]+, not nan$"):
        Limits(**wrong)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("frame", HANDSHAKE_LIMIT, HIGHEST_LIMIT),
        ("nesting", 1, NESTING_LIMIT),
        ("heartbeat", 1, 32_767),
        ("misses", 1, 127),
    ],
)
def test_what_cannot_be_done_is_refused(name: str, lowest: int, highest: int) -> None:
    """The wire and the system have limits of their own, which are told with the number."""
    for value in (lowest, highest):
        assert getattr(Limits(**{name: value}), name) == value
    with pytest.raises(LimitExceeded, match=f"at most {highest}, not {highest + 1}"):
        Limits(**{name: highest + 1})
    with pytest.raises(LimitExceeded, match=f"at least {lowest}, not {lowest - 1}"):
        Limits(**{name: lowest - 1})
