"""Proxy types: from the declared one and the class of the object to the one that it has."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import pytest

from kinfolk.wire.narrowing import fits, narrow

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class Map(Generic[K, V]):
    """Stands for a generic proxy."""


class Sorted(Map[K, V]):
    """The same parameters."""


class Turned(Map[V, K], Generic[K, V]):
    """The same in another order."""


class Names(Map[str, T]):
    """One parameter filled in."""


class Pages(Names[int]):
    """None left."""


class Loose(Map[str, int], Generic[T]):
    """One that its base does not have."""


class Other:
    """Nothing to do with it."""


@pytest.mark.parametrize(
    ("actual", "found"),
    [
        (Map, Map[str, int]),
        (Sorted, Sorted[str, int]),
        (Turned, Turned[int, str]),
        (Names, Names[int]),
        (Pages, Pages),
        (Loose, Loose[Any]),
    ],
)
def test_a_derived_class_gets_the_arguments_that_follow(actual: type, found: object) -> None:
    """What is declared for the base says what the derived one has."""
    assert narrow(Map[str, int], actual) == found
    assert fits(found, Map[str, int])


def test_without_arguments_nothing_is_known() -> None:
    """They are Any, and fit everywhere."""
    assert narrow(Map, Map) is Map
    assert narrow(Map, Sorted) == Sorted[Any, Any]
    assert narrow(Other, Other) is Other
    assert fits(Map[str, int], Map)
    assert fits(Sorted[Any, Any], Map[str, int])
    assert fits(Map[str, int], Map[Any, int])


def test_another_class_does_not_fit() -> None:
    """The text completes "must be …"."""
    with pytest.raises(TypeError, match=r"^Map\[str, int\], not Other$"):
        narrow(Map[str, int], Other)
    with pytest.raises(TypeError, match=r"^Sorted\[str, int\], not Map$"):
        narrow(Sorted[str, int], Map)
    assert not fits(Other, Map[str, int])


def test_other_arguments_do_not_fit() -> None:
    """Also where they only follow from a derived class."""
    assert not fits(Map[str, str], Map[str, int])
    assert not fits(Turned[str, int], Map[str, int])
    assert fits(Turned[int, str], Map[str, int])
    assert not fits(Names[str], Map[str, int])
    assert not fits(Pages, Map[str, str])
    assert fits(Pages, Names[int])
    assert not fits(Pages, Names[str])
