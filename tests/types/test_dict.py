"""`Dict` by itself, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinfolk.types import Dict

ITEMS = st.dictionaries(st.text(max_size=3), st.integers(), max_size=5)


@given(ITEMS, st.text(max_size=3), st.integers())
def test_it_reads_like_a_dictionary(items: dict[str, int], key: str, default: int) -> None:
    """Whatever is in it."""
    shared = Dict(items)
    assert len(shared) == len(items)
    assert (key in shared) == (key in items)
    assert shared.get(key) == items.get(key)
    assert shared.get(key, default) == items.get(key, default)
    assert list(shared) == shared.keys() == list(items)
    assert list(reversed(shared)) == list(reversed(items))
    assert shared.values() == list(items.values())
    assert shared.items() == list(items.items())
    assert shared.copy() == items
    assert shared | {key: default} == items | {key: default}
    assert {key: default} | shared == {key: default} | items


@given(ITEMS, ITEMS, st.text(max_size=3), st.integers())
def test_it_changes_like_a_dictionary(
    items: dict[str, int], more: dict[str, int], key: str, value: int
) -> None:
    """Every change has the effect that it has on a dictionary."""
    shared, plain = Dict(items), dict(items)
    for each in (shared, plain):
        same: Any = each
        same[key] = value
        same.update(more, extra=1)
        same |= more.items()
        assert same is each
        assert same.setdefault(key, 7) == value or key in more
        assert same.pop("extra") is not None
        assert same.pop("extra", None) is None
        same["last"] = 0
        assert same.popitem() in {("last", 0), *more.items()}
        del same[key]
    assert shared.copy() == plain
    shared.clear()
    assert len(shared) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["x"],
        lambda d: d.pop("x"),
        lambda d: d.__delitem__("x"),
        lambda d: d.popitem(),
    ],
)
def test_what_is_not_there_raises(change: Any) -> None:
    """A KeyError, as dictionaries do."""
    with pytest.raises(KeyError):
        change(Dict[str, int]())


def test_it_is_made_like_a_dictionary() -> None:
    """Of a mapping, of pairs, of names, and of nothing."""
    assert Dict({"a": 1}, b=2).copy() == {"a": 1, "b": 2}
    assert Dict([("a", 1)]).copy() == {"a": 1}
    assert Dict(a=1).copy() == {"a": 1}
    assert Dict[str, int]().copy() == {}


def test_it_keeps_no_hold_of_what_it_was_made_of() -> None:
    """Nor does what it hands out have a hold of it."""
    items = {"a": 1}
    shared = Dict(items)
    items["b"] = 2
    shared.copy()["c"] = 3
    shared.keys().append("d")
    assert shared.keys() == ["a"]


def test_iterating_goes_over_the_keys_that_there_were() -> None:
    """Changes meanwhile are no error."""
    shared = Dict({"a": 1, "b": 2})
    seen: list[str] = []
    for key in shared:
        seen.append(key)
        shared[key * 2] = 0
    assert seen == ["a", "b"]
