"""Clients and servers made from two versions of a spec, each in a process of its own."""

from __future__ import annotations

import itertools
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from support.folders import short_folder
from support.programs import Program
from support.samples.manager import SampleManager

from kinfolk.client.versions import Versions
from kinfolk.errors import KinfolkError, LimitExceeded, ProtocolError
from kinfolk.wire.codec import Codecs
from kinfolk.wire.descriptions import Argument, Description, Function, describe_offer
from kinfolk.wire.failures import lower_failure
from kinfolk.wire.frames import encode
from kinfolk.wire.handshake import Identity
from kinfolk.wire.messages import Declined, Describe, Failed, Reply, Result

VERSIONS = Path(__file__).parents[1] / "support" / "versions"
NUMBERS = itertools.count()
UNTIL = 12.5
KEY = "a key for tests only"
REMEDY = "run `kinfolk generate town` for both, and restart them"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Make a folder with both versions of the spec, each under the same name in its own folder."""
    with short_folder() as path:
        (path / "key").write_text(KEY)
        (path / "key").chmod(0o600)
        for version in ("older", "newer"):
            (path / version).mkdir()
            shutil.copy(VERSIONS / f"{version}.py", path / version / "town.py")
            generate(path / version)
        (path / "documented").mkdir()
        text = (VERSIONS / "older.py").read_text()
        documented = text.replace("Answers with", "Is documented anew, and answers with")
        (path / "documented" / "town.py").write_text(documented)
        generate(path / "documented")
        yield path


def generate(folder: Path) -> None:
    """Run the generator."""
    with Program("-m", "kinfolk", "generate", "town", cwd=folder) as generator:
        assert generator.wait() == 0, generator.errors


@contextmanager
def serving(
    folder: Path, version: str, transport: str = "unix", url: str | None = None
) -> Iterator[str]:
    """Serve a version, at a URL of its own if none is given, and yield that."""
    own = "tcp://127.0.0.1:0" if transport == "tcp" else f"unix://{folder}/{next(NUMBERS)}"
    key = [] if transport == "unix" else ["--authkey-file", str(folder / "key")]
    arguments = ["-m", "kinfolk", "serve", "town", "--address", url or own, *key]
    with Program(*arguments, cwd=folder / version) as program:
        yield program.line().rpartition(" ")[2]
        program.signal(signal.SIGTERM)
        assert program.wait() == 0, program.errors


@attrs.frozen
class Client:
    """A client in a process of its own."""

    program: Program

    def ask(self, code: str) -> str:
        """Return what an expression is worth there, or the error that it raises."""
        self.program.tell(code)
        return self.program.line()

    def ask_of_the_next(self, code: str) -> str:
        """Do the same after a restart, which one call may notice by the loss of its connection."""
        answer = self.ask(code)
        return self.ask(code) if answer.startswith("ConnectionLost") else answer

    def refusal(self, code: str) -> str:
        """Return with which words a call is refused for the versions."""
        answer = self.ask(code)
        assert answer.startswith("SpecMismatch: "), answer
        assert answer.endswith(f": {REMEDY}")
        return answer.removeprefix("SpecMismatch: ").removesuffix(f": {REMEDY}")


@contextmanager
def client(folder: Path, version: str, url: str, key: str = "") -> Iterator[Client]:
    """Run a client of a version."""
    with Program("-m", "support.versions.client", url, key, cwd=folder / version) as program:
        program.expect("connected")
        yield Client(program)


@pytest.fixture(scope="module")
def newer(folder: Path) -> Iterator[Client]:
    """A newer client of an older server."""
    with serving(folder, "older") as url, client(folder, "newer", url) as found:
        yield found


@pytest.fixture(scope="module")
def older(folder: Path) -> Iterator[Client]:
    """An older client of a newer server."""
    with serving(folder, "newer", "tcp") as url, client(folder, "older", url, KEY) as found:
        yield found


# --- A newer client of an older server


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("town.same(3)", "3"),
        ("town.push('x')", "'old x'"),
        ("town.push('x', priority=0)", "'old x'"),
        ("town.loses(1)", "'old 1 0'"),
        ("town.loses_rest(1)", "'old 1 () {}'"),
        ("town.retyped_default()", "'old 1'"),
        ("town.needs(['a'])", "\"old ['a']\""),
        ("town.page()", "Page(url='old', status=200)"),
        ("[page.status for page in town.pages()]", "[200, 200]"),
        ("town.color()", "<Color.RED: 1>"),
        ("town.friend(town) == town", "True"),
        ("setattr(town, 'motto', 'up') or town.motto", "'up'"),
        ("towns.found().same(4)", "4"),
        ("towns.found(motto='x').motto", "'x'"),
    ],
)
def test_a_newer_client_makes_the_calls_that_fit(newer: Client, code: str, answer: str) -> None:
    """What was added with a default may stay away, and what can be read is taken."""
    assert newer.ask(code) == answer


@pytest.mark.parametrize(
    ("code", "head", "mine", "theirs"),
    [
        (
            "town.push('x', priority=2)",
            "Town.push: argument 'priority' does not fit the server",
            "calls push(url: str, *, priority: int = ...) -> str",
            "push(url: str) -> str",
        ),
        (
            "town.loses_first(2)",
            "Town.loses_first differs at the server",
            "calls loses_first(b: int) -> str",
            "loses_first(a: int, b: int) -> str",
        ),
        (
            "town.retyped('x')",
            "Town.retyped differs at the server",
            "calls retyped(count: str) -> str",
            "retyped(count: int) -> str",
        ),
        (
            "town.retyped_default('x')",
            "Town.retyped_default: argument 'count' does not fit the server",
            "calls retyped_default(count: str = ...) -> str",
            "retyped_default(count: int = ...) -> str",
        ),
        (
            "town.returns()",
            "Town.returns differs at the server",
            "calls returns() -> str",
            "returns() -> int",
        ),
        (
            "town.take_page(Page('u'))",
            "Town.take_page differs at the server",
            "calls take_page(page: Page) -> str with Page(url: str, status: int = ...)",
            "take_page(page: Page) -> str with Page(url: str)",
        ),
        (
            "town.parcel()",
            "Town.parcel differs at the server",
            "calls parcel() -> Parcel with Parcel(name: str, weight: int)",
            "parcel() -> Parcel with Parcel(name: str)",
        ),
        (
            "town.take_parcels(None)",
            "Town.take_parcels differs at the server",
            "calls take_parcels(stack: Stack | None) -> str with Parcel(name: str, weight: int)",
            "take_parcels(stack: Stack | None) -> str with Parcel(name: str)",
        ),
        (
            "town.take_color(Color.RED)",
            "Town.take_color differs at the server",
            "calls take_color(color: Color) -> str with Enum Color(GREEN, RED, BLUE)",
            "take_color(color: Color) -> str with Enum Color(RED, BLUE)",
        ),
        (
            "town.pick({})",
            "Town.pick differs at the server",
            "calls pick(it: Options) -> str with TypedDict Options(size: int = ..., on: int = ...)",
            "pick(it: Options) -> str with TypedDict Options(size: int = ...)",
        ),
        (
            "town.streams()",
            "Town.streams differs at the server",
            "calls streams() -> list[int]",
            "streams() -> Iterator[int]",
        ),
        (
            "town.added()",
            "Town.added differs at the server",
            "calls added() -> str",
            "none",
        ),
        (
            "town.mayor",
            "Town.mayor differs at the server",
            "calls mayor() -> int",
            "mayor() -> str",
        ),
        (
            "setattr(town, 'mayor', 3)",
            "Town.mayor differs at the server",
            "calls mayor(value: int) -> None",
            "mayor(value: str) -> None",
        ),
        (
            "towns.found(mayor=3)",
            "Towns.found: argument 'mayor' does not fit the server",
            "calls found(motto: str = ..., mayor: int = ...) -> Town",
            "found(mayor: str = ..., motto: str = ...) -> Town",
        ),
        (
            "towns.built()",
            "Towns.built differs at the server",
            "calls built(motto: str = ..., mayor: int = ...) -> Town",
            "none",
        ),
        (
            "towns.opened()",
            "Towns.opened differs at the server",
            "takes it for RLock",
            "none",
        ),
        (
            "towns.numbers()",
            "Towns.numbers differs at the server",
            "takes it for Dict[str, str]",
            "Dict[str, int]",
        ),
        (
            "towns.parcels()",
            "Towns.parcels differs at the server",
            "takes it for Dict[str, Parcel] with Parcel(name: str, weight: int)",
            "Dict[str, Parcel] with Parcel(name: str)",
        ),
    ],
)
def test_a_newer_client_is_told_of_the_calls_that_do_not_fit(
    newer: Client, code: str, head: str, mine: str, theirs: str
) -> None:
    """The error says what both ends have, and the next call works."""
    assert newer.refusal(code) == f"{head}: this end {mine}, the server has {theirs}"
    assert newer.ask("town.same(1)") == "1"


# --- An older client of a newer server


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("town.same(3)", "3"),
        ("town.push('x')", "'new x 0'"),
        ("town.loses(1)", "'new 1'"),
        ("town.loses(1, 0)", "'new 1'"),
        ("town.loses_rest(1)", "'new 1'"),
        ("town.retyped_default()", "'new one'"),
        ("town.needs(['a'])", "\"new ['a']\""),
        ("town.take_page(Page('u'))", "'new u 200'"),
        ("town.take_color(Color.BLUE)", "'new BLUE'"),
        ("town.pick({'size': 1})", "\"new {'size': 1}\""),
        ("town.friend(town) == town", "True"),
        ("town.motto", "'new'"),
        ("towns.found().same(4)", "4"),
    ],
)
def test_an_older_client_makes_the_calls_that_fit(older: Client, code: str, answer: str) -> None:
    """What is new at the server does not concern those who do not know it."""
    assert older.ask(code) == answer


@pytest.mark.parametrize(
    ("code", "head", "mine", "theirs"),
    [
        (
            "town.loses(1, 2)",
            "Town.loses: argument 'b' does not fit the server",
            "calls loses(a: int, b: int = ...) -> str",
            "loses(a: int) -> str",
        ),
        (
            "town.loses_first(1, 2)",
            "Town.loses_first differs at the server",
            "calls loses_first(a: int, b: int) -> str",
            "loses_first(b: int) -> str",
        ),
        (
            "town.loses_rest(1, 2)",
            "Town.loses_rest: argument 'rest' does not fit the server",
            "calls loses_rest(a: int, *rest: int, **more: int) -> str",
            "loses_rest(a: int) -> str",
        ),
        (
            "town.loses_rest(1, x=2)",
            "Town.loses_rest: argument 'more' does not fit the server",
            "calls loses_rest(a: int, *rest: int, **more: int) -> str",
            "loses_rest(a: int) -> str",
        ),
        (
            "town.needs()",
            "Town.needs: the server needs argument 'words'",
            "calls needs(words: list[str] = ...) -> str",
            "needs(words: list[str]) -> str",
        ),
        (
            "town.page()",
            "Town.page differs at the server",
            "calls page() -> Page with Page(url: str)",
            "page() -> Page with Page(url: str, status: int = ...)",
        ),
        (
            "town.pages()",
            "Town.pages differs at the server",
            "calls pages() -> Iterator[Page] with Page(url: str)",
            "pages() -> Iterator[Page] with Page(url: str, status: int = ...)",
        ),
        (
            "town.color()",
            "Town.color differs at the server",
            "calls color() -> Color with Enum Color(RED, BLUE)",
            "color() -> Color with Enum Color(GREEN, RED, BLUE)",
        ),
        (
            "town.removed()",
            "Town.removed differs at the server",
            "calls removed() -> str",
            "none",
        ),
        (
            "towns.closed()",
            "Towns.closed differs at the server",
            "takes it for Dict[str, int]",
            "none",
        ),
    ],
)
def test_an_older_client_is_told_of_the_calls_that_do_not_fit(
    older: Client, code: str, head: str, mine: str, theirs: str
) -> None:
    """The error says what both ends have, and the next call works."""
    assert older.refusal(code) == f"{head}: this end {mine}, the server has {theirs}"
    assert older.ask("town.same(1)") == "1"


# --- Servers that cannot be compared with


class FakeConnection:
    """Answers as the test says."""

    fingerprint = "another"

    def __init__(self, *answers: Reply) -> None:
        self.answers = list(answers)
        self.closed = False

    def exchange(self, frames: bytes | bytearray, call: int, until: float) -> Reply:
        """Take the next answer."""
        assert frames == encode(Describe(call))
        assert until == UNTIL
        return self.answers.pop(0)

    def close(self) -> None:
        """Note it."""
        self.closed = True


def versions() -> Versions:
    """Return what a client knows that has met nobody yet."""
    return Versions(SampleManager._offer, Identity.of(SampleManager._offer))


def described(description: object) -> Result:
    """Return a server's answer."""
    return Result(0, msgspec.Raw(msgspec.msgpack.encode(description)))


