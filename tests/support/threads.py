"""Threads in tests: what they raise is raised again by the test, and waiting is for conditions."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import pytest

__all__ = ["Run", "run_all", "until", "without_threads"]

T = TypeVar("T")


class Run(Generic[T]):
    """A function that runs in a thread of its own."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        """Wait until it has returned, and return or raise what it did."""
        self._thread.join(30)
        assert not self._thread.is_alive(), "the thread has not ended"
        if self._error is not None:
            raise self._error
        return self._results[0]

    def wait(self, seconds: float) -> None:
        """Wait until it has returned, but no longer than this."""
        self._thread.join(seconds)

    @property
    def running(self) -> bool:
        """Whether it has not returned yet."""
        return self._thread.is_alive()


def run_all(*functions: Callable[[], T]) -> list[T]:
    """Run functions at the same time, and return what they return."""
    runs = [Run(function) for function in functions]
    return [run.result() for run in runs]


def until(condition: Callable[[], object]) -> None:
    """Return when a condition that another thread brings about has come true."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "the condition has not come true"
        time.sleep(0.001)


@contextmanager
def without_threads() -> Iterator[list[str]]:
    """Have the system refuse threads for connections, and collect their names."""
    start = threading.Thread.start
    refused: list[str] = []

    def start_others(thread: threading.Thread) -> None:
        if re.fullmatch(r"kinfolk-\d+", thread.name):
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_others)
        yield refused
