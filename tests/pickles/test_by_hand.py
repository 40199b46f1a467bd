"""What is registered by hand, beside a spec and without one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.managers import BaseManager, BaseProxy
from pathlib import Path
from typing import Any

import pytest
from support.by_hand import BoxProxy, HandManager, SubManager, note
from support.samples.manager import SampleManager
from support.threads import run_all, until

from kinfolk.errors import ArgumentError, NotRunning, NotSupported, ObjectGone
from kinfolk.managers import Manager

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

CONTEXTS = ["fork", "spawn", "forkserver"]


@pytest.fixture(
    params=[(HandManager, "pickle"), (SubManager, "pickle"), (SubManager, "typed")],
    ids=["without a spec", "beside a spec", "typed"],
)
def hand(request: pytest.FixtureRequest, folder: Path) -> Iterator[Any]:
    """Start a server in a child process, and return the manager."""
    cls, serializer = request.param
    with cls(serializer=serializer) as manager:
        yield manager


@pytest.fixture(params=[HandManager, SubManager], ids=["without a spec", "beside a spec"])
def pickling(request: pytest.FixtureRequest, folder: Path) -> Iterator[Any]:
    """Start a server that speaks pickle, and return the manager."""
    with request.param(serializer="pickle") as manager:
        yield manager


# --- What register() takes


def test_a_callable_makes_a_new_object_each_time(hand: Any) -> None:
    """With the arguments of the call; its public methods can be called."""
    box, other = hand.box("a", "b"), hand.box()
    assert box.put("c") == 3
    assert box.things() == ["a", "b", "c"]
    assert other.things() == []
    assert not hasattr(box, "_secret")


def test_a_callable_may_return_the_same_object(hand: Any) -> None:
    """Every proxy leads to it."""
    hand.shared_box().put("more")
    assert hand.shared_box().things() == ["shared", "more"]


def test_only_what_is_exposed_can_be_called(hand: Any) -> None:
    """Also by those who ask for it by name; the texts are there for everybody."""
    box = hand.narrow_box("a")
    assert box.put("b") == 2
    assert not hasattr(box, "things")
    with pytest.raises(AttributeError, match="has no member 'things' that is exposed"):
        box._callmethod("things")
    assert str(box) == "Box('a', 'b')"


def test_a_proxy_type_says_what_is_exposed(hand: Any) -> None:
    """And has methods of its own."""
    box = hand.own_box()
    assert type(box).__name__ == BoxProxy.__name__
    assert box.put_twice("a") == 2
    assert box._callmethod("_secret") == "secret"
    with pytest.raises(AttributeError):
        box._callmethod("fail")


def test_methods_may_return_proxies(hand: Any) -> None:
    """Of what was registered for them, which needs no method of the manager's."""
    assert not hasattr(hand, "part_box")
    deep = hand.deep_box("a", "b", "c")
    part = deep.part(2)
    assert BaseProxy in type(part).__mro__
    part.put("d")
    assert part.things() == ["a", "b", "d"]
    assert list(deep.each()) == ["a", "b", "c"]
    assert deep.things() == ["a", "b", "c"]


def test_proxies_look_as_there(hand: Any) -> None:
    """`repr` is the proxy's, `str` the object's, and `_getvalue` a copy of it."""
    box = hand.box("a")
    assert repr(box).startswith("<AutoProxy[box] object, typeid 'box' at 0x")
    assert str(box) == "Box('a',)"
    copy = hand.noted()._getvalue()
    copy.append("more")
    assert hand.noted()._getvalue() == []
    assert box._callmethod("put", ("b",)) == 2


def test_a_copy_may_be_of_any_class(pickling: Any) -> None:
    """Where pickles travel."""
    box = pickling.box("a")
    copy = box._getvalue()
    copy.put("b")
    assert box.things() == ["a"]


def test_what_makes_nothing_takes_the_object_itself(pickling: Any) -> None:
    """An entry without a callable, with anything else, says what it lacks."""
    with pytest.raises(ArgumentError, match="'part_box' has no callable, and makes nothing: regi"):
        pickling._make_by_hand("part_box", (), {})


def test_exceptions_arrive_as_themselves(hand: Any) -> None:
    """With the server's traceback as a note."""
    with pytest.raises(LookupError, match="nothing there") as caught:
        hand.box().fail()
    assert "At the server" in caught.value.__notes__[0]


def test_objects_are_let_go_with_their_last_proxy(pickling: Any) -> None:
    """As the server itself counts them."""
    hand = pickling
    before = hand._number_of_objects()
    box = hand.box()
    assert hand._number_of_objects() == before + 1
    del box
    until(lambda: hand._number_of_objects() == before)


def test_proxies_may_be_kept_in_each_other(pickling: Any) -> None:
    """A box within a box stays the same box."""
    hand = pickling
    authkey, process = hand._authkey, multiprocessing.current_process()
    before, process.authkey = process.authkey, authkey
    try:
        inner, outer = hand.box(), hand.box()
        outer.put(inner)
        outer.things()[0].put("a")
        assert inner.things() == ["a"]
    finally:
        process.authkey = before


# --- Names


def test_a_name_that_is_taken_is_refused() -> None:
    """By an entry of the spec, or by what every manager has."""
    with pytest.raises(ValueError, match=r"support\.samples\.spec has an entry 'frontier'"):
        SubManager.register("frontier", dict)
    with pytest.raises(ValueError, match="every manager has a 'shutdown' of its own"):
        HandManager.register("shutdown", dict)


