"""What the generator would write for the spec beside it, as far as the tests need it."""

# ruff: noqa: D102
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Generic, Self, TypeVar

from support.hosted.spec import Page, Refused

import kinfolk.types.containers_manager
import kinfolk.types.locks_manager
from kinfolk.proxy import Proxy as _Proxy
from kinfolk.wire.shared import SharedType as _SharedType
from kinfolk.wire.table import ManagerType as _ManagerType
from kinfolk.wire.table import Table as _Table

_T = TypeVar("_T")


class FrontierProxy(_Proxy):
    """URLs still to fetch."""

    _shared = _SharedType("support.hosted.spec.Frontier", {"__iter__": 100})

    def push(self, url: str, *, priority: int = 0) -> bool:
        return self._call("push", {"url": url, "priority": priority})

    def push_all(self, *urls: str, **statuses: int) -> None:
        self._call("push_all", {"urls": urls, "statuses": statuses})

    def pop(self) -> Page | None:
        return self._call("pop")

    @property
    def limit(self) -> int:
        return self._call("limit")

    @limit.setter
    def limit(self, value: int) -> None:
        self._call("limit=", {"value": value})

    @property
    def full(self) -> bool:
        return self._call("full")

    def __len__(self) -> int:
        return self._call("__len__")

    def __contains__(self, url: str) -> bool:
        return self._call("__contains__", {"url": url})

    def __getitem__(self, url: str) -> Page:
        return self._call("__getitem__", {"url": url})

    def __iter__(self) -> Iterator[Page]:
        return self._call("__iter__")


class CounterProxy(_Proxy):
    """Counts, in two steps."""

    _shared = _SharedType("support.hosted.spec.Counter")

    def add(self, by: int = 1) -> int:
        return self._call("add", {"by": by})

    def add_from(self, other: CounterProxy) -> int:
        return self._call("add_from", {"other": other})

    def __add__(self, other: int) -> int:
        return self._call("__add__", {"other": other})

    def __iadd__(self, other: int) -> Self:
        self._call("__iadd__", {"other": other})
        return self

    def __call__(self) -> int:
        return self._call("__call__")


class JobProxy(_Proxy):
    """Made by a factory, or by the planner."""

    _shared = _SharedType("support.hosted.spec.Job")

    @property
    def name(self) -> str:
        return self._call("name")

    @property
    def retries(self) -> int:
        return self._call("retries")

    @retries.setter
    def retries(self, value: int) -> None:
        self._call("retries=", {"value": value})

    def run(self) -> str:
        return self._call("run")


class UrgentJobProxy(JobProxy):
    """A shared class with a shared base."""

    _shared = _SharedType("support.hosted.spec.UrgentJob")

    def hurry(self) -> str:
        return self._call("hurry")


class PlannerProxy(_Proxy):
    """Takes and returns shared objects."""

    _shared = _SharedType("support.hosted.spec.Planner")

    def frontier(self) -> FrontierProxy:
        return self._call("frontier")

    def plan(self, url: str) -> bool:
        return self._call("plan", {"url": url})

    def job(self, name: str, kind: str = "job") -> JobProxy:
        return self._call("job", {"name": name, "kind": kind})

    def jobs(self) -> dict[str, list[JobProxy]]:
        return self._call("jobs")

    def is_mine(self, job: JobProxy) -> bool:
        return self._call("is_mine", {"job": job})

    def hurry(self, job: UrgentJobProxy) -> str:
        return self._call("hurry", {"job": job})

    def forget(self) -> None:
        self._call("forget")


class PeerProxy(_Proxy):
    """Calls others while others call it."""

    _shared = _SharedType("support.hosted.spec.Peer")

    def start(self, other: PeerProxy) -> str:
        return self._call("start", {"other": other})

    def answer(self) -> str:
        return self._call("answer")

    def call_back(self, other: PeerProxy) -> str:
        return self._call("call_back", {"other": other})

    def call(self, other: PeerProxy) -> str:
        return self._call("call", {"other": other})


class TroubleProxy(_Proxy):
    """Does what it should not."""

    _shared = _SharedType("support.hosted.spec.Trouble", {"lie_about_streams": 1})

    def divide(self) -> float:
        return self._call("divide")

    def refuse(self) -> None:
        self._call("refuse")

    def fail(self) -> None:
        self._call("fail")

    def leave(self) -> None:
        self._call("leave")

    def lie(self) -> int:
        return self._call("lie")

    def lie_about_jobs(self) -> list[JobProxy]:
        return self._call("lie_about_jobs")

    def lie_about_streams(self) -> Iterator[int]:
        return self._call("lie_about_streams")

    def deep(self) -> object:
        return self._call("deep")


