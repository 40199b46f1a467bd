"""Programs that were written for `multiprocessing.Manager()`, with their import changed."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import managers
from pathlib import Path
from typing import Any, Final

import pytest
from support.pickling import note_process
from support.programs import Program

from kinfolk.errors import NotSupported
from kinfolk.types import Manager, SyncManager

SERIALIZERS: Final = ["typed", "pickle"]
KEY: Final = b"a key for tests only"

# From the standard library's documentation, what prints an address apart.
PROGRAM: Final = """
import sys
from multiprocessing import Process, set_start_method
{import_}

def f(d, l):
    d[1] = '1'
    d['2'] = 2
    d[0.25] = None
    l.reverse()

def work(queue, done, lock, value):
    while (item := queue.get()) is not None:
        with lock:
            value.value += item
        queue.task_done()
    queue.task_done()
    done.set()

if __name__ == '__main__':
    set_start_method(sys.argv[1])
    with Manager({arguments}) as manager:
        d = manager.dict()
        l = manager.list(range(10))

        p = Process(target=f, args=(d, l))
        p.start()
        p.join()

        print(d)
        print(l)

        l = manager.list([i*i for i in range(10)])
        print(l)
        print(l[4])
        print(l[2:5])

        Global = manager.Namespace()
        Global.x = 10
        Global.y = 'hello'
        Global._z = 12.3    # this is an attribute of the proxy
        print(Global)

        a = manager.list()
        b = manager.list()
        a.append(b)
        b.append('hello')
        print(a[0], b)

        l_outer = manager.list([ manager.dict() for i in range(2) ])
        d_first_inner = l_outer[0]
        d_first_inner['a'] = 1
        d_first_inner['b'] = 2
        l_outer[1]['c'] = 3
        l_outer[1]['z'] = 26
        print(l_outer[0])
        print(l_outer[1])

        lproxy = manager.list()
        lproxy.append({{}})
        d = lproxy[0]
        d['a'] = 1
        d['b'] = 2
        lproxy[0] = d
        print(lproxy)

        queue, done, lock = manager.JoinableQueue(), manager.Event(), manager.RLock()
        total, numbers = manager.Value('i', 0), manager.Array('i', [1, 2, 3])
        p = Process(target=work, args=(queue, done, lock, total))
        p.start()
        for item in (*numbers, None):
            queue.put(item)
        queue.join()
        done.wait()
        p.join()
        print(total, numbers, p.exitcode)
"""


def _printed(folder: Path, import_: str, method: str, arguments: str = "") -> list[str]:
    file = folder / "program.py"
    file.write_text(PROGRAM.format(import_=import_, arguments=arguments))
    with Program(str(file), method) as program:
        code = program.wait()
        assert (code, program.errors) == (0, "")
        return program.rest()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what the program prints with the standard library's manager."""
    folder = tmp_path_factory.mktemp("standard")
    return _printed(folder, "from multiprocessing import Manager", "spawn")


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_program_prints_the_same_with_its_import_changed(
    serializer: str, method: str, tmp_path: Path, expected: list[str]
) -> None:
    """Whatever starts its processes, and however values travel."""
    import_ = "from kinfolk.types import Manager"
    assert _printed(tmp_path, import_, method, repr(serializer)) == expected


# --- Either end of the standard library's


def _use(manager: Any) -> list[object]:
    """Use everything of a manager; return what was seen."""
    seen: list[object] = []
    d = manager.dict({1: 2})
    d["a"] = [1]
    seen += [dict(d.items()), len(d), "a" in d, d.get("zz"), d.pop(1), str(d)]
    items = manager.list([3, 1, 2])
    items.sort()
    items.append(9)
    seen += [items[0], items[1:3], len(items), str(items)]
    d["nested"] = manager.list([1])
    d["nested"].append(2)
    seen += [str(d["nested"])]
    queue = manager.Queue()
    queue.put(1)
    seen += [queue.get(), queue.empty(), queue.qsize()]
    jobs = manager.JoinableQueue()
    jobs.put("job")
    seen += [jobs.get(), jobs.task_done(), jobs.join()]
    seen += _use_locks(manager)
    spaces = manager.Namespace(x=1)
    spaces.y = 2
    del spaces.x
    seen += [spaces.y, hasattr(spaces, "x")]
    value = manager.Value("i", 3)
    value.set(4)
    array = manager.Array("i", [1, 2, 3])
    array[0] = 5
    return [*seen, value.get(), array[0], len(array), *_use_pool(manager)]


def _use_locks(manager: Any) -> list[object]:
    seen: list[object] = []
    lock = manager.Lock()
    seen += [lock.acquire(), lock.acquire(False), lock.release()]
    again = manager.RLock()
    with again, again:
        seen += [again.acquire(), again.release()]
    permits = manager.BoundedSemaphore(1)
    with permits:
        seen += [permits.acquire(False)]
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
        permits.release()
    with manager.Semaphore(2):
        pass
    event = manager.Event()
    seen += [event.wait(0), event.set(), event.is_set(), event.wait()]
    barrier = manager.Barrier(1)
    seen += [barrier.wait(), barrier.parties, barrier.n_waiting, barrier.broken]
    condition = manager.Condition()
    with condition:
        seen += [condition.notify(), condition.wait(0.01)]
        seen += [condition.wait_for(lambda: True)]
    return seen


