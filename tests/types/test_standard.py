"""The types that wait, against those of the standard library: the same calls, the same results.

All calls come from one thread, so none of them waits: they do not block, or have no time to.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sharing.engines import ENGINES
from support.sharing.manager import SharingManager

Step = tuple[str, tuple[Any, ...]]
"""The name of a method or of a property, and arguments."""


@attrs.frozen
class Case:
    """A type: what makes one of the standard library's, by what arguments, and its calls.

    `skip` says which call would wait for ever.
    """

    standard: Callable[..., Any]
    arguments: st.SearchStrategy[tuple[Any, ...]]
    steps: st.SearchStrategy[list[Step]]
    skip: Callable[[Any, Step], bool] = lambda _, __: False


def _steps(**calls: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Step]]:
    each = [st.tuples(st.just(name), arguments) for name, arguments in calls.items()]
    return st.lists(st.one_of(each), max_size=25)


def _yes() -> int:
    return 7


def _no() -> int:
    return 0


_NOTHING: Final = st.just(())
_NO_TIME: Final = st.sampled_from([0, 0.0, -1, -0.5])
_SEMAPHORE: Final = _steps(
    acquire=st.tuples(st.just(False)) | st.tuples(st.booleans(), _NO_TIME),
    release=_NOTHING | st.tuples(st.integers(-1, 3)),
)
_ITEMS: Final = st.integers(0, 3)
_QUEUE: Final = _steps(
    put=st.tuples(_ITEMS, st.booleans(), _NO_TIME) | st.tuples(_ITEMS, st.just(False)),
    put_nowait=st.tuples(_ITEMS),
    get=st.tuples(st.booleans(), _NO_TIME) | st.tuples(st.just(False)),
    get_nowait=_NOTHING,
    task_done=_NOTHING,
    join=_NOTHING,
    qsize=_NOTHING,
    empty=_NOTHING,
    full=_NOTHING,
    maxsize=_NOTHING,
    shutdown=_NOTHING | st.tuples(st.booleans()),
)
_MAXSIZE: Final = st.tuples(st.integers(-1, 3))


def _joins_too_early(model: Any, step: Step) -> bool:
    return step[0] == "join" and model.unfinished_tasks > 0


CASES: Final = {
    "lock": Case(
        threading.Lock,
        _NOTHING,
        _steps(
            acquire=st.sampled_from([(False,), (True, 0), (False, 0), (True, -2), (True, -0.5)]),
            release=_NOTHING,
            locked=_NOTHING,
        ),
    ),
    "rlock": Case(
        threading.RLock,
        _NOTHING,
        _steps(
            acquire=st.sampled_from([(), (False,), (True, 0), (False, 0), (True, -2)]),
            release=_NOTHING,
        ),
    ),
    "semaphore": Case(threading.Semaphore, st.tuples(st.integers(0, 3)), _SEMAPHORE),
    "bounded_semaphore": Case(threading.BoundedSemaphore, st.tuples(st.integers(0, 3)), _SEMAPHORE),
    "event": Case(
        threading.Event,
        _NOTHING,
        _steps(is_set=_NOTHING, set=_NOTHING, clear=_NOTHING, wait=st.tuples(_NO_TIME)),
    ),
    "condition": Case(
        threading.Condition,
        _NOTHING,
        _steps(
            acquire=_NOTHING | st.just((False,)),
            release=_NOTHING,
            wait=st.tuples(_NO_TIME),
            wait_for=st.tuples(st.sampled_from([_yes, _no]), _NO_TIME),
            notify=_NOTHING | st.tuples(st.integers(0, 2)),
            notify_all=_NOTHING,
        ),
    ),
    "barrier": Case(
        threading.Barrier,
        st.tuples(st.integers(1, 2)),
        _steps(
            wait=st.tuples(_NO_TIME),
            reset=_NOTHING,
            abort=_NOTHING,
            broken=_NOTHING,
            n_waiting=_NOTHING,
            parties=_NOTHING,
        ),
    ),
    "queue": Case(queue.Queue, _MAXSIZE, _QUEUE, _joins_too_early),
    "joinable_queue": Case(queue.Queue, _MAXSIZE, _QUEUE, _joins_too_early),
    "lifo_queue": Case(queue.LifoQueue, _MAXSIZE, _QUEUE, _joins_too_early),
    "priority_queue": Case(queue.PriorityQueue, _MAXSIZE, _QUEUE, _joins_too_early),
}


def outcome(obj: Any, step: Step) -> tuple[str, object]:
    """Return what a call returned, or the name of what it raised."""
    name, arguments = step
    try:
        member = getattr(obj, name)
        return "returned", member(*arguments) if callable(member) else member
    except Exception as error:
        return "raised", type(error).__name__


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_it_does_as_the_standard_library_does(name: str, kind: str) -> None:
    """The same calls have the same results and the same exceptions."""
    case = CASES[name]
    with ENGINES[kind](SharingManager) as engine, engine.open() as manager:

        @settings(max_examples=60, deadline=None)
        @given(case.arguments, case.steps)
        def compare(arguments: tuple[Any, ...], steps: list[Step]) -> None:
            shared, model = getattr(manager, f"new_{name}")(*arguments), case.standard(*arguments)
            for step in steps:
                if hasattr(model, step[0]) and not case.skip(model, step):
                    assert outcome(shared, step) == outcome(model, step), step

        compare()
