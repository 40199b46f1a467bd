"""Shows the login example at work, with real processes, and checks what it shows.

A server and four crawlers are started as separate programs. The first crawler is killed while it
holds the lock and has a living forked child. `main` returns 1 unless exactly one login was made,
the lock of the killed crawler was freed, and mypy refused the wrong calls.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Generator, Iterable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

import attrs

PATIENCE = 20.0  # seconds until the demo gives up on an event
Line: TypeAlias = tuple[str, str]  # who, and what they say

PACKAGE = "kinfolk.examples.login"
WRONG_CALLS = f"""\
from {PACKAGE}.client import ManagerClient

client = ManagerClient()
client.get_dict().set(1)
client.get_dict().items["site"] = "cookie"  # would change a copy
"""
REFUSALS = (
    'Missing positional argument "value" in call to "set" of "DictItemProxy"',
    'Unsupported target for indexed assignment ("Mapping[str, str]")',
)


def main() -> int:
    """Run the demo; return the exit code."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kinfolk-demo-")))
        stage = stack.enter_context(Stage.open(folder))
        checker = _start_checker(folder)
        stack.callback(_end, checker)
        try:
            logins, freed = _play(stage)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            stage.say(f"gave up: {error}")
            return 1
        refused = _show_refusal(checker)
    print()
    verdicts = [
        _verdict(len(logins) == 1, f"logins counted by the witness: {len(logins)}"),
        _verdict(freed, "the killed crawler's lock was freed"),
        _verdict(refused, "mypy refused the wrong calls"),
    ]
    return 0 if all(verdicts) else 1


def _play(stage: Stage) -> tuple[list[str], bool]:
    """Let the crawlers run, kill one, and return who logged in and whether the lock was freed."""
    stage.start("server", "-m", "kinfolk", "serve", f"{PACKAGE}.spec")
    stage.wait("server", "serving")
    witness = stage.start("witness", "-m", f"{PACKAGE}.witness", stage.site)
    stage.wait("witness", "ready")

    doomed = stage.start("ann", "-m", f"{PACKAGE}.crawler", "ann", stage.site, "--doomed")
    orphan = int(stage.wait("ann", "forked").split()[-1])
    stage.stack.callback(os.kill, orphan, signal.SIGKILL)
    others = {
        name: stage.start(name, "-m", f"{PACKAGE}.crawler", name, stage.site)
        for name in ("bob", "cem", "dee")
    }
    stage.wait_for_all(others, "waits for the login lock")

    stage.say(f"kill -9 {doomed.pid} (ann, who holds the lock); her child {orphan} lives on")
    doomed.kill()
    killed = time.monotonic()
    stage.wait_for_any(others, "has the lock")
    stage.say(f"the lock was free {(time.monotonic() - killed) * 1000:.0f} ms after the kill")
    stage.wait_for_all(others, "crawls with")
    freed = all(crawler.wait(PATIENCE) == 0 for crawler in others.values()) and _is_alive(orphan)
    assert witness.stdin is not None
    witness.stdin.close()
    witness.wait(PATIENCE)
    return stage.said_by("witness", after="ready"), freed


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _start_checker(folder: Path) -> subprocess.Popen[str]:
    wrong = folder / "wrong.py"
    wrong.write_text(WRONG_CALLS)
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--cache-dir",
            str(folder / "cache"),
            wrong.name,
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _show_refusal(checker: subprocess.Popen[str]) -> bool:
    output, _ = checker.communicate()
    print("\nmypy on", *WRONG_CALLS.splitlines()[-2:], sep="\n    ")
    print(output, end="")
    return checker.returncode == 1 and all(refusal in output for refusal in REFUSALS)


def _verdict(good: bool, text: str) -> bool:
    print(f"{'ok ' if good else 'NOT'}  {text}")
    return good


@attrs.frozen
class Stage:
    """The processes of the demo, and what they say as they say it."""

    folder: Path
    stack: ExitStack
    started: float = attrs.field(factory=time.monotonic)
    lines: queue.Queue[Line] = attrs.field(factory=queue.Queue[Line])
    heard: list[Line] = attrs.field(factory=list[Line])

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Generator[Stage, None, None]:
        """Open a stage; what was started on it is ended with the block."""
        with ExitStack() as stack:
            yield cls(folder, stack)

    @property
    def site(self) -> str:
        """The socket of the witness."""
        return str(self.folder / "site.sock")

    def start(self, who: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python program of its own, which shares nothing with this one but the socket."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "KINFOLK_DIR": str(self.folder / "sockets")},
        )
        self.stack.callback(_end, process)
        threading.Thread(target=self._listen, args=(who, process), daemon=True).start()
        return process

    def _listen(self, who: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.put((who, line.rstrip()))

    def say(self, text: str) -> None:
        """Print a line with the time since the beginning."""
        print(f"{time.monotonic() - self.started:6.3f} s  {text}", flush=True)

    def wait(self, who: str, event: str) -> str:
        """Show what is said until `who` says `event`, and return that line.

        Raises:
            TimeoutError: It is not said in time.
        """
        return self.wait_for_any([who], event)[1]

    def wait_for_all(self, whos: Iterable[str], event: str) -> None:
        """Show what is said until each of them has said `event`, in whatever order."""
        left = set(whos)
        while left:
            left.remove(self.wait_for_any(left, event)[0])

    def wait_for_any(self, whos: Collection[str], event: str) -> Line:
        """Show what is said until one of them says `event`; return who did, and the line."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                who, line = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"{' or '.join(whos)} did not say {event!r}") from None
            self._show(who, line)
            if event in line and who in whos:
                return who, line

    def said_by(self, who: str, *, after: str) -> list[str]:
        """Show what is left to show, and return what `who` said after a line."""
        while True:
            try:
                self._show(*self.lines.get(timeout=0.2))
            except queue.Empty:
                break
        said = [line for speaker, line in self.heard if speaker == who]
        return [line for line in said[said.index(after) + 1 :] if line]

    def _show(self, who: str, line: str) -> None:
        self.heard.append((who, line))
        self.say(line if line.startswith(who) else f"{who}: {line}")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait(PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
