"""Shared containers against the classes that they stand for.

The same random operations are carried out on a shared object and on a local one; both have to give
the same results, raise the same exceptions and hold the same in the end. A failure prints how to
replay it.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from operator import methodcaller
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from support.containers.manager import ContainersManager

BOUNDS = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)

SMALL = st.integers(-3, 6)
ITEMS = st.lists(SMALL, max_size=5)
SLICES = st.builds(slice, *[st.none() | st.integers(-6, 6)] * 2, st.sampled_from([None, 1, 2, -1]))
KEYS = st.sampled_from(["a", "b", "c"])

Operation = Callable[[Any], object]


def outcome(operation: Operation, on: Any) -> tuple[str, object]:
    """Return what an operation gives, or the class of what it raises."""
    try:
        found = operation(on)
    except Exception as error:
        return "raised", type(error)
    return ("itself", None) if found is on else ("returned", found)


class _Model(RuleBasedStateMachine):
    """What the machines of all classes share."""

    manager: ClassVar[ContainersManager]

    def __init__(self) -> None:
        super().__init__()
        self.shared: Any = None
        self.local: Any = None

    def both(self, operation: Operation) -> None:
        """Carry out an operation on both, and compare what comes of it and what is left."""
        assert outcome(operation, self.shared) == outcome(operation, self.local)
        assert self.content(self.shared) == self.content(self.local)

    def content(self, of: Any) -> object:
        """Return what an object holds."""
        return list(of), len(of), bool(of)


class _ListModel(_Model):
    """`List` is as `list` is."""

    @initialize(items=ITEMS)
    def make(self, items: list[int]) -> None:
        self.shared, self.local = self.manager.list(items), list(items)

    @rule(item=SMALL, index=SMALL, name=st.sampled_from(["append", "remove", "count", "index"]))
    def with_an_item(self, item: int, index: int, name: str) -> None:
        self.both(lambda x: getattr(x, name)(item))
        self.both(lambda x: x.index(item, index))
        self.both(lambda x: x.insert(index, item))
        self.both(lambda x: item in x)

    @rule(index=SMALL, item=SMALL)
    def at_an_index(self, index: int, item: int) -> None:
        self.both(lambda x: x[index])
        self.both(lambda x: x.__setitem__(index, item))
        self.both(lambda x: x.pop(index))
        self.both(lambda x: x.__delitem__(index))
        self.both(lambda x: x.pop())

    @rule(part=SLICES, items=ITEMS)
    def with_a_slice(self, part: slice, items: list[int]) -> None:
        self.both(lambda x: x[part])
        self.both(lambda x: x.__setitem__(part, items))
        self.both(lambda x: x.__setitem__(part, tuple(items)))
        self.both(lambda x: x.__delitem__(part))

    @rule(items=ITEMS, times=st.integers(-1, 2))
    def with_a_list(self, items: list[int], times: int) -> None:
        self.both(lambda x: x.extend(items))
        self.both(lambda x: x + items)
        self.both(lambda x: items + x)
        self.both(lambda x: (x * times, times * x))
        self.both(lambda x: (x == items, x != items, x < items, x <= items, x > items, x >= items))
        self.both(lambda x: (items == x, items != x, items < x, items <= x, items > x, items >= x))

    @rule(items=ITEMS, times=st.integers(0, 2))
    def in_place(self, items: list[int], times: int) -> None:
        self.both(lambda x: x.__iadd__(items[:2]))
        self.both(lambda x: x.__imul__(times))

    @rule(reverse=st.booleans(), name=st.sampled_from(["copy", "reverse", "clear"]))
    def as_a_whole(self, reverse: bool, name: str) -> None:
        self.both(lambda x: x.sort(reverse=reverse))
        self.both(lambda x: list(reversed(x)))
        self.both(lambda x: getattr(x, name)())

    @rule()
    def with_itself(self) -> None:
        self.both(lambda x: (x == x, x < x, x <= x))
        self.both(lambda x: x + x)
        self.both(lambda x: x.__setitem__(slice(0, 1), x))
        self.both(lambda x: x.__delitem__(slice(6, None)))


class _DequeModel(_Model):
    """`Deque` is as `deque` is."""

    @initialize(items=ITEMS, maxlen=st.none() | st.integers(0, 8))
    def make(self, items: list[int], maxlen: int | None) -> None:
        self.shared, self.local = self.manager.deque(items, maxlen), deque(items, maxlen)

    @rule(item=SMALL, index=SMALL)
    def with_an_item(self, item: int, index: int) -> None:
        for name in ("append", "appendleft", "remove", "count", "index"):
            self.both(methodcaller(name, item))
        self.both(lambda x: x.index(item, index))
        self.both(lambda x: x.insert(index, item))
        self.both(lambda x: item in x)

    @rule(index=SMALL, item=SMALL)
    def at_an_index(self, index: int, item: int) -> None:
        self.both(lambda x: x[index])
        self.both(lambda x: x.__setitem__(index, item))
        self.both(lambda x: x.__delitem__(index))
        self.both(lambda x: x.rotate(index))

    @rule(items=ITEMS, times=st.integers(-1, 2))
    def with_a_deque(self, items: list[int], times: int) -> None:
        other = deque(items)
        self.both(lambda x: (x + other, other + x))
        self.both(lambda x: (x * times, times * x))
        self.both(lambda x: (x == other, x != other, x < other, x <= other, x > other, x >= other))
        self.both(lambda x: (other == x, other < x, other >= x))
        self.both(lambda x: x.extend(items))
        self.both(lambda x: x.extendleft(items))
        self.both(lambda x: x.__iadd__(items[:2]))
        self.both(lambda x: x.__imul__(times))

    @rule(name=st.sampled_from(["copy", "reverse", "clear", "pop", "popleft", "rotate"]))
    def as_a_whole(self, name: str) -> None:
        self.both(lambda x: getattr(x, name)())
        self.both(lambda x: (list(reversed(x)), x.maxlen))

    @rule()
    def with_itself(self) -> None:
        self.both(lambda x: (x == x, x < x))
        self.both(lambda x: x + x)


class _DictModel(_Model):
    """`Dict` is as `dict` is."""

    @initialize(items=st.dictionaries(KEYS, SMALL), more=st.dictionaries(KEYS, SMALL))
    def make(self, items: dict[str, int], more: dict[str, int]) -> None:
        self.shared, self.local = self.manager.dict(items, **more), dict(items, **more)

    def content(self, of: Any) -> object:
        return list(of.items()), list(of), list(of.keys()), list(of.values()), len(of), bool(of)

    @rule(key=KEYS, value=SMALL)
    def with_a_key(self, key: str, value: int) -> None:
        self.both(lambda x: x[key])
        self.both(lambda x: (x.get(key), x.get(key, value), x.get(key, "none"), key in x))
        self.both(lambda x: x.setdefault(key, value))
        self.both(lambda x: x.pop(key, "none"))
        self.both(lambda x: x.pop(key))
        self.both(lambda x: x.__setitem__(key, value))

    @rule(key=KEYS)
    def remove(self, key: str) -> None:
        self.both(lambda x: x.__delitem__(key))

    @rule(other=st.dictionaries(KEYS, SMALL, max_size=2))
    def with_a_dict(self, other: dict[str, int]) -> None:
        self.both(lambda x: (x | other, other | x, x == other, other == x, x != other))
        self.both(lambda x: x.update(other))
        self.both(lambda x: x.update(list(other.items()), c=1))
        self.both(lambda x: x.__ior__(other))

    @rule(name=st.sampled_from(["popitem", "clear", "copy"]))
    def as_a_whole(self, name: str) -> None:
        self.both(lambda x: list(reversed(x)))
        self.both(lambda x: getattr(x, name)())

    @rule()
    def with_itself(self) -> None:
        self.both(lambda x: (x | x, x == x))
        self.both(lambda x: x.update(x))


class _SetModel(_Model):
    """`Set` is as `set` is."""

    @initialize(items=ITEMS)
    def make(self, items: list[int]) -> None:
        self.shared, self.local = self.manager.set(items), set(items)

    def content(self, of: Any) -> object:
        return set(of), len(of), bool(of)

    @rule(element=SMALL, name=st.sampled_from(["add", "discard", "remove"]))
    def with_an_element(self, element: int, name: str) -> None:
        self.both(lambda x: getattr(x, name)(element))
        self.both(lambda x: element in x)

    @rule(items=ITEMS, more=ITEMS)
    def with_iterables(self, items: list[int], more: list[int]) -> None:
        for name in ("union", "difference", "intersection"):
            self.both(methodcaller(name, items, more))
            self.both(methodcaller(name))
        for name in ("symmetric_difference", "isdisjoint", "issubset", "issuperset"):
            self.both(methodcaller(name, items))

    @rule(
        items=ITEMS,
        name=st.sampled_from(
            ["update", "difference_update", "intersection_update", "symmetric_difference_update"]
        ),
    )
    def update(self, items: list[int], name: str) -> None:
        self.both(lambda x: getattr(x, name)(items))

    @rule(items=ITEMS)
    def with_a_set(self, items: list[int]) -> None:
        other = set(items)
        self.both(lambda x: (x & other, x | other, x - other, x ^ other))
        self.both(lambda x: (other & x, other | x, other - x, other ^ x))
        self.both(lambda x: (x == other, x != other, x < other, x <= other, x > other, x >= other))
        self.both(lambda x: (other == x, other < x, other <= x, other > x, other >= x))

    @rule(items=ITEMS, name=st.sampled_from(["__iand__", "__ior__", "__isub__", "__ixor__"]))
    def in_place(self, items: list[int], name: str) -> None:
        self.both(lambda x: getattr(x, name)(frozenset(items)))

    @rule(name=st.sampled_from(["copy", "clear"]))
    def as_a_whole(self, name: str) -> None:
        self.both(lambda x: getattr(x, name)())

    @rule()
    def pop(self) -> None:
        """Which element it is that goes is for each to say."""
        assert len(self.shared) == len(self.local)
        if not self.local:
            self.both(lambda x: x.pop())
            return
        element = self.shared.pop()
        self.local.remove(element)
        assert self.content(self.shared) == self.content(self.local)

    @rule()
    def with_itself(self) -> None:
        self.both(lambda x: (x & x, x | x, x - x, x ^ x, x == x, x < x, x <= x))
        self.both(lambda x: x.__ior__(x))


class _ArrayModel(_Model):
    """`Array` is as `array.array` is, in what managers share of it."""

    @initialize(items=ITEMS)
    def make(self, items: list[int]) -> None:
        self.shared, self.local = self.manager.array("b", items), array("b", items)

    @rule(index=SMALL, item=st.integers(-200, 200))
    def at_an_index(self, index: int, item: int) -> None:
        self.both(lambda x: x[index])
        self.both(lambda x: x.__setitem__(index, item))
        self.both(lambda x: (item in x, list(reversed(x)), x.tolist(), x.typecode))

    @rule(part=SLICES)
    def with_a_slice(self, part: slice) -> None:
        self.both(lambda x: list(x[part]))


class _NamespaceModel(_Model):
    """`Namespace` is as `types.SimpleNamespace` is."""

    @initialize(items=st.dictionaries(KEYS, SMALL))
    def make(self, items: dict[str, int]) -> None:
        self.shared, self.local = self.manager.namespace(**items), SimpleNamespace(**items)

    def content(self, of: Any) -> object:
        return [getattr(of, name, None) for name in "abc"]

    @rule(name=KEYS, value=SMALL | ITEMS)
    def change(self, name: str, value: object) -> None:
        self.both(lambda x: getattr(x, name))
        self.both(lambda x: setattr(x, name, value))
        self.both(lambda x: hasattr(x, name))

    @rule(name=KEYS)
    def remove(self, name: str) -> None:
        self.both(lambda x: delattr(x, name))


class _ValueModel(_Model):
    """`Value` holds what was put into it last."""

    @initialize(value=SMALL)
    def make(self, value: int) -> None:
        self.shared, self.local = self.manager.value(value), SimpleNamespace(value=value)

    def content(self, of: Any) -> object:
        return of.value

    @rule(value=SMALL)
    def change(self, value: int) -> None:
        self.shared.set(value)
        self.both(lambda x: setattr(x, "value", value + 1))
        assert self.shared.get() == value + 1


@pytest.mark.parametrize(
    "model",
    [_ListModel, _DequeModel, _DictModel, _SetModel, _ArrayModel, _NamespaceModel, _ValueModel],
)
def test_it_is_as_the_local_class_is(containers: ContainersManager, model: type[_Model]) -> None:
    """The same operations have the same results, exceptions and effects."""
    bound = type(model.__name__, (model,), {"manager": containers})
    run_state_machine_as_test(bound, settings=BOUNDS)
