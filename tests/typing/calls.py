"""Calls that every checker must accept, with the very types that they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import AbstractSet, Any, assert_type  # noqa: UP035 - as the stub has it

from golden.copies.manager import CopiesManager
from golden.crawler.manager import CrawlManager, FrontierProxy, JobProxy, PlannerProxy
from golden.crawler.spec import Page
from golden.generics.manager import (
    BoundedProxy,
    BoxProxy,
    GenericsManager,
    LabelledBoxProxy,
    PairProxy,
)
from golden.generics.spec import Bigger
from golden.inheritance.manager import DogProxy, ZooManager
from golden.operators.manager import AmountProxy, DoorProxy, OperatorsManager, TotalProxy
from golden.references.manager import NodeProxy, ReferencesManager
from golden.references.other_manager import GuestsManager
from golden.shadows.manager import MyselfProxy, ShadowsManager
from golden.signatures.manager import FieldsProxy, SignaturesManager
from golden.signatures.spec import Color
from support.sharing.manager import SharingManager

from kinfolk.types import Condition, Failure, Holder, Lock, Queue, RLock, Semaphore, WorkQueue
from kinfolk.types.containers_manager import DictProxy
from kinfolk.types.locks_manager import LockProxy, RLockProxy, SemaphoreProxy
from kinfolk.types.meetings_manager import ConditionProxy
from kinfolk.types.queues_manager import PriorityQueueProxy, QueueProxy
from kinfolk.types.work_manager import LoanProxy, WorkQueueProxy


def crawl(crawl: CrawlManager) -> None:
    """The example of the README."""
    frontier = crawl.frontier()
    assert_type(frontier, FrontierProxy)
    assert_type(frontier.push("https://example.org"), bool)
    assert_type(frontier.push(url="https://example.org", priority=2), bool)
    assert_type(frontier.pop(), Page | None)
    assert_type(len(frontier), int)
    assert_type([page for page in frontier], list[Page])  # noqa: C416
    assert_type(frontier.limit, int)
    frontier.limit = 3
    assert_type(crawl.cookies(), DictProxy[str, str])
    crawl.cookies()["a"] = "b"
    assert_type(crawl.cookies()["a"], str)
    assert_type(crawl.login_lock(), RLockProxy)
    with crawl.login_lock():
        assert_type(crawl.planner(), PlannerProxy)
    assert_type(crawl.planner().plan(), list[Page])
    assert_type(crawl.planner().frontier, FrontierProxy)
    assert_type(crawl.job("name", retries=2), JobProxy)
    job: Callable[[str], JobProxy] = crawl.job
    assert_type(job("name").add(Page("u"), Page("v", status=200)), int)


def opened() -> None:
    """A manager is closed with its block."""
    with CrawlManager.open() as crawl:
        assert_type(crawl, CrawlManager)
    assert_type(CrawlManager.local(), CrawlManager)


def signatures(signatures: SignaturesManager) -> None:
    """Parameters of every kind, overloads, and attributes."""
    parameters = signatures.parameters()
    assert_type(parameters.positional_only(1), str)
    assert_type(parameters.everything(1, 2.0, b"", third=False, more=1), dict[str, Any])
    assert_type(parameters.typed_like_its_name(1, Color.RED), str)
    overloads = signatures.overloads()
    assert_type(overloads.parse("1"), int)
    assert_type(overloads.parse("1", strict=False), int | None)
    assert_type(overloads[1], str)
    assert_type(overloads["1"], int)
    marked = signatures.marked()
    assert_type(marked.squares(3), Iterator[int])
    assert_type(marked.words("a b"), Iterator[str])
    fields = signatures.fields(1, called="c", made=["m"])
    assert_type(fields, FieldsProxy)
    fields.either = 3
    assert_type(fields.either, str)


def shadows(shadows: ShadowsManager) -> None:
    """Members named like builtins have types all the same."""
    builtins = shadows.dict()
    assert_type(builtins.set("a", 1), set[str])
    assert_type(builtins.list(), list[int])
    assert_type(builtins.tuple(1), tuple[int, ...])
    assert_type(shadows.list().property, int)
    assert_type(shadows.str(date(2020, 1, 1)).date, date)
    assert_type(shadows.set().Self(), MyselfProxy)


def operators(operators: OperatorsManager) -> None:
    """Operators have the types of their methods."""
    amount = operators.amount(3)
    assert_type(amount + 1, AmountProxy)
    assert_type(1 + amount, AmountProxy)
    assert_type(amount < amount, bool)
    assert_type(-amount, AmountProxy)
    assert_type(abs(amount), int)
    assert_type(amount(2, 3), int)
    assert_type(amount @ [1], list[int])
    total = operators.total()
    total += 1
    assert_type(total, TotalProxy)
    table = operators.table()
    table["a"] = 1
    assert_type(table["a"], int)
    assert_type("a" in table, bool)
    assert_type(list(reversed(table)), list[str])
    with operators.door() as door:
        assert_type(door, DoorProxy)
    assert_type(next(operators.countdown()), int)
    del table["a"]


def copies(copies: CopiesManager) -> None:
    """Results, nested ones too, are of read-only protocols; arguments are as they were."""
    library = copies.library()
    assert_type(library.shelves, Mapping[str, Sequence[str]])
    assert_type(library.books(), Sequence[str])
    assert_type(library.shelve(["a"]), AbstractSet[str])
    assert_type(next(library.pages()), Sequence[tuple[int, AbstractSet[int]]])
    assert_type(library.last(), Sequence[str] | None)
    assert_type(library.last(2), Sequence[str])
    assert_type(library.use(library.index()), Sequence[str])
    assert_type(copies.numbers()["a"], Sequence[int])
    copies.numbers()["a"] = [1]
    assert_type(copies.drawer([1]).get(), Sequence[int])


def generics(generics: GenericsManager) -> None:
    """Type arguments reach the members, through base classes as well."""
    numbers = generics.numbers()
    assert_type(numbers, BoxProxy[int])
    assert_type(numbers.all(), list[int])
    assert_type(numbers.first(), int)
    assert_type(numbers.first("x"), int | str)
    assert_type(numbers.beside("x"), tuple[int, str])
    assert_type(numbers.merged(numbers), BoxProxy[int])
    assert_type(numbers.total(), int)
    assert_type(generics.names().all(), list[str])
    labelled = generics.labelled()
    assert_type(labelled, LabelledBoxProxy[str, int])
    assert_type(labelled.label("a"), tuple[str, list[int]])
    assert_type(generics.pair("a", 1), PairProxy[str, int])
    wider(generics.pair("a", 1))
    assert_type(generics.best(), BoundedProxy[Bigger])
    assert_type(generics.best().offer(Bigger(1)), Bigger)
    assert_type(generics.best().join("a", "b"), str)


def wider(pair: PairProxy[str, float]) -> None:
    """A type parameter that is covariant in the spec is so in the proxy."""
    assert_type(pair.value(), float)


def inheritance(zoo: ZooManager) -> None:
    """A proxy of a subclass is one of its base."""
    dog: DogProxy = zoo.puppy()
    assert_type(dog.twice(), str)
    assert_type(zoo.puppy().hold(b""), bytes | None)
    assert_type(zoo.boat("name").rename("other"), str)


def references(references: ReferencesManager, guests: GuestsManager) -> None:
    """Shared objects are passed and returned as proxies."""
    root = references.root()
    assert_type(root.grow("a"), NodeProxy)
    assert_type(root.add(root.grow("b")), NodeProxy)
    assert_type(root.children(), list[NodeProxy])
    assert_type(root.by_name(), dict[str, NodeProxy])
    assert_type(list(root.walk()), list[NodeProxy])
    guest = guests.guest("me")
    assert_type(guest.visit(guests.tree()), str)
    root = root.invite(guest)


def locks(
    lock: Lock | RLock | LockProxy | RLockProxy,
    semaphore: Semaphore | SemaphoreProxy,
    condition: Condition | ConditionProxy,
) -> None:
    """Locks and what goes with them, by themselves and over proxies."""
    assert_type(lock.acquire(), bool)
    assert_type(lock.acquire(False, 2.5), bool)
    with lock as entered:
        assert_type(entered, bool)
        assert_type(lock.token, int)
    assert_type(lock.holder(), Holder | None)
    assert_type(semaphore.acquire(timeout=None), bool)
    semaphore.release(n=2)
    with condition:
        assert_type(condition.wait(0.5), bool)
        assert_type(condition.wait_for(lambda: "text", timeout=1), str)
        condition.notify(2)


def queues(
    queue: Queue[str] | QueueProxy[str], work: WorkQueueProxy[str], mine: WorkQueue[str]
) -> None:
    """Queues of what they were declared to have."""
    assert_type(queue.get(timeout=3), str)
    assert_type(queue.get_nowait(), str)
    queue.put("text", block=False)
    assert_type(work.take(), LoanProxy[str])
    with work.take() as item, mine.take() as other:
        assert_type(item, str)
        assert_type(other, str)
    assert_type(work.lent(), list[str])
    assert_type(work.failed(), list[Failure[str]])
    assert_type(mine.failed()[0].item, str)


def sharing(sharing: SharingManager) -> None:
    """Entries, and what makes new ones."""
    assert_type(sharing.new_priority_queue(3), PriorityQueueProxy[int])
    assert_type(sharing.new_condition(sharing.lock()), ConditionProxy)
    assert_type(sharing.new_condition(sharing.new_rlock()), ConditionProxy)
    assert_type(sharing.work().take().__enter__(), int)
