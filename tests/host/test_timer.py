"""The thread that watches deadlines."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue

import pytest

from kinfolk.host.timer import Timer, timer


def test_things_are_done_in_the_order_of_their_times() -> None:
    """Not in the order in which they were asked for."""
    watch, done = Timer(), SimpleQueue[str]()
    begun, both_asked = threading.Event(), threading.Event()

    def busy() -> None:
        begun.set()
        both_asked.wait(30)

    watch.call_later(0, busy)
    assert begun.wait(30)  # so that neither of the next two is done before both are there
    watch.call_later(-1, lambda: done.put("second"))
    watch.call_later(-2, lambda: done.put("first"))
    both_asked.set()
    assert [done.get(timeout=30), done.get(timeout=30)] == ["first", "second"]


def test_an_earlier_time_need_not_wait_for_a_later_one() -> None:
    """The thread that sleeps until the later one is woken."""
    watch, done = Timer(), SimpleQueue[str]()
    later = watch.call_later(1000, lambda: done.put("later"))
    watch.call_later(0.01, lambda: done.put("earlier"))
    assert done.get(timeout=30) == "earlier"
    watch.cancel(later)


def test_what_is_cancelled_is_not_done() -> None:
    """Others are, and cancelling twice or too late has no effect."""
    watch, done = Timer(), SimpleQueue[str]()
    cancelled = watch.call_later(1000, lambda: done.put("cancelled"))
    watch.cancel(cancelled)
    watch.cancel(cancelled)
    kept = watch.call_later(0, lambda: done.put("kept"))
    assert done.get(timeout=30) == "kept"
    watch.cancel(kept)
    assert done.empty()


def test_cancelled_deadlines_do_not_pile_up() -> None:
    """Of a thousand waits that ended long before their deadlines, little is left."""
    watch = Timer()
    for _ in range(1000):
        watch.cancel(watch.call_later(1000, lambda: None))
    assert len(watch) < 150


def test_a_failure_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the thread lives on."""
    watch, done = Timer(), SimpleQueue[str]()
    watch.call_later(-1, lambda: 1 / 0)
    watch.call_later(0, lambda: done.put("done"))
    assert done.get(timeout=30) == "done"
    assert "ZeroDivisionError" in caplog.text


def test_one_thread_watches_all() -> None:
    """It is started with the first deadline, and no other ever is."""
    watch, before = Timer(), threading.active_count()
    alarms = [watch.call_later(1000, lambda: None) for _ in range(50)]
    assert threading.active_count() == before + 1
    for alarm in alarms:
        watch.cancel(alarm)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_thread_of_its_own() -> None:
    """Deadlines work in the child too, and those of the parent are none of its business."""
    parents, done = timer.call_later(1000, lambda: None), SimpleQueue[str]()
    child = os.fork()
    if child == 0:
        timer.call_later(0.01, lambda: done.put("done"))
        alright = done.get(timeout=30) == "done" and len(timer) == 0
        os._exit(0 if alright else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    timer.cancel(parents)
