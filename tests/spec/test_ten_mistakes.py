"""A spec with ten mistakes: all are told at once, each at its line."""

from __future__ import annotations

import pytest
from support.reading import Folder

from kinfolk.errors import Problem, SpecError
from kinfolk.spec.reader import read

EXPECTED = [
    (
        13,
        (
            "`FrontierProxy` is what is generated for shared class `broken.ten.Frontier`; give this"
            " one another name"
        ),
    ),
    (
        26,
        (
            "field `Frontier.guard`: `lock` cannot travel: it belongs to its process; share a"
            " kinfolk.types.RLock; a field that is to stay at the server starts with an underscore"
        ),
    ),
    (28, "parameter 'url' of `Frontier.push` has no type; annotate it"),
    (31, "`Frontier.pop` has no result type; annotate it, as `-> None`"),
    (
        35,
        (
            "`Frontier.wait` is `@blocking`, and while it waited in its turn no other call could"
            " end its wait; write `@shared(concurrent=True)` above `Frontier`, and let it"
            " guard itself"
        ),
    ),
    (
        39,
        (
            "`Frontier.pages` is marked `@stream` and returns no iterator; declare its result as"
            " `Iterator[...]`"
        ),
    ),
    (
        42,
        (
            "`Frontier.__getattr__` cannot be remote; mark it `@hidden`, and offer a method with a"
            " name of its own if clients need what it does"
        ),
    ),
    (
        45,
        (
            "parameter 'into' of `Frontier.drain`: `Iterator[str]` cannot travel: only a method's"
            " own result streams; write `list[...]`"
        ),
    ),
    (
        53,
        (
            "`Crawl.robots` offers `Robots`, which is no shared class; decorate `Robots` with"
            " `@shared`"
        ),
    ),
    (54, "entry `connect` has a name that every manager needs for itself; rename it"),
]


def test_ten_mistakes_at_once(specs: Folder) -> None:
    """Every mistake is told in one error, in the order of the source, as `file:line: text`."""
    with pytest.raises(SpecError) as caught:
        read("broken.ten")
    problems = [Problem("broken/ten.py", line, text) for line, text in EXPECTED]
    assert list(caught.value.problems) == problems
    assert str(caught.value).splitlines()[0] == (
        "broken/ten.py:13: `FrontierProxy` is what is generated for shared class"
        " `broken.ten.Frontier`; give this one another name"
    )
    lines = (specs.path / "broken" / "ten.py").read_text().splitlines()
    marked = [n for n, line in enumerate(lines, 1) if "  # " in line]
    assert [problem.line for problem in problems] == marked
