"""What an editor without a type checker shows of generated modules."""

from __future__ import annotations

from typing import Any

import jedi  # type: ignore[import-untyped]
import pytest
from support.goldens import TESTS

IMPORTS = """\
from golden.crawler.manager import CrawlManager
from golden.signatures.manager import SignaturesManager
from golden.shadows.manager import ShadowsManager
from golden.generics.manager import GenericsManager
with CrawlManager.open() as crawl:
    crawl.frontier()
signatures = SignaturesManager.local()
shadows = ShadowsManager.local()
generics = GenericsManager.local()
"""


def script(line: str) -> Any:
    """Return what jedi knows of a module that ends in a line being typed."""
    project = jedi.Project(TESTS, added_sys_path=[str(TESTS)])
    return jedi.Script(IMPORTS + line, path=TESTS / "typing" / "typed.py", project=project)


def completions(line: str) -> set[str]:
    """Return the public names offered after a line."""
    return {c.name for c in script(line).complete() if not c.name.startswith("_")}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("crawl.", {"frontier", "cookies", "login_lock", "planner", "job"}),
        ("crawl.frontier().", {"push", "pop", "limit"}),
        ("crawl.planner().frontier.", {"push", "pop", "limit"}),
        ("crawl.cookies().", {"get", "pop", "keys", "setdefault"}),
        ("shadows.dict().", {"set", "list", "dict", "int"}),
        ("generics.labelled().", {"label", "put", "first"}),
    ],
)
def test_members_are_completed(line: str, names: set[str]) -> None:
    """All members are offered, those of base classes included."""
    assert names <= completions(line)


def test_what_is_hidden_is_not_completed() -> None:
    """An editor offers nothing that cannot be called."""
    assert "unseen" not in completions("signatures.marked().")


@pytest.mark.parametrize(
    ("line", "signature"),
    [
        ("crawl.frontier().push(", "push(url: str, *, priority: int=0) -> bool"),
        ("crawl.job(", "job(name: str, *, retries: int=3) -> JobProxy"),
        (
            "signatures.parameters().both(",
            "both(a: int, /, b: int, *, c: int) -> tuple[int, int, int]",
        ),
        ("signatures.defaults().private(", "private(value: int=...) -> int"),
    ],
)
def test_signatures_are_shown(line: str, signature: str) -> None:
    """Names, types and defaults of the parameters are those of the spec."""
    assert [found.to_string() for found in script(line).get_signatures()] == [signature]


def test_all_overloads_are_shown() -> None:
    """Callers see what they can write, not what travels."""
    found = script("signatures.overloads().parse(").get_signatures()
    assert [signature.to_string() for signature in found] == [
        "parse(text: str) -> int",
        "parse(text: str, *, strict: Literal[True]) -> int",
        "parse(text: str, *, strict: Literal[False]) -> int | None",
    ]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("crawl.frontier", "URLs still to fetch."),
        ("crawl.frontier().push", "Queue a URL once; return whether it was new."),
        ("signatures.fields(1).double", "Twice the plain one."),
    ],
)
def test_documentation_is_shown(line: str, text: str) -> None:
    """The docstrings of the spec are at hand where its classes are used."""
    (found,) = script(line).help()
    assert text in found.docstring(raw=True)
