"""Exceptions on their way: which class they have on arrival, and what they hold."""

from __future__ import annotations

import builtins
import pickle
import subprocess
from collections.abc import Callable
from typing import Any, NoReturn

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kinfolk.errors
from kinfolk.errors import ArgumentError, CallTimeout, KinfolkError, RemoteError
from kinfolk.wire.codec import NO_REFERENCES, Codecs, Mismatch
from kinfolk.wire.failures import lift_failure, lower_failure
from kinfolk.wire.messages import Failure


@attrs.frozen
class Page:
    """A value that exceptions hold."""

    url: str


class OutOfStock(Exception):
    """An exception with a constructor and attributes of its own."""

    made = 0

    def __init__(self, item: str, left: int) -> None:
        type(self).made += 1
        super().__init__(f"{item}: {left} left")
        self.item = item
        self.left = left


class Sealed(Exception):
    """An exception that forbids to set anything, and has a slot."""

    __slots__ = ("seal",)

    def __init__(self, seal: str) -> None:
        object.__setattr__(self, "seal", seal)
        super().__init__()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(name)


@attrs.frozen
class Refused(Exception):
    """An attrs exception, slotted and frozen."""

    page: Page
    code: int = 5

    def __str__(self) -> str:
        return f"{self.page.url} was refused"


@attrs.define(slots=False)
class Late(TimeoutError):
    """An attrs exception with a __dict__, derived from an OSError."""

    seconds: float


class NotThere(FileNotFoundError):
    """An OSError of its own."""


class Silent(OSError):
    """An OSError whose constructor tells its base nothing."""

    def __init__(self, name: str) -> None:
        self.name = name


class Mixed(ValueError, OSError):
    """An exception with two builtin bases."""


class BadText(UnicodeDecodeError):
    """An exception that would crash the interpreter if its base were never initialised."""

    def __init__(self, name: str) -> None:
        self.name = name


class Unknown(Exception):
    """An exception that the codecs do not know."""


class Speechless(Exception):
    """An exception without a text."""

    def __str__(self) -> str:
        raise RuntimeError("no")


KNOWN = (OutOfStock, Sealed, Refused, Late, NotThere, Silent, Mixed, BadText, Speechless)
CODECS = Codecs(values=[Page], errors=KNOWN)