def _use_pool(manager: Any) -> list[object]:
    with manager.Pool(2) as pool:
        return [
            pool.map(abs, [-1, 2]),
            pool.apply(divmod, (7, 2)),
            pool.apply_async(abs, (-4,)).get(60),
            pool.starmap(divmod, [(1, 2), (5, 3)]),
            list(pool.imap(abs, [-1, -2])),
            sorted(pool.imap_unordered(abs, [-1, -2])),
        ]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """Have this process hold the key, as the standard library's nested proxies need it."""
    process = multiprocessing.current_process()
    before = process.authkey
    process.authkey = KEY
    yield KEY
    process.authkey = before


def _made(cls: Callable[..., Any], key: bytes, **options: str) -> Any:
    context = multiprocessing.get_context("spawn")
    return cls(address=("127.0.0.1", 0), authkey=key, ctx=context, **options)


def test_plain_and_typed_clients_see_the_same(key: bytes) -> None:
    """Over the standard wire, at Kinfolk's server and at the standard library's own."""
    with (
        _made(SyncManager, key, serializer="pickle") as ours,
        _made(managers.SyncManager, key) as theirs,
    ):
        plain = managers.SyncManager(address=ours.address, authkey=key)
        plain.connect()
        expected = _use(theirs)
        assert _use(plain) == expected
        assert _use(ours) == expected
        with SyncManager.open(theirs.address, authkey=key, serializer="pickle") as typed:
            assert _use(typed) == expected


def test_what_a_plain_server_does_not_expose_is_said(key: bytes) -> None:
    """It is no mistake of the caller's, and none of the object's."""
    with (
        _made(managers.SyncManager, key) as theirs,
        SyncManager.open(theirs.address, authkey=key, serializer="pickle") as typed,
    ):
        counts = typed.dict({"a": 1})
        with pytest.raises(NotSupported, match=r"Dict\.increment: .* does not expose it"):
            counts.increment("a")
        assert counts["a"] == 1


# --- Pools


def test_a_typed_manager_says_what_a_pool_needs() -> None:
    """Functions do not travel by it, and everything else goes on."""
    with Manager() as manager:
        with pytest.raises(NotSupported, match=r"SyncManager\(serializer='pickle'\)"):
            manager.Pool(2)
        assert manager.list([1])[0] == 1


def test_workers_of_a_pool_use_shared_objects() -> None:
    """A proxy among their arguments leads back to the manager."""
    with Manager("pickle", multiprocessing.get_context("spawn")) as manager:
        seen = manager.list()
        with manager.Pool(2) as pool:
            pool.map(note_process, [seen, seen, seen])
        assert len(seen) == 3
        assert multiprocessing.current_process().name not in seen


def test_what_a_worker_raises_reaches_the_caller() -> None:
    """As its own class."""
    with Manager("pickle") as manager, manager.Pool(1) as pool, pytest.raises(ZeroDivisionError):
        pool.apply(divmod, (1, 0))


# --- Barriers


def test_the_last_to_come_to_a_barrier_runs_its_action() -> None:
    """Before anybody goes on, at the server; only pickle carries it there."""
    with Manager("pickle") as manager:
        seen = manager.list()
        assert manager.Barrier(1, functools.partial(seen.append, "met")).wait() == 0
        assert list(seen) == ["met"]
        broken = manager.Barrier(1, functools.partial(divmod, 1, 0))
        with pytest.raises(ZeroDivisionError):
            broken.wait()
        assert broken.broken
    with Manager() as typed, pytest.raises(NotSupported, match=r"serializer='pickle'"):
        typed.Barrier(1, print)


# --- Registered beside


class Extra:
    """Something of a user's own."""

    def answer(self) -> int:
        """Return a number."""
        return 42


class Extended(SyncManager):
    """A manager with one thing more."""


Extended.register("Extra", Extra)


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_what_has_a_name_of_its_own_may_have_any(serializer: str) -> None:
    """And a dictionary's default may be left out, as a `dict` has it."""
    with Manager(serializer) as manager:
        people: Any = manager.dict(name="x", typeid="y", args=(), kwds={}, label="z")
        assert people.copy() == {"name": "x", "typeid": "y", "args": (), "kwds": {}, "label": "z"}
        assert manager.Namespace(name="x", ident=7).name == "x"
        assert people.setdefault("nobody") is None
        assert people["nobody"] is None


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_what_a_call_raised_keeps_no_proxy(serializer: str) -> None:
    """Once it is forgotten, without the collector, which may not come for long."""
    with Manager(serializer) as manager:
        people: Any = manager.dict()
        gc.disable()
        try:
            with suppress(KeyError):
                people.pop("nobody")
            seen = weakref.ref(people)
            del people
            assert seen() is None
        finally:
            gc.enable()


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_containers_are_made_of_whatever_has_items(serializer: str) -> None:
    """As those of Python are; also of one another."""
    with Manager(serializer) as manager:
        letters = manager.list("ab")
        assert manager.list(letters).copy() == manager.list({"a": 1, "b": 2}.keys()).copy()
        pairs = manager.dict(zip("ab", (1, 2), strict=True))
        assert manager.dict(pairs).copy() == manager.dict({"a": 1, "b": 2}.items()).copy()
        pairs.update(zip("c", [3], strict=True))
        letters.extend(iter(pairs.keys()))
        letters += "d"
        assert letters.copy() == ["a", "b", "a", "b", "c", "d"]
        elements = manager.set(letters)
        elements.update("e", {"f": 1}, iter("g"))
        assert sorted(elements) == sorted(manager.set(elements)) == [*"abcdefg"]
        assert list(manager.Array("i", manager.list(range(2)))) == [0, 1]


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
def test_more_can_be_registered_beside_the_standard_names(serializer: str) -> None:
    """Which stay what they are."""
    with Extended(serializer=serializer) as manager:
        extra: Any = manager
        assert extra.Extra().answer() == 42
        assert manager.dict(a=1)["a"] == 1
