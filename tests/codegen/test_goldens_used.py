"""The golden modules, used: in this process, and over a server in another one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import pytest
from golden.crawler.manager import CrawlManager
from golden.crawler.spec import Page
from golden.documented.manager import DocumentedManager
from golden.generics.manager import BoxProxy, GenericsManager
from golden.generics.spec import Bigger, Sized
from golden.inheritance.manager import DogProxy, ZooManager
from golden.inheritance.values import Labelled, Stamp
from golden.names import left, right
from golden.names.manager import NamesManager, SecondManager
from golden.names.spec import Generic, Größe
from golden.operators.manager import AmountProxy, OperatorsManager
from golden.references.manager import NodeProxy, ReferencesManager
from golden.references.other_manager import GuestProxy, GuestsManager
from golden.references.spec import Label
from golden.shadows.manager import ShadowsManager
from golden.shadows.spec import Page as ShadowPage
from golden.signatures.manager import SignaturesManager
from golden.signatures.spec import Color, Point, Refused, Unheard
from support.folders import short_folder
from support.programs import Program
from support.sharing.engines import CHECKING, ENGINES

from kinfolk import ArgumentError
from kinfolk.managers import Manager

M = TypeVar("M", bound=Manager)
Use = Callable[[type[M]], M]


@pytest.fixture(params=ENGINES)
def use(request: pytest.FixtureRequest) -> Iterator[Use[Any]]:
    """A function that returns a manager whose objects live here, or in a process of their own."""
    with ExitStack() as stack:

        def use(manager: type[M]) -> M:
            if request.param == "local":
                opened = manager.local()
                stack.enter_context(opened)
                return opened
            folder = stack.enter_context(short_folder())
            address = f"unix://{folder}/s"
            arguments = [manager.__module__, manager.__name__, address, request.param]
            server = stack.enter_context(Program("-m", "support.golden_server", *arguments))
            server.expect("ready")
            opened = manager.open(address, serializer=request.param)
            stack.enter_context(opened)
            return opened

        yield use


def test_crawler(use: Use[CrawlManager]) -> None:
    """The example works as it reads."""
    crawl = use(CrawlManager)
    frontier = crawl.frontier()
    assert frontier.limit == 500
    frontier.limit = 3
    assert crawl.frontier().limit == 3
    assert frontier.push("https://example.org", priority=2)
    assert not frontier.push("https://example.org")
    assert len(frontier) == 1
    assert list(frontier) == [Page("https://example.org")]
    assert crawl.planner().frontier == frontier
    assert crawl.planner().plan(2) == [Page("https://example.org")]
    assert frontier.pop() is None
    with crawl.login_lock():
        crawl.cookies()["a"] = "b"
    assert crawl.cookies()["a"] == "b"
    job = crawl.job("first", retries=1)
    assert job.add(Page("a"), Page("b", 200)) == 2
    assert job.pages == [Page("a"), Page("b", 200)]
    assert (job.name, job.failed()) == ("first", True)


@pytest.mark.parametrize("use", CHECKING, indirect=True)
def test_arguments_are_checked(use: Use[Any]) -> None:
    """Against what the spec says; of generic classes against the type arguments.

    Also through base classes.
    """
    with pytest.raises(ArgumentError, match=r"Frontier\.push: argument 'priority' must be int"):
        use(CrawlManager).frontier().push("a", priority="high")
    generics = use(GenericsManager)
    with pytest.raises(ArgumentError, match="argument 'item' must be int, not str"):
        generics.numbers().put("x")
    with pytest.raises(ArgumentError, match="argument 'item' must be str, not int"):
        generics.names().put(1)
    with pytest.raises(ArgumentError, match="argument 'label' must be str, not int"):
        generics.labelled().label(3)


# --- Signatures


def test_parameters_of_every_kind(use: Use[SignaturesManager]) -> None:
    """Arguments arrive where they were meant to."""
    parameters = use(SignaturesManager).parameters()
    parameters.none()
    assert parameters.positional_only(2) == "bb"
    assert parameters.both(1, b=2, c=3) == (1, 2, 3)
    assert parameters.keyword_only(key="k", other="o") == ["k", "o"]
    assert parameters.everything(1, 2.0, b"r", third=False, more=4) == {
        "first": 1,
        "second": 2.0,
        "rest": [b"r"],
        "third": False,
        "more": {"more": 4},
    }
    assert parameters.old_style(3) == 2
    assert parameters.awkward("n", 1, 2, "t", 3) == "n 1 2 t 3"
    assert parameters.typed_like_its_name(1) == "1 RED"
    assert parameters.sorts(1, 2, a="b") == 4


def test_defaults(use: Use[SignaturesManager]) -> None:
    """A default is the same whether the client or the server writes it."""
    defaults = use(SignaturesManager).defaults()
    assert defaults.constants() == repr(
        ("a\"b'\n\\", b"\x00\xff", -1, 1e-3, False, (1, "one"), (), None, "red")
    )
    assert defaults.names() == "10 20 BLUE 1.0 2020-01-01 inf"
    assert defaults.names(3, point=Point(5)) == "3 20 BLUE 5 2020-01-01 inf"
    assert defaults.displays() == "[1, 10] {'limit': 10} {'a'}"
    assert defaults.private() == 5


def test_annotations(use: Use[SignaturesManager]) -> None:
    """Types under aliases, for checkers only, quoted or annotated are what they mean."""
    annotations = use(SignaturesManager).annotations()
    assert annotations.checked(Decimal(3), Fraction(1, 2)) == Decimal("1.5")
    assert annotations.quoted({"a": Color.RED}) == [Color.RED]
    assert annotations.annotated(2) == ["x", "x"]
    assert annotations.literal("]") == "']'"
    assert annotations.pairs([("a", 1)]) == {"a": 1}
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    assert annotations.moment(moment) == moment + dt.timedelta(hours=1)
    assert annotations.anything({"a": (1, {2})}) == {"a": (1, {2})}
    assert annotations.options({"speed": 3}) == {"speed": 3, "note": "done"}
    assert annotations.a_very_long_name_of_a_method_that_wraps({}, {"a": [(1, 2)]}) == {
        "a": {},
        "b": {"a": [(1, 2)]},
    }


def test_overloads_and_marks(use: Use[SignaturesManager]) -> None:
    """Overloads, streams and exceptions work behind their decorators."""
    signatures = use(SignaturesManager)
    overloads = signatures.overloads()
    assert (overloads.parse("1"), overloads.parse("x", strict=False)) == (1, None)
    with pytest.raises(ValueError, match="invalid literal"):
        overloads.parse("x")
    assert (overloads[1], overloads["1"]) == ("1", 1)
    marked = signatures.marked()
    assert marked.wait()
    assert list(marked.squares(5)) == [0, 1, 4, 9, 16]
    assert list(marked.words("a b")) == ["a", "b"]
    with pytest.raises(Unheard):
        marked.fail(0)
    with pytest.raises(Refused) as caught:
        marked.fail(-1)
    assert (caught.value.code, caught.value.args) == (-1, (-1, "negative"))
    assert not hasattr(marked, "unseen")


def test_fields(use: Use[SignaturesManager]) -> None:
    """Attributes are read and set at the server, and some cannot be set."""
    signatures = use(SignaturesManager)
    fields = signatures.fields(1, called="c", made=["m"])
    assert (fields.plain, fields.renamed, fields.converted, fields.made) == (1, "c", 1.5, ["m"])
    fields.plain = 4
    assert (fields.double, fields.either) == (8, "4")
    fields.either = 6
    assert fields.plain == 6
    fields.private += 1
    assert fields.private == 8
    assert fields.fixed == "fixed"
    for proxy, name in ((fields, "fixed"), (fields, "double"), (signatures.frozen(), "number")):
        with pytest.raises(AttributeError):
            setattr(proxy, name, 1)


# --- Names


def test_shadows(use: Use[ShadowsManager]) -> None:
    """Members named like builtins are members, and types named like members are types."""
    shadows = use(ShadowsManager)
    builtins = shadows.dict()
    assert builtins.set("a", 1) == {"a"}
    assert builtins.list() == [1]
    assert builtins.dict() == {"a": 1}
    assert (builtins.int("3"), builtins.str(3), builtins.type(3)) == (3, "3", "int")
    assert (builtins.object(), builtins.bool(), builtins.tuple(1, 2)) == (None, True, (1, 2))
    assert "a" in builtins
    others = shadows.list()
    others.value = 5
    assert (others.value, others.builtins, others.property) == (5, "builtins", 2)
    assert (others.typing(), list(others.collections())) == ([1], [1])
    assert others.golden() == others.Iterator(ShadowPage("golden"))
    assert (others.kinfolk(), others.overload(), others.Page()) == ("kinfolk", "overload", 3)
    day = dt.date(2020, 1, 1)
    assert shadows.str(day).shifted(1).date == day + dt.timedelta(1)
    assert shadows.set().Self().Self().count() == 2
    assert shadows.golden() != shadows.golden()


def test_names(use: Use[NamesManager]) -> None:
    """Equal names of two modules are two things, whatever they are called here."""
    names = use(NamesManager)
    manager = names.manager()
    pages = (left.Page(2), right.Page("2"))
    assert manager.pages(*pages) == pages
    assert manager.qualified(right.Page("abc")) == right.Outer.Inner(3)
    assert manager.relay(left.Proxy("h"), left.Table(2)) == left.Proxy("hh")
    assert manager.generic(Generic(1), [Generic(2)]) == [1, 2]
    assert manager.url("u") == "u"
    assert manager.strange(left.list.LONG) is left.list.LONG
    assert manager.strange() is left.list.SHORT
    with pytest.raises(right.TimeoutError, match="late"):
        manager.late()
    assert names.wächter().miß(Größe(2.0), maß=1.5) == Größe(3.0)
    assert names.proxy().swap(left.Page(1)) is None
    assert names.proxy().swap(left.Page(2)) == left.Page(1)


def test_two_managers_in_one_spec(use: Use[SecondManager]) -> None:
    """Each has its own objects."""
    assert use(SecondManager).manager().url("u") == "u"


# --- Classes


def test_operators(use: Use[OperatorsManager]) -> None:
    """Operators are those of the object."""
    operators = use(OperatorsManager)
    table = operators.table()
    assert not table
    table["a"] = 1
    table["b"] = 2
    assert (len(table), table["a"], "a" in table, 3 in table) == (2, 1, True, False)
    assert (list(table), list(reversed(table))) == (["a", "b"], ["b", "a"])
    assert table == operators.table()
    assert table != operators.other_table()
    assert table != object()
    assert table in [None, object(), table]
    del table["a"]
    with pytest.raises(KeyError):
        table["a"]
    with pytest.raises(TypeError, match="unhashable"):
        hash(table)


def test_arithmetic(use: Use[OperatorsManager]) -> None:
    """Results that are shared are proxies, in-place operators keep theirs, and some decline."""
    operators = use(OperatorsManager)
    three, four = operators.amount(3), operators.amount(4)
    assert three < four >= three <= four
    assert isinstance(three + 1, AmountProxy)
    assert [int(three + 1), int(1 + three), int(-three), abs(-three)] == [4, 4, -3, 3]
    assert (float(three), complex(three), ["a", "b", "c", "d"][three]) == (3.0, 3 + 0j, "d")
    assert (three @ [1, 2], divmod(three, 2), three**2, three(2, 1)) == ([3, 6], (1, 1), 9, 7)
    assert three - 1 == 2
    with pytest.raises(TypeError, match="unsupported operand"):
        three - 1.0
    total = before = operators.total(1)
    total += 2
    total |= 8
    assert total is before
    assert total.get() == 11
    with pytest.raises(TypeError, match="unsupported operand"):
        total -= -1


def test_contexts_and_iterators(use: Use[OperatorsManager]) -> None:
    """A proxy is a context manager or an iterator where its object is."""
    operators = use(OperatorsManager)
    with operators.door() as door:
        assert door == operators.door()
    with operators.door():
        raise KeyError
    with pytest.raises(RuntimeError), operators.door():
        raise RuntimeError
    assert operators.door().seen() == ["in", "out", "in", "KeyError", "in", "RuntimeError"]
    countdown = operators.countdown(2)
    assert iter(countdown) == countdown
    assert next(countdown) == 1
    assert list(countdown) == [0]
    with pytest.raises(StopIteration):
        next(countdown)


def test_generics(use: Use[GenericsManager]) -> None:
    """Type arguments reach the members, through base classes as well."""
    generics = use(GenericsManager)
    numbers = generics.numbers()
    assert numbers.put(1) == 1
    assert (numbers.all(), list(numbers), numbers.first(), numbers.beside("x")) == (
        [1],
        [1],
        1,
        (1, "x"),
    )
    merged = numbers.merged(numbers)
    assert isinstance(merged, BoxProxy)
    assert merged.all() == [1, 1]
    assert numbers.total() == sum(numbers.all())
    names = generics.names()
    assert (names.first("none"), names.put("a"), names.name()) == ("none", 1, "words")
    labelled = generics.labelled()
    labelled.put(3)
    assert labelled.label("l") == ("l", [3])
    generics.pages().put({"a": [Sized(1), Bigger(2)]})
    assert generics.pages().all() == [{"a": [Sized(1), Bigger(2)]}]
    assert generics.best().offer(Bigger(2, "blue")) == Bigger(2, "blue")
    pair = generics.pair("k", 1)
    assert (pair.key, pair.value()) == ("k", 1)
    assert generics.words("w").name() == "w"


def test_inheritance(use: Use[ZooManager]) -> None:
    """Members come from every base, shared or not, and the nearest one counts."""
    zoo = use(ZooManager)
    # What takes a function runs here.
    assert zoo.dog().sung(str.upper) == "WUFF"
    assert zoo.puppy().sung(len) == 4
    assert (zoo.animal().twice(), zoo.dog().twice(), zoo.puppy().sound()) == (
        "......",
        "wuffwuff",
        "wuff",
    )
    puppy = zoo.puppy()
    assert (zoo.dog().legs, puppy.legs) == (4, 3)
    assert puppy.touch() == Stamp(1, 1.0)
    assert puppy.touch(dt.timedelta(minutes=1)) == Stamp(2, 60.0)
    assert puppy.fetch(Labelled(1, 2.0, "l")) == Labelled(1, 2.0, "l")
    assert puppy.label(Labelled(1, 2.0, "m")) == Labelled(1, 2.0, "m")
    assert (puppy.hold(b"a"), puppy.hold(b"b")) == (None, b"a")
    assert isinstance(puppy, DogProxy)
    assert isinstance(puppy.parent(), DogProxy)
    boat = zoo.boat("old", 2.0)
    assert (boat.rename("new"), boat.name, boat.length) == ("old", "new", 2.0)


def test_references(use: Use[ReferencesManager]) -> None:
    """Shared objects travel as proxies, alone and in containers, and back as themselves."""
    references = use(ReferencesManager)
    root = references.root()
    assert (root.label, root.parent) == (Label("root"), None)
    child = root.grow("child")
    assert isinstance(child, NodeProxy)
    assert root.children() == [child]
    other = references.node("other")
    assert root.add(other) == root
    assert root.holds(child, other)
    assert root.by_name() == {"child": child, "other": other}
    assert root.find("child") == child
    assert root.find("nobody") is None
    assert list(root.walk()) == [root, child, other]


def test_references_to_another_spec(use: Use[GuestsManager]) -> None:
    """A proxy of a base takes and returns objects of a class that only the other spec knows."""
    guests = use(GuestsManager)
    guest = guests.guest("me")
    tree = guests.tree()
    assert guest.visit(tree) == "me visits tree"
    invited = tree.invite(guest)
    assert isinstance(invited, GuestProxy)
    assert tree.guest() == guest
    assert guest.grow("child").label == Label("child")


def test_documentation(use: Use[DocumentedManager]) -> None:
    """What is documented oddly still works."""
    documented = use(DocumentedManager)
    quotes = documented.quotes()
    assert (quotes.ends(), quotes.several("x"), quotes.attribute) == ("quote", "x", 1)
    assert documented.bare().call() is None  # type: ignore[func-returns-value]