def caught(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return an exception as it is when it has been raised."""
    with pytest.raises(type(error)) as info:
        raise error from cause
    return info.value


def arrive(error: BaseException) -> Any:
    """Return what arrives for an exception, by way of its bytes."""
    message = msgspec.msgpack.encode(lower_failure(error, CODECS))
    return lift_failure(msgspec.msgpack.decode(message, type=Failure), CODECS)


def own_notes(error: BaseException) -> list[str]:
    """Return the notes that an exception had before it travelled."""
    return [note for note in error.__notes__ if not note.startswith("At the server:")]


# --- Classes that both ends know


BUILTINS = [
    ValueError("x", 2),
    KeyError("key"),
    Exception(),
    ZeroDivisionError("division by zero"),
    StopIteration(5),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    UnicodeEncodeError("ascii", "\xff", 0, 1, "not in range"),
    SyntaxError("bad", ("file.py", 3, 1, "x =")),
    ImportError("no", name="module"),
    UserWarning("careful"),
    MemoryError(),
]


@pytest.mark.parametrize("error", BUILTINS, ids=lambda error: type(error).__name__)
def test_builtin_exceptions_arrive_as_themselves(error: Exception) -> None:
    """A builtin exception arrives as its own class, with equal arguments and the same text."""
    arrived = arrive(caught(error))
    assert type(arrived) is type(error)
    assert arrived.args == error.args
    assert str(arrived) == str(error)


def test_every_builtin_exception_survives() -> None:
    """No builtin exception class breaks the way there or back."""
    for cls in list(vars(builtins).values()):
        if isinstance(cls, type) and issubclass(cls, Exception):
            error = cls.__new__(cls, "x", [ValueError()])
            assert isinstance(arrive(error), cls)


def test_os_errors_keep_their_fields() -> None:
    """errno, strerror and both file names arrive, and the text is the same."""
    for error in (
        FileNotFoundError(2, "No such file or directory", "/x"),
        OSError(18, "Invalid cross-device link", "/x", None, "/y"),
        NotThere(2, "gone", "/x"),
        OSError("only a text"),
    ):
        arrived = arrive(error)
        assert type(arrived) is type(error)
        assert str(arrived) == str(error)
        for name in ("errno", "strerror", "filename", "filename2", "args"):
            assert getattr(arrived, name) == getattr(error, name)


def test_fields_of_other_builtins() -> None:
    """The fields of builtin exceptions that are no arguments arrive too."""
    assert arrive(StopIteration(5)).value == 5
    assert arrive(ImportError("no", name="a", path="b")).path == "b"
    assert arrive(NameError("no", name="x")).name == "x"
    error = arrive(AttributeError("no", name="x", obj=object()))
    assert (error.name, error.obj) == ("x", None)


def test_no_constructor_is_run() -> None:
    """An exception of the spec arrives with its attributes, and its __init__ is not called."""
    error = OutOfStock("nails", 2**70)
    made = OutOfStock.made
    arrived = arrive(caught(error))
    assert OutOfStock.made == made
    assert type(arrived) is OutOfStock
    assert (arrived.item, arrived.left, arrived.args) == ("nails", 2**70, error.args)


def test_exceptions_in_every_style() -> None:
    """Slots, frozen attrs classes and classes derived from an OSError arrive as themselves."""
    assert arrive(Sealed("s")).seal == "s"
    refused = arrive(caught(Refused(Page("x"))))
    assert (refused.page, refused.code, str(refused)) == (Page("x"), 5, "x was refused")
    late = arrive(Late(1.5))
    assert (type(late), late.seconds) == (Late, 1.5)
    assert arrive(Silent("x")).name == "x"
    assert arrive(Mixed(2, "both")).errno == 2
    assert str(arrive(BadText("x"))) == str(BadText("x"))


def test_kinfolks_errors_arrive_as_themselves() -> None:
    """Kinfolk's own errors are known, with their fields."""
    arrived = arrive(CallTimeout("too late", executed="yes"))
    assert (type(arrived), arrived.executed) == (CallTimeout, "yes")
    remote = arrive(RemoteError("a.B", "no", "Traceback ..."))
    assert (type(remote), remote.class_name, remote.traceback) == (
        RemoteError,
        "a.B",
        "Traceback ...",
    )
    known = [cls for cls in vars(kinfolk.errors).values() if isinstance(cls, type)]
    for cls in known:
        if issubclass(cls, KinfolkError):
            assert CODECS.errors[f"kinfolk.errors.{cls.__name__}"] is cls
    assert type(arrive(ArgumentError("x"))) is ArgumentError


def test_exceptions_in_arguments_and_groups() -> None:
    """Exceptions within exceptions arrive as themselves if all are known."""
    assert arrive(ValueError(KeyError("x"))).args[0].args == ("x",)
    group = ExceptionGroup("all", [ValueError(1), ExceptionGroup("inner", [Refused(Page("x"))])])
    arrived = arrive(caught(group))
    assert (type(arrived).__name__, arrived.message) == ("ExceptionGroup", "all")
    assert arrived.exceptions[1].exceptions[0].page == Page("x")
    stranger = arrive(caught(ExceptionGroup("all", [ValueError(1), Unknown("x")])))
    assert type(stranger) is RemoteError
    assert "Unknown: x" in stranger.traceback


# --- Others


def test_unknown_exceptions_become_remote_errors() -> None:
    """An exception of an unknown class arrives as a RemoteError, which says what it was."""
    arrived = arrive(caught(Unknown("what")))
    assert type(arrived) is RemoteError
    assert arrived.class_name == f"{__name__}.Unknown"
    assert arrived.message == "what"
    assert "raise error from cause" in arrived.traceback
    assert str(arrived) == f"{__name__}.Unknown: what"


def test_exceptions_that_hold_what_cannot_travel() -> None:
    """A known exception whose arguments or attributes cannot travel becomes a RemoteError."""
    held = ValueError("x")
    vars(held)["lock"] = object()
    for error in (ValueError(object()), held, OutOfStock("\ud800", 1), KeyError("\ud800")):
        assert type(arrive(error)) is RemoteError
    assert arrive(OutOfStock("\ud800", 1)).message == "\\ud800: 1 left"


@pytest.mark.parametrize("cls", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_server_cannot_end_its_clients(cls: type[BaseException]) -> None:
    """What would end the client's process or generator arrives as a RemoteError."""
    derived = type("Derived", (cls,), {})
    assert type(arrive(cls())) is RemoteError
    assert type(arrive(BaseExceptionGroup("all", [cls()]))) is RemoteError
    known = Codecs(errors=[derived])
    assert type(lift_failure(lower_failure(derived(), known), known)) is RemoteError


def test_exceptions_without_a_text() -> None:
    """An exception whose text cannot be had travels all the same."""
    failure = lower_failure(caught(Speechless()), CODECS)
    assert failure.message == "<its text cannot be had>"
    assert type(lift_failure(failure, CODECS)) is Speechless


def test_names_are_not_imported() -> None:
    """A class that a message names is not looked for."""
    for name in ("subprocess.CalledProcessError", "os.system", "builtins.ValueError", "int"):
        failure = Failure(name, "x", "", *([msgspec.Raw(b"\x90")] * 2))
        assert type(lift_failure(failure, CODECS)) is RemoteError
    assert type(arrive(subprocess.CalledProcessError(1, "x"))) is RemoteError


def test_exceptions_that_do_all_they_can() -> None:
    """An exception that fights back, or that never ends, cannot keep its news from arriving."""

    class Hostile(Exception):
        @property
        def args(self) -> Any:  # type: ignore[override]
            raise RuntimeError

    endless = ValueError("x")
    endless.args = (endless,)
    deep: Exception = ValueError("x")
    for _ in range(2_000):
        deep = ExceptionGroup("all", [deep])
    known = Codecs(errors=[Hostile])
    assert type(lift_failure(lower_failure(Hostile("x"), known), known)) is Hostile
    assert type(arrive(endless)) is ValueError
    assert type(arrive(caught(deep))) is RemoteError


# --- Tracebacks and notes


def test_the_traceback_is_a_note() -> None:
    """The server's traceback, with that of the cause, is the last note; notes there were stay."""
    error = ValueError("x")
    error.add_note("first")
    for known in (caught(error, KeyError("because")), caught(Unknown("x"), KeyError("because"))):
        known.__notes__ = ["first"]
        arrived = arrive(known)
        assert own_notes(arrived) == ["first"]
        assert arrived.__notes__[-1].startswith("At the server:\n\n")
        assert "KeyError: 'because'" in arrived.__notes__[-1]


def test_an_exception_that_was_never_raised_has_no_traceback() -> None:
    """Without a traceback there is no note."""
    assert not hasattr(arrive(ValueError("x")), "__notes__")


def test_odd_notes_are_dropped() -> None:
    """Notes that are no texts do not travel, and do not keep the others from it."""
    error = ValueError("x")
    vars(error)["__notes__"] = ["a", 5, "\ud800"]
    arrived = arrive(error)
    assert type(arrived) is RemoteError
    assert arrived.__notes__ == ["a", "\\ud800"]


def test_frozen_exceptions_get_the_note() -> None:
    """An exception that forbids to set attributes has the note nevertheless."""
    assert len(arrive(caught(Sealed("x"))).__notes__) == 1


# --- Messages made by others


def test_a_message_cannot_set_what_is_no_attribute() -> None:
    """State never reaches dunder attributes or runs the code of a property."""

    class Guarded(Exception):
        @property
        def size(self) -> int:
            return 1

        @size.setter
        def size(self, value: int) -> None:
            raise AssertionError("the setter was run")

    codecs = Codecs(errors=[Guarded])
    name = f"{Guarded.__module__}.{Guarded.__qualname__}"
    state = msgspec.msgpack.encode({"size": 5, "__class__": 5, "__cause__": 5, "seen": 1})
    failure = Failure(name, "x", "", msgspec.Raw(b"\x90"), msgspec.Raw(state))
    error: Any = lift_failure(failure, codecs)
    assert isinstance(error, Guarded)
    assert (error.size, vars(error), error.__cause__) == (1, {"size": 5, "seen": 1}, None)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(CODECS.errors)),
    st.binary(max_size=10) | st.sampled_from([b"\x90", b"\x92\x01\xa1x", b"\x80"]),
    st.binary(max_size=10) | st.sampled_from([b"\x80", b"\x81\xa5errno\xa1x", b"\x81\x01\x01"]),
)
def test_any_message_gives_an_exception(name: str, args: bytes, state: bytes) -> None:
    """Whatever a failure holds, an exception comes of it; a builtin one also has a text."""
    failure = Failure(name, "x", "", msgspec.Raw(args), msgspec.Raw(state))
    error = lift_failure(failure, CODECS)
    assert isinstance(error, BaseException)
    if type(error).__module__ == "builtins":
        assert isinstance(str(error) + repr(error), str)