class FeedProxy(_Proxy):
    """Streams."""

    _shared = _SharedType(
        "support.hosted.spec.Feed",
        {"numbers": 1, "batches": 3, "letters": 3, "breaks": 10, "lies": 10, "jobs": 10},
    )

    @property
    def closed(self) -> list[str]:
        return self._call("closed")

    @property
    def steps(self) -> int:
        return self._call("steps")

    def numbers(self, count: int) -> Generator[int, None, None]:
        return self._call("numbers", {"count": count})

    def batches(self, count: int) -> Iterator[int]:
        return self._call("batches", {"count": count})

    def letters(self) -> Iterator[str]:
        return self._call("letters")

    def breaks(self, after: int) -> Iterator[int]:
        return self._call("breaks", {"after": after})

    def lies(self) -> Iterator[int]:
        return self._call("lies")

    def jobs(self) -> Iterator[JobProxy]:
        return self._call("jobs")


class OpenFeedProxy(_Proxy):
    """Guards itself, and yet a generator can make only one step at a time."""

    _shared = _SharedType("support.hosted.spec.OpenFeed", {"numbers": 5})

    def numbers(self, count: int) -> Iterator[int]:
        return self._call("numbers", {"count": count})


class BoxProxy(_Proxy, Generic[_T]):
    """Holds one value of a type of its own."""

    _shared = _SharedType("support.hosted.spec.Box")

    def get(self) -> _T:
        return self._call("get")

    def put(self, value: _T) -> None:
        self._call("put", {"value": value})


class BoxesProxy(_Proxy):
    """Hands out one box as boxes of several types."""

    _shared = _SharedType("support.hosted.spec.Boxes")

    def whole(self) -> BoxProxy[int]:
        return self._call("whole")

    def text(self) -> BoxProxy[str]:
        return self._call("text")

    def take(self, box: BoxProxy[int]) -> int:
        return self._call("take", {"box": box})


class GateProxy(_Proxy):
    """Blocks in plain Python, and uses a lock that clients use too."""

    _shared = _SharedType("support.hosted.spec.Gate")

    def wait(self) -> bool:
        return self._call("wait")

    def open(self) -> None:
        self._call("open")

    def under_lock(self) -> bool:
        return self._call("under_lock")


class VaultProxy(_Proxy):
    """Takes turns, and uses a lock that clients use too."""

    _shared = _SharedType("support.hosted.spec.Vault")

    def read(self) -> str:
        return self._call("read")

    def try_to_read(self, timeout: float) -> str:
        return self._call("try_to_read", {"timeout": timeout})


_TABLE = _Table(
    spec="support.hosted.spec",
    fingerprint="",
    proxies=(
        FrontierProxy,
        CounterProxy,
        JobProxy,
        UrgentJobProxy,
        PlannerProxy,
        PeerProxy,
        TroubleProxy,
        FeedProxy,
        OpenFeedProxy,
        BoxProxy,
        BoxesProxy,
        GateProxy,
        VaultProxy,
    ),
    values=(Page,),
    errors=(Refused,),
    uses=lambda: (kinfolk.types.containers_manager, kinfolk.types.locks_manager),
)


class TownFactories:
    """What a manager class would have beside its singletons."""

    def job(self, name: str, retries: int = 3) -> JobProxy:
        raise NotImplementedError

    def peer(self) -> PeerProxy:
        raise NotImplementedError

    def box(self, value: int) -> BoxProxy[int]:
        raise NotImplementedError


OFFER = _ManagerType(
    spec="support.hosted.spec",
    name="Town",
    server="support.hosted.spec.Town",
    table=_TABLE,
    singletons=lambda: {
        "frontier": FrontierProxy,
        "counter": CounterProxy,
        "planner": PlannerProxy,
        "trouble": TroubleProxy,
        "feed": FeedProxy,
        "open_feed": OpenFeedProxy,
        "boxes": BoxesProxy,
        "lock": kinfolk.types.locks_manager.RLockProxy,
        "gate": GateProxy,
        "vault": VaultProxy,
        "cookies": kinfolk.types.containers_manager.DictProxy[str, Page],
    },
    factories=lambda: {
        "job": TownFactories.job,
        "peer": TownFactories.peer,
        "box": TownFactories.box,
    },
)


class Town:
    """Typed access to the objects through a channel, as a generated manager class has it."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def frontier(self) -> FrontierProxy:
        return self._channel.singleton("frontier")

    def counter(self) -> CounterProxy:
        return self._channel.singleton("counter")

    def planner(self) -> PlannerProxy:
        return self._channel.singleton("planner")

    def trouble(self) -> TroubleProxy:
        return self._channel.singleton("trouble")

    def feed(self) -> FeedProxy:
        return self._channel.singleton("feed")

    def boxes(self) -> BoxesProxy:
        return self._channel.singleton("boxes")

    def lock(self) -> kinfolk.types.locks_manager.RLockProxy:
        return self._channel.singleton("lock")

    def gate(self) -> GateProxy:
        return self._channel.singleton("gate")

    def cookies(self) -> kinfolk.types.containers_manager.DictProxy[str, Page]:
        return self._channel.singleton("cookies")

    def job(self, name: str, retries: int = 3) -> JobProxy:
        return self._channel.make("job", {"name": name, "retries": retries})

    def peer(self) -> PeerProxy:
        return self._channel.make("peer", {})

    def box(self, value: int) -> BoxProxy[int]:
        return self._channel.make("box", {"value": value})