def test_a_name_may_be_registered_again(folder: Path) -> None:
    """The last counts, and a base class keeps its own."""
    cls: Any = type("Again", (HandManager,), {})
    cls.register("box", list)
    cls.register("box", dict)
    with cls() as manager:
        assert manager.box(a=1).copy() == {"a": 1}
    assert HandManager._registry["box"][0] is not dict


def test_what_the_server_does_not_know_is_refused(folder: Path) -> None:
    """A client may have registered more."""
    with HandManager() as manager:
        cls: Any = type("More", (HandManager,), {})
        cls.register("more")
        more = cls(manager.address, authkey=vars(manager)["_authkey"])
        more.connect()
        with pytest.raises(ObjectGone, match="has no entry 'more'"):
            more.more()


@pytest.mark.parametrize("base", [Manager, SampleManager], ids=["without a spec", "beside one"])
def test_what_the_client_does_not_know_is_refused(folder: Path, base: type[Manager]) -> None:
    """Also where it is a proxy of the standard library's that is told of it."""
    served = HandManager if base is Manager else SubManager
    cls: Any = type("Fewer", (base,), {})
    cls.register("deep_box")
    with served(serializer="pickle") as manager:
        fewer = cls(manager.address, vars(manager)["_authkey"], "pickle")
        fewer.connect()
        deep = fewer.deep_box("a")
        with pytest.raises(NotSupported, match=r"register\('part_box', create_method=False\) fir"):
            deep.part(1)
        assert deep.put("b") == 2


# --- Without a spec


def test_without_a_spec_it_speaks_pickle(folder: Path) -> None:
    """Nothing is declared, so there are no types to speak."""
    with pytest.raises(NotSupported, match="HandManager has no spec"):
        HandManager(serializer="typed")
    with pytest.raises(NotSupported, match=r"serve it with `HandManager\(…\)\.get_server\(\)"):
        HandManager.open(start=True)
    with pytest.raises(NotRunning, match=r"HandManager\.sock"):
        HandManager.open()


def test_without_a_spec_each_server_has_an_address_of_its_own(folder: Path) -> None:
    """Classes of one name may serve in many programs; a client is told where, as there."""
    first, second = HandManager(), HandManager()
    with closing(first.get_server()) as one, closing(second.get_server()) as other:
        assert one.address != other.address
        assert (first.address, second.address) == (one.address, other.address)


def test_the_environment_may_say_where_a_server_without_a_spec_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for all others."""
    path = str(folder / "here.sock")
    monkeypatch.setenv("KINFOLK_ADDRESS", path)
    with closing(HandManager().get_server()) as server:
        assert server.address == path


def test_a_manager_of_the_standard_library_is_a_client_of_it(pickling: Any) -> None:
    """With nothing but the names."""
    hand = pickling
    cls: Any = type("Plain", (BaseManager,), {})
    for name in ("box", "deep_box", "part_box"):
        cls.register(name)
    plain = cls(hand.address, hand._authkey)
    plain.connect()
    box = plain.box("a")
    assert box.put("b") == 2
    assert plain.deep_box("x", "y").part(1).things() == ["x"]
    cls.register("gone")
    with pytest.raises(ReferenceError, match="has no entry 'gone'"):
        plain.gone()


# --- Child processes


def fill(box: Any, thing: str) -> None:
    """Put something into a box, in a child process."""
    box.put(thing)


@pytest.mark.parametrize("serializer", ["typed", "pickle"])
@pytest.mark.parametrize("method", CONTEXTS)
def test_proxies_are_arguments_of_processes(folder: Path, method: str, serializer: str) -> None:
    """However the child is started, and whatever manager the proxy came from."""
    context: Any = multiprocessing.get_context(method)
    with SubManager(serializer=serializer, ctx=context) as manager:
        made: Any = manager
        box, frontier = made.box(), manager.frontier()
        children = [
            context.Process(target=fill, args=(box, method)),
            context.Process(target=push, args=(frontier, method)),
        ]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0
        assert box.things() == [method]
        assert [page.url for page in frontier] == [method]


def push(frontier: Any, url: str) -> None:
    """Push a URL, in a child process."""
    assert frontier.push(url)


@pytest.mark.parametrize("method", CONTEXTS)
def test_an_initializer_runs_in_the_child_first(folder: Path, method: str) -> None:
    """With its arguments, before any object is made."""
    manager: Any = HandManager(ctx=multiprocessing.get_context(method))
    manager.start(note, ("one", "two"))
    try:
        assert manager.noted().copy() == ["one", "two"]
    finally:
        manager.shutdown()


def test_threads_share_a_proxy(hand: Any) -> None:
    """Each has a connection of its own."""
    box = hand.box()
    run_all(*(lambda number=number: box.put(number) for number in range(8)))
    assert sorted(box.things()) == list(range(8))


def test_a_plain_class_of_managers_can_be_registered_with(folder: Path) -> None:
    """A class made in passing works by fork, as in the standard library."""
    cls: Any = type("Passing", (Manager,), {})
    cls.register("counter", dict)
    with cls(ctx=multiprocessing.get_context("fork")) as manager:
        manager.counter().update(a=1)
