"""What is registered by hand, over the typed wire: the rest is with that over pickle."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from multiprocessing.managers import BaseProxy, DictProxy
from pathlib import Path
from typing import Any

import pytest
from support.by_hand import Box, SubManager
from support.documented import IMPORT, MATHS
from support.folders import own_settings
from support.programs import Program
from support.samples.manager import SampleManager
from support.threads import until

from kinfolk.errors import ArgumentError, NoSuchMember, NotSupported, ObjectGone, ResultError
from kinfolk.wire.by_hand import HandType

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

DOCUMENTED = f"""
{MATHS.replace(IMPORT, "from kinfolk.types import SyncManager as BaseManager")}
        print(manager.list([maths.add(1, 1)]))
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a default folder of its own, and no other settings."""
    with own_settings(monkeypatch) as path:
        yield path


class Slow:
    """Says how many calls of it there were at once."""

    def __init__(self) -> None:
        self._inside = 0
        self._most = 0

    def call(self) -> None:
        """Give others the time to get in."""
        self._inside += 1
        self._most = max(self._most, self._inside)
        threading.Event().wait(0.05)
        self._inside -= 1

    def most(self) -> int:
        """Return the most calls at once."""
        return self._most


class OwnInit(BaseProxy):
    """Opens connections in its own way."""

    def __init__(self, token: Any, serializer: str, manager: Any = None, **kwds: Any) -> None:
        super().__init__(token, serializer, manager, **kwds)


class Reaching(BaseProxy):
    """Looks at what only the standard library's proxies have."""

    _exposed_ = ("put",)

    def ident(self) -> Any:
        """Return its token."""
        proxy: Any = self
        return proxy._token


def local(**entries: Any) -> Any:
    """Return a manager of such entries, whose objects live in this process."""
    cls: Any = type("Local", (SampleManager,), {})
    for name, given in entries.items():
        cls.register(name, **given)
    return cls.local()


def test_the_documented_program_runs(folder: Path) -> None:
    """With `SyncManager`, by its default wire."""
    path = folder / "program.py"
    path.write_text(DOCUMENTED)
    with Program(str(path)) as program:
        assert program.wait() == 0, program.errors
        assert program.rest() == ["7", "56", "[2]"]


# --- Two ends that have registered differently


def test_a_client_without_the_entries_is_no_other_version(folder: Path) -> None:
    """What is registered by hand is not compared."""
    with SubManager() as server, SampleManager.open(server.address) as client:
        assert client.frontier().push("https://example.org")


def test_an_entry_that_the_server_has_not_is_named(folder: Path) -> None:
    """And only its calls are refused."""
    with SampleManager() as server, SubManager.open(server.address) as client:
        made: Any = client
        with pytest.raises(ObjectGone, match="the server has no entry 'box': register it by hand"):
            made.box()
        assert client.frontier().push("https://example.org")


def test_a_result_of_an_entry_that_the_client_has_not_is_refused(folder: Path) -> None:
    """With what to register; nothing is kept for it."""
    cls: Any = type("Fewer", (SampleManager,), {})
    cls.register("deep_box")
    with SubManager() as server, cls.open(server.address) as client:
        deep = client.deep_box("a")
        with pytest.raises(NotSupported, match=r"register\('part_box', create_method=False\)"):
            deep.part(1)


# --- What is out of reach


def test_the_server_looks_at_names_too() -> None:
    """Whatever a client sends."""
    manager = local(box={"callable": Box})
    box = manager.box()
    box._members = manager._offer.members(HandType("box", ("_secret",)))
    with pytest.raises(NoSuchMember, match="box has no member '_secret' that is exposed"):
        box._callmethod("_secret")


def test_what_makes_objects_is_no_value() -> None:
    """Nobody gets hold of it by naming it."""
    manager = local(box={"callable": Box})
    box = manager.box()
    box._target = "*"
    with pytest.raises(ArgumentError, match="not None"):
        manager.box().put(box)


