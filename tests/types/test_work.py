"""`WorkQueue`, through proxies."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty
from typing import Any

import pytest
from support.forks import in_child
from support.sharing.engines import Engine
from support.sharing.manager import SharingManager
from support.threads import Run, until

import kinfolk
from kinfolk.errors import CallTimeout, NotSupported
from kinfolk.types import Failure, WorkQueue
from kinfolk.types.work_manager import WorkQueueProxy


class Broken(Exception):
    """What a worker raises, of which the server knows nothing."""


class Torn(Exception):
    """What pickle cannot put together again."""

    def __init__(self, first: int, _second: int) -> None:
        super().__init__(first)


class Mute(Exception):
    """What has no text."""

    def __str__(self) -> str:
        raise LookupError("text")


def fail(queue: Any, error: Exception) -> int:
    """Take an item, and raise in its block."""
    found = list[int]()

    def work() -> None:
        with queue.take() as item:
            found.append(item)
            raise error

    with pytest.raises(type(error)):
        work()
    return found[0]


def work_on_one(queue: WorkQueueProxy[int], timeout: float | None = None) -> int:
    """Take an item, and finish it."""
    with queue.take(timeout) as item:
        return item


def test_an_item_is_finished_with_its_block(sharing: SharingManager) -> None:
    """Until then it is lent, and nobody else gets it."""
    queue = sharing.work()
    queue.put(1)
    queue.put(2)
    with queue.take() as item:
        assert item == 1
        assert (len(queue), queue.lent()) == (1, [1])
        with queue.take() as other:
            assert other == 2
            assert queue.lent() == [1, 2]
            with pytest.raises(Empty):
                queue.take(timeout=0)
    assert (len(queue), queue.lent(), queue.failed()) == (0, [], [])
    queue.join()


def test_an_item_whose_block_raises_comes_back_to_the_front(sharing: SharingManager) -> None:
    """After the last attempt it is given up, with the reason, and can be tried anew."""
    queue = sharing.new_work_queue(3)
    queue.put(1)
    queue.put(2)
    assert [fail(queue, Broken("it broke")) for _ in range(3)] == [1, 1, 1]
    (failure,) = queue.failed()
    assert (failure.item, failure.attempts) == (1, 3)
    assert failure.reason.endswith("Broken: it broke")
    assert fail(queue, KeyError("x")) == 2
    queue.retry(1)
    assert queue.failed() == []
    with pytest.raises(ValueError, match="not among the items"):
        queue.retry(1)
    assert [fail(queue, ZeroDivisionError()) for _ in range(2)] == [2, 2]
    assert queue.failed() == [Failure(2, 3, "ZeroDivisionError")]
    with queue.take() as item:
        assert item == 1
    queue.join()


@pytest.mark.parametrize(
    "make",
    [
        *(lambda: Torn(1, 2), lambda: ValueError(Torn(1, 2)), lambda: RuntimeError(Torn(1, 2))),
        *(lambda: ExceptionGroup("both", [Torn(1, 2), Mute()]), Mute, lambda: KeyError(Mute())),
        *(Empty, lambda: OSError(2, "no file", "a")),
    ],
)
def test_whatever_a_block_raises_comes_out_of_it(
    sharing: SharingManager, make: Callable[[], Exception]
) -> None:
    """Also what cannot travel; and the item goes back, with the reason."""
    queue, error = sharing.new_work_queue(1), make()
    queue.put(1)
    with pytest.raises(type(error)) as raised, queue.take():
        raise error
    assert raised.value is error
    assert queue.lent() == []
    (failure,) = queue.failed()
    assert type(error).__name__ in failure.reason


def test_the_end_of_a_session_gives_back_what_was_lent_to_it(
    engine: Engine[SharingManager],
) -> None:
    """It counts as an attempt, so that an item which kills its workers is given up."""
    with engine.open() as alive:
        alive.work().put(7)
        for _ in range(2):
            with engine.open() as dying:
                assert dying.work().take().__enter__() == 7
                assert alive.work().lent() == [7]
        until(alive.work().failed)
        # By pickle it gives back what it refers to before it leaves.
        by_pickle = engine.serializer == "pickle"
        reason = "the worker let it go" if by_pickle else "the worker's process has ended"
        assert alive.work().failed() == [Failure(7, 2, reason)]
        alive.work().join()


def test_an_item_that_comes_back_goes_to_who_waits(engine: Engine[SharingManager]) -> None:
    """In their order."""
    with engine.open() as alive, engine.open() as dying:
        alive.work().put(7)
        loan = dying.work().take()
        run = Run(partial(work_on_one, alive.work()))
        until(lambda: engine.waiting == 1)
        dying.close()
        assert run.result() == 7
        del loan


def test_a_loan_that_is_let_go_comes_back(sharing: SharingManager) -> None:
    """The worker lives on, and has lost sight of its item."""
    queue = sharing.work()
    queue.put(7)
    loan = queue.take()
    assert len(queue) == 0
    del loan
    gc.collect()
    until(lambda: len(queue))
    with queue.take() as item:
        assert item == 7


def test_a_loan_is_entered_once(sharing: SharingManager) -> None:
    """After its block somebody else may have the item."""
    queue = sharing.work()
    queue.put(7)
    loan = queue.take()
    with loan:
        pass
    with pytest.raises(RuntimeError, match="this loan has ended"), loan:
        pass
    queue.join()


def test_a_forked_child_does_not_end_its_parents_loan(sharing: SharingManager) -> None:
    """However it leaves the block: nobody else may have the item meanwhile."""
    queue = sharing.work()
    queue.put(7)
    loan = queue.take()

    def leave() -> None:
        with suppress(RuntimeError):  # here, too, in the child's own copy where there is no server
            loan.__exit__(None, None, None)
        loan.__exit__(SystemExit, SystemExit(0), None)

    with loan as item:
        assert in_child(leave) == 0
        assert (len(queue), queue.lent()) == (0, [item])
    assert (len(queue), queue.lent(), queue.failed()) == (0, [], [])


def test_a_loan_that_has_ended_is_not_finished_in_silence(sharing: SharingManager) -> None:
    """Who had it learns that another may have worked on it."""
    queue = sharing.work()
    queue.put(7)
    loan = queue.take()
    loan.__enter__()
    loan.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="this loan has ended"):
        loan.__exit__(None, None, None)


def test_a_deadline_within_the_block_gives_the_item_back(sharing: SharingManager) -> None:
    """An exception like any other."""
    queue = sharing.work()
    queue.put(7)
    # By pickle the deadline itself is the exception.
    with pytest.raises((CallTimeout, NotSupported)), queue.take(), kinfolk.deadline(0.01):
        sharing.event().wait()
    assert len(queue) == 1


def test_join_waits_for_what_is_lent(
    engine: Engine[SharingManager], sharing: SharingManager
) -> None:
    """An empty queue is not the end of the work."""
    queue = sharing.work()
    queue.put(1)
    queue.put(2)
    run = Run(queue.join)
    until(lambda: engine.waiting == 1)
    with queue.take():
        with queue.take():
            assert run.running
        assert engine.waiting == 1
        assert run.running
    run.result()


def test_take_waits_for_an_item(engine: Engine[SharingManager], sharing: SharingManager) -> None:
    """With or without a timeout."""
    queue = sharing.work()
    with pytest.raises(Empty):
        queue.take(0.001)
    run = Run(partial(work_on_one, queue, timeout=60))
    until(lambda: engine.waiting == 1)
    queue.put(5)
    assert run.result() == 5


def test_a_work_queue_works_without_any_manager() -> None:
    """Between threads."""
    queue: WorkQueue[str] = WorkQueue()
    queue.put("a")
    with queue.take() as item:
        assert item == "a"
    queue.join()
    with pytest.raises(ValueError, match="at least one attempt"):
        WorkQueue[str](0)
