"""The errors: each pickles, and fits the builtin that its reader may catch."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

import kinfolk
from kinfolk import errors

PLAIN = [
    cls
    for cls in vars(errors).values()
    if inspect.isclass(cls) and issubclass(cls, errors.KinfolkError) and "__init__" not in vars(cls)
]
WITH_DATA = [
    errors.SpecError([errors.Problem("b.py", 2, "second"), errors.Problem("a.py", 9, "first")]),
    errors.ConnectionLost("gone", executed="yes"),
    errors.CallTimeout("too late", executed="no"),
    errors.RemoteError("app.Oops", "it broke", "Traceback …"),
]
ALL = [*(cls("what, where, why") for cls in PLAIN), *WITH_DATA]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("travel", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_errors_travel_whole(error: errors.KinfolkError, travel: object) -> None:
    """A pickled or copied error keeps its class, message, attributes and notes."""
    error.add_note("a note")
    assert callable(travel)
    other = travel(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_every_error_is_public() -> None:
    """Every error class can be imported from the package itself."""
    assert {type(error).__name__ for error in ALL} <= set(kinfolk.__all__)


@pytest.mark.parametrize(
    ("ours", "builtin"),
    [
        (errors.ArgumentError, TypeError),
        (errors.AuthenticationFailed, PermissionError),
        (errors.CallTimeout, TimeoutError),
        (errors.ConnectionClosed, ConnectionError),
        (errors.ConnectionLost, ConnectionError),
        (errors.Deadlock, RuntimeError),
        (errors.GenerateError, OSError),
        (errors.LimitExceeded, ValueError),
        (errors.NoSuchMember, AttributeError),
        (errors.NotRunning, ConnectionRefusedError),
        (errors.NotRunning, FileNotFoundError),
        (errors.NotSupported, NotImplementedError),
        (errors.ObjectGone, ReferenceError),
        (errors.SpecError, ValueError),
        (errors.SpecMismatch, TypeError),
    ],
)
def test_errors_are_builtins_too(ours: type[Exception], builtin: type[Exception]) -> None:
    """Code that knows nothing of Kinfolk catches the builtin that fits."""
    assert issubclass(ours, builtin)


def test_problems_stand_in_the_order_of_the_source() -> None:
    """A `SpecError` lists its problems by file and line, whatever order they were found in."""
    assert str(WITH_DATA[0]) == "a.py:9: first\nb.py:2: second"