NONSENSE = Description(
    {"support.samples.spec.Frontier": {"push": Function((Argument("1", 1, "", True),), "", False)}},
    {},
    {},
    {},
)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (described(None), ProtocolError),
        (described(Description({}, {"job": "no function"}, {}, {})), ProtocolError),  # type: ignore[dict-item]
        (described(NONSENSE), ProtocolError),
        (Declined(0), ProtocolError),
        (Failed(0, lower_failure(LimitExceeded("too long"), Codecs())), LimitExceeded),
    ],
)
def test_a_server_that_does_not_describe_itself(answer: Reply, error: type[KinfolkError]) -> None:
    """The connection is closed, and nothing is concluded from it."""
    connection: Any = FakeConnection(answer, described(describe_offer(SampleManager._offer)))
    met = versions()
    with pytest.raises(error):
        met.differences(connection, UNTIL)
    assert connection.closed
    assert met.differences(connection, UNTIL) is None


def test_each_version_is_asked_for_once() -> None:
    """Every later connection to the same version knows what the first has found out."""
    empty = described(Description({}, {}, {}, {}))
    connection: Any = FakeConnection(empty)
    met = versions()
    found = met.differences(connection, UNTIL)
    assert found
    assert met.differences(connection, UNTIL) is found


def test_a_different_fingerprint_without_a_difference() -> None:
    """Where all calls fit, they are not looked at any more."""
    connection: Any = FakeConnection(described(describe_offer(SampleManager._offer)))
    assert versions().differences(connection, UNTIL) is None
    assert not connection.closed


