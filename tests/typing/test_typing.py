"""What the checkers say of calls that are right, and of calls that are wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.checkers import Message, mypy, pyright

HERE = Path(__file__).parent
CHECKERS: dict[str, Callable[[], list[Message]]] = {"mypy": mypy, "pyright": pyright}


def expected(file: Path, checker: str) -> dict[int, str]:
    """Return what a checker must say, by the line it must say it of.

    Each expectation is a comment below its line, as in `# mypy says: has no attribute`.
    """
    found: dict[int, str] = {}
    code = 0
    for number, line in enumerate(file.read_text().splitlines(), 1):
        comment = re.match(r"\s*# (mypy|pyright) says: (.*)", line)
        if comment is None:
            code = number
        elif comment[1] == checker:
            found[code] = comment[2]
    return found


@pytest.mark.parametrize("checker", CHECKERS)
def test_right_calls_are_accepted(checker: str) -> None:
    """Every type is the very one that the spec declares."""
    assert [m for m in CHECKERS[checker]() if m.file == "typing/calls.py"] == []


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("name", ["mistakes.py", "mistaken_spec.py"])
def test_wrong_calls_are_refused(checker: str, name: str) -> None:
    """Each mistake is reported at its line, by its message, and nothing else is."""
    messages = [m for m in CHECKERS[checker]() if m.file == f"typing/{name}"]
    found: dict[int, str] = {}
    for message in messages:
        found[message.line] = found.get(message.line, "") + message.text
    wanted = expected(HERE / name, checker)
    assert sorted(found) == sorted(wanted), "\n".join(map(str, messages))
    for line, text in wanted.items():
        assert text in found[line]
