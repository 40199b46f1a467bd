"""What the crawlers of one machine share."""

from collections.abc import Iterator

import attrs

from kinfolk import factory, manager, shared, singleton
from kinfolk.types import Dict, RLock


@attrs.frozen
class Page:
    """A page, fetched or still to fetch."""

    url: str
    status: int = 0


@shared
@attrs.define
class Frontier:
    """URLs still to fetch."""

    limit: int = 1000
    _pages: dict[str, Page] = attrs.field(factory=dict[str, Page], init=False)

    def push(self, url: str, *, priority: int = 0) -> bool:
        """Queue a URL once; return whether it was new."""
        return self._pages.setdefault(url, page := Page(url)) is page

    def pop(self) -> Page | None:
        return self._pages.popitem()[1] if self._pages else None

    def __len__(self) -> int:
        return len(self._pages)

    def __iter__(self) -> Iterator[Page]:
        yield from self._pages.values()


@shared
@attrs.define
class Planner:
    """Decides what is fetched next."""

    frontier: Frontier
    rounds: int = attrs.field(default=0, init=False)

    def plan(self, count: int = 1) -> list[Page]:
        """Take up to `count` pages from the frontier."""
        self.rounds += 1
        pages = (self.frontier.pop() for _ in range(count))
        return [page for page in pages if page is not None]


@shared
@attrs.define
class Job:
    """Something to be done, step by step."""

    name: str
    retries: int = attrs.field(default=3, kw_only=True)
    pages: list[Page] = attrs.field(factory=list[Page], init=False)

    def add(self, *pages: Page) -> int:
        """Note pages that the job is about; return how many there are."""
        self.pages += pages
        return len(self.pages)

    def failed(self) -> bool:
        """Use up one retry; return whether none is left."""
        self.retries -= 1
        return self.retries <= 0


@manager
class Crawl:
    """A crawl of the web, shared by its crawlers."""

    frontier = singleton(Frontier, limit=500)
    cookies = singleton(Dict[str, str])
    login_lock = singleton(RLock)
    planner = singleton(Planner, frontier)
    job = factory(Job)
