"""What the checkers reveal of shared containers is what they reveal of the local classes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

ROOT = Path(__file__).parents[2]

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
}


def _program() -> Iterator[str]:
    """Yield lines that reveal each expression, first of the local object, then of the proxy."""
    yield "from array import array"
    yield "from collections import deque"
    yield "from multiprocessing.managers import Namespace, ValueProxy"
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
