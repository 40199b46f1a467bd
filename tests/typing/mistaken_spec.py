"""A spec whose mistakes every checker must find, with what it must say of the line above."""

from __future__ import annotations

from collections.abc import Iterator

from golden.crawler.spec import Frontier, Job, Planner

from kinfolk import blocking, factory, hidden, manager, raises, shared, singleton, stream
from kinfolk.types import Dict, RLock


@shared
class Worker:
    """Right in all parts but the marked ones."""

    @hidden
    def unseen(self) -> int:
        """Keep its type under the decorator."""
        return 1

    @stream(ahead="3")
    # mypy says: Argument "ahead" to "stream" has incompatible type "str"; expected "int"
    # pyright says: "Literal['3']" is not assignable to "int"
    def numbers(self) -> Iterator[int]:
        """Yield numbers."""
        yield self.unseen()

    @stream(ahead=3)
    # mypy says: Value of type variable "S" of function cannot be "Callable[[Worker], int]"
    # pyright says: "int" is incompatible with protocol "Iterator[Any]"
    def number(self) -> int:
        """Return a single one."""
        return 1

    @raises(int)
    # mypy says: Argument 1 to "raises" has incompatible type "type[int]"
    # pyright says: Type "type[int]" is not assignable to type "type[BaseException]"
    def fail(self) -> None:
        """Fail."""

    @blocking
    def wait(self) -> str:
        """Wait."""
        return self.unseen()
        # mypy says: Incompatible return value type (got "int", expected "str")
        # pyright says: "int" is not assignable to "str"


@shared(concurrent=1)
# mypy says: No overload variant of "shared" matches argument type "int"
# pyright says: "Literal[1]" is not assignable to "bool"
class Other:
    """Marked wrongly."""


@manager
class Crawl:
    """The example of the README, with mistakes."""

    frontier = singleton(Frontier, limit="500")
    # mypy says: Argument "limit" to "singleton" has incompatible type "str"; expected "int"
    # pyright says: "Literal['500']" is not assignable to "int"
    cookies = singleton(Dict[str, str])
    login_lock = singleton(RLock, 1)
    # mypy says: Too many arguments for "singleton"
    # pyright says: Expected 0 positional arguments
    right = singleton(Planner, frontier)
    planner = singleton(Planner, cookies)
    # mypy says: Argument 2 to "singleton" has incompatible type "kinfolk.types.containers_spec.Dict
    # pyright says: "Dict[str, str]" is not assignable to "Frontier"
    missing = singleton(Planner)
    # mypy says: Missing positional argument "frontier" in call to "singleton"
    # pyright says: Argument missing for parameter "frontier"
    made = factory(Job)
    job = factory(3)
    # mypy says: Argument 1 to "factory" has incompatible type "int"
    # pyright says: Type "Literal[3]" is not assignable to type "type[T@factory]"
