"""What the benchmarks measure with: contenders that take turns, on cores that are known."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

ANYWHERE = -1  # the scheduler's choice of a core


@attrs.frozen
class Row:
    """One figure: ours and theirs, and the ratio that is wanted."""

    what: str
    ours: float
    theirs: float
    wanted: str = "-"
    reached: bool = True
    unit: str = "µs"


def row(what: str, found: dict[str, float], most: float | None = None, wanted: str = "") -> Row:
    """Return the figure of what was measured in seconds, of `kinfolk` and of another contender.

    Args:
        what: What was measured.
        found: The medians.
        most: The ratio that is wanted, at most.
        wanted: How to write it.
    """
    ours, theirs = found.values()
    reached = most is None or ours <= most * theirs
    written = wanted or ("-" if most is None else f"≤ {most:g}")
    return Row(what, ours * 1e6, theirs * 1e6, written, reached)


def interleave(rounds: int, **contenders: Callable[[], float]) -> dict[str, float]:
    """Let the contenders take turns; return the median of each one's rounds."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender()  # a round that does not count
    for _ in range(rounds):
        for name, contender in contenders.items():
            times[name].append(contender())
    return {name: statistics.median(values) for name, values in times.items()}


def each(count: int, action: Callable[[], object]) -> Callable[[], float]:
    """Return a round that takes the mean time of an action."""

    def round_() -> float:
        start = time.perf_counter()
        for _ in range(count):
            action()
        return (time.perf_counter() - start) / count

    return round_


def stay_on(core: int) -> None:
    """Keep this process, and the threads that it starts from now on, on one core."""
    if core != ANYWHERE and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def cores() -> list[int]:
    """Return the two cores to use: one twice where there is no other, or no telling."""
    found = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return [found[0], found[-1]]


def where(core: int) -> str:
    """Say how many cores a server on this one and its clients on the first have together."""
    return "one core" if core == cores()[0] else "two cores"


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this process on its first core within the block."""
    found = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()
    stay_on(min(found, default=0))
    try:
        yield
    finally:
        if found:
            os.sched_setaffinity(0, found)


# --- Programs


def words(address: Any) -> str:
    """Return an address in words, as an argument or a line of a program."""
    return address if isinstance(address, str) else " ".join(map(str, address))


def from_words(parts: list[str]) -> Any:
    """Return the address that stands in words."""
    return parts[0] if len(parts) == 1 else (parts[0], int(parts[1]))


@contextmanager
def program(script: str, kind: str, core: int, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a script in another role, on a core; it is ended with the block.

    Args:
        script: The script.
        kind: The role, its first argument.
        core: The core, its second argument.
        arguments: Further ones.
    """
    command = [sys.executable, script, kind, str(core), *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def said(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], line: str) -> None:
    """Send a program a line."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


@contextmanager
def server(script: str, kind: str, address: Any, core: int) -> Iterator[Any]:
    """Start a server on a core, and give its address."""
    with program(script, kind, core, *words(address).split()) as process:
        yield from_words(said(process).split())


# --- The table


def print_row(row: Row) -> None:
    """Print a line of the table."""
    note = "" if row.reached else "  MISSED"
    ours, theirs = f"{row.ours:.1f} {row.unit}", f"{row.theirs:.1f} {row.unit}"
    ratio = row.ours / row.theirs
    print(f"{row.what:58} {ours:>10} {theirs:>10} {ratio:>7.3f}  {row.wanted}{note}", flush=True)
