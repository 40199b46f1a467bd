"""What shared containers have beyond the classes that they stand for."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from support.containers.manager import ContainersManager
from support.sharing.engines import CHECKING

from kinfolk.errors import ArgumentError
from kinfolk.types import Dict


def in_threads(run: Callable[[], object], count: int = 4) -> None:
    """Run something in several threads at once."""
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_increment_loses_nothing(containers: ContainersManager) -> None:
    """Of several threads that count at the same time, every step counts."""
    counts, row, value, cells = (
        containers.dict(),
        containers.list([0]),
        containers.value(0),
        containers.array("l", [0]),
    )

    def run() -> None:
        for _ in range(50):
            counts.increment("a")
            row.increment(0, by=2)
            value.increment()
            cells.increment(0, 3)

    in_threads(run)
    assert (counts["a"], row[0], value.value, cells[0]) == (200, 400, 200, 600)


def test_increment_returns_the_sum(containers: ContainersManager) -> None:
    """A key that a dictionary does not have counts as 0; an index that is not there raises."""
    assert containers.dict().increment("new", by=3) == 3
    assert containers.real(0.5).increment() == 1.5
    assert containers.deque([1, 2]).increment(-1, -5) == -3
    with pytest.raises(IndexError):
        containers.list([1]).increment(1)
    with pytest.raises(OverflowError):
        containers.array("b", [127]).increment(0)


@pytest.mark.parametrize("containers", CHECKING, indirect=True)
def test_increment_takes_what_the_object_holds(containers: ContainersManager) -> None:
    """The sum is of the declared type, so no half gets into a list of whole numbers."""
    row: Any = containers.list([1])
    with pytest.raises(ArgumentError, match="argument 'by' must be int, not float"):
        row.increment(0, 0.5)
    text: Any = containers.text("a")
    with pytest.raises(TypeError):
        text.increment()
    assert Dict({"a": Fraction(1, 2)}).increment("a", Fraction(1, 3)) == Fraction(5, 6)


def test_increment_leaves_nothing_that_cannot_be_read(containers: ContainersManager) -> None:
    """A key that is not there counts as 0 of what was declared, and what is no number stays."""
    exact = containers.exact()
    assert exact.increment("new") == Decimal(1)
    assert exact.items() == [("new", Decimal(1))]
    words: Any = containers.words({"a": "b"})
    for key in ("a", "new"):
        with pytest.raises(TypeError):
            words.increment(key)
    assert words.items() == [("a", "b")]
    flag: Any = containers.flag(True)
    with pytest.raises(TypeError, match="only numbers can be incremented, not bool"):
        flag.increment()
    assert flag.get() is True


def test_compare_and_set(containers: ContainersManager) -> None:
    """It replaces what is as expected, and nothing else."""
    counts = containers.dict(a=1)
    assert counts.compare_and_set("a", 1, 2)
    assert not counts.compare_and_set("a", 1, 3)
    assert not counts.compare_and_set("b", 1, 3)
    assert counts == {"a": 2}
    value = containers.value(1)
    assert (value.compare_and_set(1, 2), value.compare_and_set(1, 3), value.get()) == (
        True,
        False,
        2,
    )
    for row in (containers.list([1, 5]), containers.deque([1, 5]), containers.array("i", [1, 5])):
        assert (row.compare_and_set(1, 5, 6), row.compare_and_set(1, 5, 7)) == (True, False)
        assert list(row) == [1, 6]


def test_one_inserts_and_all_get_that(containers: ContainersManager) -> None:
    """`get_or_insert` and `add_new` have one winner."""
    counts, elements = containers.dict(), containers.set()
    assert counts.get_or_insert("a", 1) == counts.get_or_insert("a", 2) == 1
    assert (elements.add_new(1), elements.add_new(1)) == (True, False)
    assert (elements.take(1), elements.take(1)) == (True, False)
    won: list[bool] = []
    in_threads(lambda: won.append(elements.add_new(7)))
    assert sorted(won) == [False, False, False, True]


def test_containers_in_containers(containers: ContainersManager) -> None:
    """What is taken out of a container is the shared object that was put in."""
    lists = containers.lists()
    lists["k"] = containers.list([1])
    lists["k"].append(2)
    assert lists["k"] == [1, 2]
    found = lists.get("k")
    assert found is not None
    assert found == lists.pop("k", None) == [1, 2]
    assert lists.get("k", "none") == "none"
    rows = containers.rows([found])
    joined = rows.__add__([found])
    assert [row.copy() for row in joined] == [[1, 2], [1, 2]]
    assert found in rows
    assert rows[0:1][0] == found


def test_what_is_in_a_container_lives_on(containers: ContainersManager) -> None:
    """Also after the last proxy of it is gone."""
    lists = containers.lists()
    lists["k"] = containers.list([1])
    gc.collect()
    # A call takes with it what was let go before.
    assert len(lists) == 1
    assert lists["k"] == [1]


@pytest.mark.parametrize("containers", CHECKING, indirect=True)
def test_types_are_checked(containers: ContainersManager) -> None:
    """What is not of the declared type never gets in."""
    row: Any = containers.list()
    with pytest.raises(ArgumentError, match=r"List\.append: argument 'item' must be int, not str"):
        row.append("a")
    with pytest.raises(TypeError):
        row[0:1] = ["a"]
    assert row == []


@pytest.mark.parametrize("containers", ["pickle"], indirect=True)
def test_by_pickle_any_value_gets_in(containers: ContainersManager) -> None:
    """As into a manager of the standard library: nothing is checked against what is declared."""
    row: Any = containers.list()
    row.append({"a", None})
    row[0:0] = ["a"]
    assert row == ["a", {"a", None}]
    assert containers.list([1]).increment(0, Fraction(1, 2)) == Fraction(3, 2)  # type: ignore[arg-type]


def test_a_namespace_has_no_private_attributes(containers: ContainersManager) -> None:
    """Whatever a client sends, nothing that starts with an underscore can be reached."""
    space = containers.namespace(x=1)
    for name in ("_attributes", "__class__", "__dict__"):
        with pytest.raises(AttributeError, match="for clients"):
            space._call("__getattr__", {"name": name})
        with pytest.raises(AttributeError, match="for clients"):
            space._call("__setattr__", {"name": name, "value": {}})
    assert not hasattr(space, "_attributes")
    assert space.x == 1


def test_an_array_keeps_its_length(containers: ContainersManager) -> None:
    """A slice takes as many items as it has."""
    cells = containers.array("i", [1, 2, 3])
    cells[0:2] = [7, 8]
    with pytest.raises(ValueError, match="a slice of 2 cannot be set to 1"):
        cells[0:2] = [7]
    assert cells.tolist() == [7, 8, 3]