# --- Transports, restarts, and no difference at all


@pytest.mark.parametrize("transport", ["unix", "unix with a key", "tcp"])
def test_versions_are_compared_over_every_transport(folder: Path, transport: str) -> None:
    """With proofs and without, the client learns of which version the server is."""
    key = "" if transport == "unix" else KEY
    with (
        serving(folder, "older", transport) as url,
        client(folder, "newer", url, key) as found,
    ):
        assert found.ask("town.push('x')") == "'old x'"
        assert "argument 'priority'" in found.refusal("town.push('x', priority=2)")


def test_a_server_of_another_version_in_the_place_of_the_first(folder: Path) -> None:
    """The first call over a new connection is made for the new version, there and back again."""
    code = "town.push('x', priority=2)"
    with ExitStack() as stack:
        with serving(folder, "newer") as url:
            found = stack.enter_context(client(folder, "newer", url))
            assert found.ask(code) == "'new x 2'"
        with serving(folder, "older", url=url):
            assert "argument 'priority'" in found.ask_of_the_next(code)
            assert found.ask("town.push('x')") == "'old x'"
        with serving(folder, "newer", url=url):
            assert found.ask_of_the_next("town.added()") == "'new'"
            assert found.ask(code) == "'new x 2'"


def test_a_default_is_dropped_in_the_first_call_to_another_version_too(folder: Path) -> None:
    """A call that was made ready for the old server is made anew, and then sent once."""
    with ExitStack() as stack:
        with serving(folder, "newer") as url:
            found = stack.enter_context(client(folder, "newer", url))
            assert found.ask("town.push('x')") == "'new x 0'"
        with serving(folder, "older", url=url):
            assert found.ask_of_the_next("town.push('x')") == "'old x'"


def test_documentation_is_no_difference(folder: Path) -> None:
    """Nothing is asked of a server whose spec differs in its documentation alone."""
    with serving(folder, "documented") as url, client(folder, "older", url) as found:
        assert found.ask("len(towns._channel._versions._known)") == "1"
        assert found.ask("towns._channel._differences") == "None"
        assert found.ask("town.push('x')") == "'old x'"


# --- What was registered by hand

BY_HAND = """
import sys
from town_manager import TownsManager

TownsManager.register("scores", dict)
server = TownsManager(sys.argv[1]).get_server()
print("serving", flush=True)
server.serve_forever()
"""


@pytest.mark.parametrize(("ours", "theirs"), [("newer", "older"), ("older", "newer")])
def test_what_was_registered_by_hand_has_no_versions(folder: Path, ours: str, theirs: str) -> None:
    """It works beside a spec that differs."""
    url = f"unix://{folder}/{next(NUMBERS)}"
    with Program("-c", BY_HAND, url, cwd=folder / theirs) as server:
        server.expect("serving")
        with client(folder, ours, url) as found:
            found.refusal("town.mayor")
            assert found.ask("TownsManager.register('scores')") == "None"
            assert found.ask("towns.scores(ann=3).get('ann')") == "3"
