"""What the checkers reveal of shared types is what they reveal of the local classes."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from support.expressions import EXPRESSIONS, PROXIES

ROOT = Path(__file__).parents[2]


def _program() -> Iterator[str]:
    """Yield lines that reveal each expression, first of the local object, then of the proxy."""
    yield "from array import array"
    yield "from collections import deque"
    yield "from multiprocessing.managers import Namespace, ValueProxy"
    yield "from queue import LifoQueue, PriorityQueue, Queue"
    yield "from threading import Barrier, BoundedSemaphore, Condition, Event"
    yield "from threading import Lock, RLock, Semaphore"
    for name, module in PROXIES.items():
        yield f"from {module} import {name}Proxy as Shared{name}"
    for name, (local, other, expressions) in EXPRESSIONS.items():
        arguments = local.partition("[")[1] + local.partition("[")[2]
        for kind in (local, f"Shared{name}{arguments}"):
            for expression in expressions:
                yield f"def _(x: {kind}) -> None:"
                yield f"    y = {other}"
                yield f"    reveal_type({expression})"


def _plain(revealed: str) -> str:
    """Return a revealed type with local classes in the place of their proxies."""
    text = re.sub(r"\b(?:builtins|typing|array|collections|[\w.]+_manager)\.(?=\w)", "", revealed)
    text = re.sub(r"\b(List|Deque|Set|Dict|Array)Proxy\b", lambda m: m[1].lower(), text)
    text = re.sub(r"\bShared(List|Deque|Set|Dict|Array)\b", lambda m: m[1].lower(), text)
    return re.sub(r"\w+(?: \| \w+)+", lambda m: " | ".join(sorted(m[0].split(" | "))), text)


def _run(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT / "src"), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr + done.stdout
    return done.stdout


def _mypy(folder: Path) -> dict[int, str]:
    options = ("--strict", "--config-file=", "--python-version=3.11", "--follow-imports=silent")
    text = _run("mypy", *options, f"--cache-dir={folder / 'cache'}", "program.py", folder=folder)
    found = re.finditer(r'^program\.py:(\d+): note: Revealed type is "(.*)"$', text, re.MULTILINE)
    errors = [line for line in text.splitlines() if ": error:" in line]
    assert errors == []
    return {int(match[1]): match[2] for match in found}


def _pyright(folder: Path) -> dict[int, str]:
    (folder / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT / "src")]}))
    options = ("--outputjson", "--pythonpath", sys.executable)
    report = json.loads(_run("pyright", *options, "program.py", folder=folder))
    found: dict[int, str] = {}
    for item in report["generalDiagnostics"]:
        assert item["severity"] != "error", item
        match = re.search(r' is "(.*)"$', item["message"], re.DOTALL)
        if item["severity"] == "information" and match:
            found[item["range"]["start"]["line"] + 1] = match[1]
    return found


CHECKERS: Final[dict[str, Callable[[Path], dict[int, str]]]] = {"mypy": _mypy, "pyright": _pyright}


@cache
def revealed(checker: str) -> dict[str, list[tuple[str, str, str]]]:
    """Return by class each expression, and what is revealed of the local object and the proxy."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        lines = list(_program())
        (folder / "program.py").write_text("\n".join(lines) + "\n")
        types = CHECKERS[checker](folder)
    asked = [number for number, line in enumerate(lines, 1) if "reveal_type" in line]
    assert sorted(types) == asked
    found: dict[str, list[tuple[str, str, str]]] = {}
    numbers = iter(asked)
    for name, (_, _, expressions) in EXPRESSIONS.items():
        both = [[types[next(numbers)] for _ in expressions] for _ in ("local", "shared")]
        found[name] = list(zip(expressions, *both, strict=True))
    return found


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_proxies_are_revealed_as_local_objects_are(name: str, checker: str) -> None:
    """Each method and operator has the type that it has on the local class."""
    different = [
        (expression, local, shared)
        for expression, local, shared in revealed(checker)[name]
        if _plain(local) != _plain(shared)
    ]
    assert different == []


# --- Whether the expressions are all that there are

OPERATORS: Final = {
    "add": "x +",
    "radd": "+ x",
    "sub": "x -",
    "rsub": "- x",
    "mul": "x *",
    "rmul": "* x",
    "and": "x &",
    "rand": "& x",
    "or": "x |",
    "ror": "| x",
    "xor": "x ^",
    "rxor": "^ x",
    "contains": " in x",
    "getitem": "x[",
    "len": "len(x)",
    "iter": "iter(x)",
    "reversed": "reversed(x)",
    "eq": "x ==",
    "ne": "x !=",
    "lt": "x <",
    "le": "x <=",
    "gt": "x >",
    "ge": "x >=",
}
# What every class has, or has for the interpreter and pickle.
USUAL: Final = {
    "class_getitem",
    "copy",
    "deepcopy",
    "buffer",
    "release_buffer",
    "dict",
    "module",
} | {*("weakref", "firstlineno", "static_attributes")}
# Old names, and what is not a shared dictionary's: a class method.
LEFT_OUT: Final = {"acquire_lock", "release_lock", "locked_lock", "isSet", "notifyAll", "fromkeys"}
LOCAL: Final[dict[str, type]] = {
    "List": list,
    "Deque": deque,
    "Set": set,
    "Dict": dict,
    "Queue": queue.Queue,
    "LifoQueue": queue.LifoQueue,
    "PriorityQueue": queue.PriorityQueue,
    "JoinableQueue": queue.Queue,
    "Lock": type(threading.Lock()),
    "Event": threading.Event,
    "RLock": type(threading.RLock()),
    "Semaphore": threading.Semaphore,
    "BoundedSemaphore": threading.BoundedSemaphore,
    "Condition": threading.Condition,
    "Barrier": threading.Barrier,
}


@pytest.mark.parametrize("name", LOCAL)
def test_every_member_of_the_local_class_is_compared(name: str) -> None:
    """But for what Python versions later than 3.11 have brought, whose types 3.11 cannot tell."""
    text = "; ".join(EXPRESSIONS[name][2])
    missing = []
    for member in {*dir(LOCAL[name])} - {*dir(object)} - LEFT_OUT - {"shutdown"}:
        if (name, member) == ("Deque", "__rmul__"):
            continue  # typeshed does not know that a deque has it
        bare = member.removeprefix("__").removesuffix("__")
        if member.startswith("_") and (bare == member or bare in USUAL):
            continue
        wanted = OPERATORS.get(bare, f"x.{member}") if bare != member else f"x.{member}"
        if wanted not in text:
            missing.append(member)
    assert missing == []