# --- As values


def test_exceptions_as_values() -> None:
    """Exceptions and their classes travel as arguments and results, checked against the type."""

    def travel(declared: object, value: object) -> Any:
        codec = CODECS.codec(declared)
        return codec.decode(codec.encode(value, NO_REFERENCES), NO_REFERENCES)

    assert travel(BaseException | None, None) is None
    assert travel(BaseException | None, Refused(Page("x"))).page == Page("x")
    assert type(travel(Exception, Unknown("x"))) is RemoteError
    assert type(travel(OSError, NotThere(2, "x"))) is NotThere
    assert travel(Any, {"a": [KeyError("x")]})["a"][0].args == ("x",)
    assert travel(type[BaseException] | None, Refused) is Refused
    assert travel(type[BaseException] | None, Unknown) is RemoteError
    with pytest.raises(Mismatch, match=r"^must be OSError, not ValueError$"):
        travel(OSError, ValueError())
    with pytest.raises(Mismatch, match=r"^must be type\[BaseException\] \| None, not type$"):
        travel(type[BaseException] | None, int)


def test_what_arrived_can_be_pickled_and_raised() -> None:
    """An exception that arrived is an ordinary one."""
    error = arrive(caught(Unknown("x")))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    rebuilt: Callable[[], object] = lambda: arrive(caught(OutOfStock("x", 1)))  # noqa: E731
    with pytest.raises(OutOfStock, match="x: 1 left"):
        raise rebuilt()  # type: ignore[misc]
