"""Programs of their own, which tests talk to by lines, and kill."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["PATIENCE", "Program", "stat_of"]

PATIENCE = 60.0
"""Seconds until a test gives up on a program; nothing is measured by it."""

_TESTS = Path(__file__).parents[1]


def stat_of(pid: int) -> list[str]:
    """Return what Linux says of a process in /proc, from its state on.

    The state is "S" for one that waits for something, "T" for a stopped and "Z" for a dead one.
    """
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


class Program:
    """A Python program, ended with the `with` block.

    Args:
        arguments: As after `python`.
        within: The command that runs the program, such as `ip netns exec x`.
        cwd: Where it runs.
        env: What to set in its environment; the tests' own modules are importable.
    """

    def __init__(
        self, *arguments: str, within: Sequence[str] = (), cwd: Path | None = None, **env: str
    ) -> None:
        path = os.pathsep.join([str(_TESTS), *filter(None, sys.path)])
        self.process = subprocess.Popen(
            [*within, sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": path, **env},
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    def line(self, patience: float = PATIENCE) -> str:
        """Return the next line that it prints, within so many seconds."""
        line = self._lines.get(timeout=patience)
        if line is None:
            self.process.wait(PATIENCE)
            raise AssertionError(f"it printed no more, and on stderr:\n{self.errors}")
        return line

    def rest(self, patience: float = PATIENCE) -> list[str]:
        """Return all lines that it still prints, which has to end within so many seconds each."""
        return list(iter(lambda: self._lines.get(timeout=patience), None))

    def expect(self, line: str) -> None:
        """Make sure that the next line is this one."""
        found = self.line()
        assert found == line, f"{found!r} instead of {line!r}"

    def tell(self, line: str) -> None:
        """Send it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    @property
    def errors(self) -> str:
        """What it wrote to stderr; all of it after `wait`."""
        return "".join(self._errors)

    def kill(self) -> None:
        """Kill it, as `kill -9` does, and wait until it is gone."""
        self.process.kill()
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
