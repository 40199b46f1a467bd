"""A spec with ten mistakes, one on each of ten lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import attrs

from kinfolk import blocking, manager, shared, singleton, stream


class FrontierProxy:  # 1: the name of a generated class
    """A value with an unlucky name."""


class Robots:
    """Not shared."""


@shared
@attrs.define
class Frontier:
    """URLs still to fetch."""

    guard: threading.Lock = attrs.field(factory=threading.Lock)  # 2: cannot travel

    def push(self, url, priority: int = 0) -> bool:  # 3: a parameter without a type
        return bool(url) and priority > 0

    def pop(self):  # 4: no type of the result
        return None

    @blocking
    def wait(self) -> str:  # 5: waits in its turn
        return ""

    @stream(ahead=10)
    def pages(self) -> list[str]:  # 6: no iterator
        return []

    def __getattr__(self, name: str) -> int:  # 7: cannot be remote
        return len(name)

    def drain(self, into: Iterator[str]) -> None:  # 8: cannot travel
        list(into)


@manager
class Crawl:
    """What the server offers."""

    robots = singleton(Robots)  # 9: no shared class
    connect = singleton(Frontier)  # 10: a reserved name


# ruff: noqa: ANN001, ANN201, D102