@pytest.mark.parametrize("given", ["a value", "a proxy"])
def test_what_a_client_sends_is_made_no_object(given: str) -> None:
    """Whoever may only put things into a box cannot look into it as another entry's object."""
    narrow = {"callable": Box, "exposed": ("put",)}
    manager = local(narrow_box=narrow, any_box={"exposed": ("things", "upper")})
    sent = manager.narrow_box("a") if given == "a proxy" else "a"
    with pytest.raises(NotSupported, match="entry 'any_box' has no callable, and makes nothing"):
        manager.any_box(sent)


def test_values_of_unknown_classes_do_not_travel() -> None:
    """Neither way; the exception says which wire has them."""
    manager = local(box={"callable": Box}, slow={"callable": lambda: [Slow()]})
    with pytest.raises(ArgumentError, match="not Slow") as caught:
        manager.box().put(Slow())
    assert "serializer='pickle'" in caught.value.__notes__[-1]
    with pytest.raises(ResultError, match="not Slow"):
        manager.slow().pop()
    with pytest.raises(NotSupported, match="box: its object cannot be copied"):
        manager.box()._getvalue()


def test_an_object_that_went_back_comes_out_again() -> None:
    """It is the very object, also when nobody but another object refers to it meanwhile."""
    manager = local(box={"callable": Box}, narrow_box={"callable": Box, "exposed": ("put",)})
    box = manager.box()
    box.put(manager.box("a"))
    box.put(manager.narrow_box("b"))
    first, second = box.things()
    assert first.things() == ["a"]
    assert second.put("c") == 2
    assert not hasattr(second, "things")


def test_an_object_that_is_offered_in_two_ways_does_not_come_out() -> None:
    """It is not known in which of them it was given back."""
    one = Box("a")
    manager = local(
        box={"callable": lambda: one}, narrow_box={"callable": lambda: one, "exposed": ("put",)}
    )
    outer = manager.box()
    outer.put(manager.narrow_box())
    with pytest.raises(ResultError, match="not Box"):
        outer.things()


@pytest.mark.parametrize(
    ("proxytype", "why"),
    [
        (OwnInit, "has an __init__ of its own"),
        (lambda *_args, **_kwds: None, "is no class derived from BaseProxy"),
    ],
)
def test_proxies_that_need_another_wire_are_refused(proxytype: Any, why: str) -> None:
    """Before anything is made."""
    made: list[object] = []
    manager = local(box={"callable": lambda: made.append(1), "proxytype": proxytype})
    with pytest.raises(NotSupported, match=f"'box' {why}: use serializer='pickle'"):
        manager.box()
    assert made == []


def test_proxies_that_look_at_their_token_are_told() -> None:
    """When they do."""
    manager = local(box={"callable": Box, "proxytype": Reaching})
    with pytest.raises(NotSupported, match="'box' uses _token"):
        manager.box().ident()


# --- Turns


def most_at_once(slow: Any) -> int:
    """Return how many calls of it there were at once, of several threads."""
    threads = [threading.Thread(target=slow.call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    most: int = slow.most()
    return most


def test_views_of_a_dictionary_arrive_as_lists() -> None:
    """As the standard library's wire has it, over which the dictionary is as little to be seen."""
    made = local(table={"callable": dict, "proxytype": DictProxy}).table(a=1, b=2)
    assert made.keys() == ["a", "b"]
    assert made.values() == [1, 2]
    assert made.items() == [("a", 1), ("b", 2)]


def test_calls_take_turns() -> None:
    """As those of any shared object."""
    assert most_at_once(local(slow={"callable": Slow}).slow()) == 1


def test_what_is_made_for_threads_takes_none() -> None:
    """Who waits for an item does not shut out who brings it."""
    jobs: queue.Queue[int] = queue.Queue()
    manager = local(jobs={"callable": lambda: jobs})
    found: list[int] = []
    waiting = threading.Thread(target=lambda: found.append(manager.jobs().get()))
    waiting.start()
    until(lambda: jobs.not_empty._waiters)  # type: ignore[attr-defined]
    manager.jobs().put(5)
    waiting.join()
    assert found == [5]
