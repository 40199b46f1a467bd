# mypy: disable-error-code="no-any-return"
"""Managers and proxies for `support.samples.spec`, as the generator writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from support.samples.spec import Page

from kinfolk.managers import Manager as _Manager
from kinfolk.proxy import Proxy as _Proxy
from kinfolk.wire.references import SharedType as _SharedType
from kinfolk.wire.table import ManagerType as _ManagerType
from kinfolk.wire.table import Table as _Table

__all__ = ["FrontierProxy", "JobProxy", "SampleManager", "StationProxy", "TroubleProxy"]


class FrontierProxy(_Proxy):
    """URLs still to fetch."""

    _shared = _SharedType("support.samples.spec.Frontier", {"__iter__": 100})

    def push(self, url: str, *, priority: int = 0) -> bool:
        """Queue a URL once; return whether it was new."""
        return self._call("push", {"url": url, "priority": priority})

    def pop(self) -> Page | None:
        """Take a page, or None if there is none."""
        return self._call("pop")

    def __len__(self) -> int:
        return self._call("__len__")

    def __iter__(self) -> Iterator[Page]:
        return self._call("__iter__")

    @property
    def limit(self) -> int:
        """How many there may be."""
        return self._call("limit")

    @limit.setter
    def limit(self, value: int) -> None:
        self._call("limit=", {"value": value})


class JobProxy(_Proxy):
    """An object of one client's."""

    _shared = _SharedType("support.samples.spec.Job")

    def describe(self) -> str:
        """Say what it is."""
        return self._call("describe")

    @property
    def name(self) -> str:
        """What it is called."""
        return self._call("name")


class TroubleProxy(_Proxy):
    """Does what an object should not."""

    _shared = _SharedType("support.samples.spec.Trouble")

    def echo(self, value: bytes) -> bytes:
        """Give back what came."""
        return self._call("echo", {"value": value})

    def anything(self, value: Any) -> Any:
        """Give back whatever came."""
        return self._call("anything", {"value": value})

    def grow(self, size: int) -> bytes:
        """Return so many bytes."""
        return self._call("grow", {"size": size})

    def refuse(self, text: str) -> None:
        """Raise an exception that everybody knows."""
        return self._call("refuse", {"text": text})

    def puzzle(self) -> None:
        """Raise an exception that cannot travel."""
        return self._call("puzzle")

    def leave(self) -> None:
        """Raise what would end a program."""
        return self._call("leave")

    def lie(self) -> int:
        """Return what is not declared."""
        return self._call("lie")


class StationProxy(_Proxy):
    """Where calls wait for each other, and where it is seen who has left."""

    _shared = _SharedType("support.samples.spec.Station")

    def enrol(self, name: str) -> None:
        """Note that the caller's process is here; the note ends with its session."""
        return self._call("enrol", {"name": name})

    def present(self) -> list[str]:
        """Return who is here."""
        return self._call("present")

    def until(self, name: str, here: bool, timeout: float = 10.0) -> bool:
        """Wait, with a thread, until somebody is here or gone; return whether it came true."""
        return self._call("until", {"name": name, "here": here, "timeout": timeout})

    def stay(self, timeout: float | None = None) -> None:
        """Run on until `leave_all`, or for so many seconds, with a thread."""
        return self._call("stay", {"timeout": timeout})

    def inside(self) -> int:
        """Return how many calls of `stay` have begun."""
        return self._call("inside")

    def until_inside(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until so many calls of `stay` have begun."""
        return self._call("until_inside", {"count": count, "timeout": timeout})

    def leave_all(self) -> None:
        """End all calls of `stay` that have begun."""
        return self._call("leave_all")

    def knock(self) -> bool:
        """Wait, without a thread, for the next `open_gate`."""
        return self._call("knock")

    def waiting(self) -> int:
        """Return how many knock."""
        return self._call("waiting")

    def until_waiting(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until so many knock."""
        return self._call("until_waiting", {"count": count, "timeout": timeout})

    def open_gate(self) -> int:
        """Let everybody in who knocks; return how many there were."""
        return self._call("open_gate")


_TABLE = _Table(
    spec="support.samples.spec",
    fingerprint="5a3c0ffee5a3c0ff",
    proxies=(FrontierProxy, JobProxy, TroubleProxy, StationProxy),
    values=(Page,),
)


class SampleManager(_Manager):
    """What a test's server offers."""

    _offer = _ManagerType(
        spec="support.samples.spec",
        name="Sample",
        server="support.samples.spec.Sample",
        table=_TABLE,
        singletons=lambda: {
            "frontier": FrontierProxy,
            "trouble": TroubleProxy,
            "station": StationProxy,
        },
        factories=lambda: {"job": SampleManager.job},
    )

    def frontier(self) -> FrontierProxy:
        """URLs still to fetch."""
        return self._singleton("frontier")

    def trouble(self) -> TroubleProxy:
        """Does what an object should not."""
        return self._singleton("trouble")

    def station(self) -> StationProxy:
        """Where calls wait for each other, and where it is seen who has left."""
        return self._singleton("station")

    def job(self, name: str, *, retries: int = 3) -> JobProxy:
        """An object of one client's."""
        return self._make("job", {"name": name, "retries": retries})
