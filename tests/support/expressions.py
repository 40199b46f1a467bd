"""Expressions of the shared types, which have the same types as those of what they stand for."""

from __future__ import annotations

from typing import Final

__all__ = ["EXPRESSIONS", "PROXIES"]

COMMON: Final = "len(x)", "bool(x)", "iter(x)", "[i for i in x]", "x.copy()", "x.clear()"
COMPARED: Final = "x == x", "x != y", "x == None"
ORDERED: Final = "x < y", "x <= y", "x > y", "x >= y", "y < x", "y == x"

EXPRESSIONS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "List": (
        "list[int]",
        "[1]",
        (
            *(*COMMON, *COMPARED, *ORDERED, "reversed(x)", "x.append(1)", "x.extend([1])"),
            *("x.insert(0, 1)", "x.pop()", "x.pop(0)", "x.remove(1)", "x.index(1, 0, 2)"),
            *(
                "x.count(1)",
                "1 in x",
                "x.sort()",
                "x.sort(reverse=True)",
                "x.reverse()",
                "x[0]",
                "x[0:1]",
            ),
            *("x.__setitem__(0, 1)", "x.__setitem__(slice(1), [1])", "x.__delitem__(0)"),
            *("x.__delitem__(slice(1))", "x + y", "y + x", "x + ['a']", "x * 2", "2 * x"),
            *("x.__iadd__((1,))", "x.__imul__(2)", "['a'] + x"),
        ),
    ),
    "Deque": (
        "deque[int]",
        "deque([1])",
        (
            *(*COMMON, *COMPARED, *ORDERED, "reversed(x)", "x.append(1)", "x.appendleft(1)"),
            *("x.extend([1])", "x.extendleft([1])", "x.insert(0, 1)", "x.pop()", "x.popleft()"),
            *(
                "x.remove(1)",
                "x.index(1, 0, 2)",
                "x.count(1)",
                "1 in x",
                "x.reverse()",
                "x.rotate(1)",
            ),
            *("x.maxlen", "x[0]", "x.__setitem__(0, 1)", "x.__delitem__(0)", "x + y", "y + x"),
            *("x * 2", "x.__iadd__([1])", "x.__imul__(2)"),
        ),
    ),
    "Set": (
        "set[int]",
        "{1}",
        (
            *(*COMMON, *COMPARED, *ORDERED, "x.add(1)", "x.discard('a')", "x.remove(1)", "x.pop()"),
            *("x.update([1], y)", "x.difference_update('a')", "x.intersection_update([1])"),
            *("x.symmetric_difference_update([1])", "x.union('a')", "x.union([1], y)"),
            *("x.difference('a')", "x.intersection('a')", "x.symmetric_difference('a')"),
            *("1 in x", "x.isdisjoint('a')", "x.issubset('a')", "x.issuperset('a')", "x & {'a'}"),
            *("x | {'a'}", "x - {'a'}", "x ^ {'a'}", "y & x", "y | x", "y - x", "y ^ x"),
            *("x.__iand__({'a'})", "x.__ior__(y)", "x.__isub__({'a'})", "x.__ixor__(y)"),
        ),
    ),
    "Dict": (
        "dict[str, int]",
        "{'a': 1}",
        (
            *(
                *COMMON,
                *COMPARED,
                "y == x",
                "'a' in x",
                "reversed(x)",
                "x['a']",
                "x.__setitem__('a', 1)",
            ),
            *("x.__delitem__('a')", "x.get('a')", "x.get('a', 1)", "x.get('a', 'b')"),
            *("x.setdefault('a', 1)", "x.pop('a')", "x.pop('a', 1)", "x.pop('a', None)"),
            *("x.popitem()", "x.update(y)", "x.update([('a', 1)])", "x.update(a=1)", "x | y"),
            *("y | x", "x | {1: 'a'}", "{1: 'a'} | x", "x.__ior__(y)", "x.__ior__([('a', 1)])"),
            # These are lists of the moment; what they hold is the same.
            *("[i for i in x.keys()]", "[i for i in x.values()]", "[i for i in x.items()]"),
        ),
    ),
    "Array": (
        "array[int]",
        "array('i')",
        # A slice is a list, and is not compared.
        ("len(x)", "iter(x)", "1 in x", "x[0]", "x.__setitem__(0, 1)", "x.tolist()", "reversed(x)"),
    ),
    "Value": (
        "ValueProxy[int]",
        "1",
        ("x.get()", "x.set(1)", "x.value"),
    ),
    "Namespace": (
        "Namespace",
        "1",
        ("x.anything", "x.__setattr__('a', 1)"),
    ),
    **{
        name: (
            "Queue[int]" if name == "JoinableQueue" else f"{name}[int]",
            "1",
            (
                *("x.qsize()", "x.empty()", "x.full()", "x.maxsize", "x.put(1)", "x.put(1, False)"),
                *("x.put(1, timeout=1.5)", "x.put_nowait(1)", "x.get()", "x.get(True, 1.5)"),
                *("x.get_nowait()", "x.task_done()", "x.join()"),
            ),
        )
        for name in ("Queue", "LifoQueue", "PriorityQueue", "JoinableQueue")
    },
    **{
        name: (
            name,
            "1",
            (
                *("x.acquire()", "x.acquire(False)", "x.acquire(timeout=1.5)", "x.release()"),
                *("x.__enter__()", "x.__exit__(None, None, None)"),
                *(("x.locked()",) if name == "Lock" else ()),
                *(("x.release(2)",) if name.endswith("Semaphore") else ()),
            ),
        )
        for name in ("Lock", "RLock", "Semaphore", "BoundedSemaphore")
    },
    "Event": (
        "Event",
        "1",
        ("x.is_set()", "x.set()", "x.clear()", "x.wait()", "x.wait(1.5)"),
    ),
    "Condition": (
        "Condition",
        "1",
        (
            *("x.acquire()", "x.acquire(False)", "x.release()", "x.__enter__()", "x.wait()"),
            *("x.__exit__(None, None, None)", "x.wait(1.5)", "x.wait_for(lambda: True)"),
            *("x.wait_for(lambda: [1], timeout=1.5)", "x.notify()", "x.notify(2)"),
            "x.notify_all()",
        ),
    ),
    "Barrier": (
        "Barrier",
        "1",
        (
            "x.parties",
            "x.n_waiting",
            "x.broken",
            "x.wait()",
            "x.wait(1.5)",
            "x.reset()",
            "x.abort()",
        ),
    ),
}
"""Of each class: what it stands for, another value of that, and expressions of it."""

PROXIES: Final = {
    "List": "kinfolk.types.lists_manager",
    "Deque": "kinfolk.types.lists_manager",
    "Set": "kinfolk.types.sets_manager",
    "Dict": "kinfolk.types.containers_manager",
    "Array": "kinfolk.types.values_manager",
    "Value": "kinfolk.types.values_manager",
    "Namespace": "kinfolk.types.values_manager",
    "Queue": "kinfolk.types.queues_manager",
    "LifoQueue": "kinfolk.types.queues_manager",
    "PriorityQueue": "kinfolk.types.queues_manager",
    "JoinableQueue": "kinfolk.types.queues_manager",
    "Lock": "kinfolk.types.locks_manager",
    "RLock": "kinfolk.types.locks_manager",
    "Semaphore": "kinfolk.types.locks_manager",
    "BoundedSemaphore": "kinfolk.types.locks_manager",
    "Event": "kinfolk.types.meetings_manager",
    "Condition": "kinfolk.types.meetings_manager",
    "Barrier": "kinfolk.types.meetings_manager",
}
"""In which generated module the proxies of each class are."""
