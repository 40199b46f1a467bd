"""What can go wrong, one class for each thing the reader can do about it.

Every error derives from `KinfolkError` and from the builtin that fits, so code that knows
nothing of Kinfolk can handle it. Data sits in attributes, and every error pickles.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from typing import Any, Literal

import attrs

__all__ = [
    "AddressError",
    "AlreadyRunning",
    "ArgumentError",
    "AuthenticationFailed",
    "CallTimeout",
    "ConnectionClosed",
    "ConnectionLost",
    "Deadlock",
    "GenerateError",
    "HandshakeFailed",
    "KinfolkError",
    "LimitExceeded",
    "NoSuchMember",
    "NotRunning",
    "NotSupported",
    "ObjectGone",
    "Problem",
    "ProtocolError",
    "RemoteError",
    "ResultError",
    "SpecError",
    "SpecMismatch",
]

Executed = Literal["yes", "no", "unknown"]


class KinfolkError(Exception):
    """The base of every error that Kinfolk raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    cls: type[KinfolkError], args: tuple[object, ...], state: dict[str, object]
) -> KinfolkError:
    # Without __init__, whose parameters need not be the arguments of the exception.
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


# --- Specs and what is generated from them


@attrs.frozen(order=True)
class Problem:
    """One mistake in a spec: where it stands, what is wrong, and what to write instead."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class SpecError(KinfolkError, ValueError):
    """A spec cannot be used; `problems` holds every reason found, in the order of the source."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class GenerateError(KinfolkError, OSError):
    """A generated file could not be written, or stands where another file does."""


class SpecMismatch(KinfolkError, TypeError):
    """The two ends were generated from specs that do not fit each other."""


# --- Connections


class AddressError(KinfolkError, ValueError):
    """An address cannot be read, is too long, or lies where others could interfere."""


class AlreadyRunning(KinfolkError, OSError, multiprocessing.ProcessError):
    """Another server has the address, or the manager has started one already.

    The standard library's managers raise an OSError for the one, and a ProcessError for the other.
    """


class NotRunning(KinfolkError, ConnectionRefusedError, FileNotFoundError):
    """No server listens at the address.

    Its bases are what the standard library's managers raise then: the one of a port or a socket
    that nobody listens at, the other of a socket that is not there.
    """


class HandshakeFailed(KinfolkError, ConnectionError):
    """The peer was reached, and one of the two ends refused the other."""


class AuthenticationFailed(HandshakeFailed, multiprocessing.AuthenticationError, PermissionError):
    """The two ends do not hold the same key, or belong to different users."""


class ConnectionLost(KinfolkError, ConnectionResetError):
    """The connection broke from outside; the next call opens another.

    `executed` is "no" if the call never reached the server whole, and "unknown" if it may have run.
    """

    def __init__(self, message: str, executed: Executed = "unknown") -> None:
        super().__init__(message)
        self.executed: Executed = executed


class ConnectionClosed(KinfolkError, ConnectionError):
    """The manager was closed by this process; open a new one."""


class ProtocolError(KinfolkError, ConnectionError):
    """The peer sent what the protocol does not allow."""


class LimitExceeded(KinfolkError, ValueError):
    """Something is larger, deeper or more than a limit allows; the message gives both numbers."""


# --- Calls


class ArgumentError(KinfolkError, TypeError):
    """An argument does not fit the declared type, or the parameters of the method."""


class ResultError(KinfolkError, TypeError):
    """The object returned what its method does not declare."""


class NoSuchMember(KinfolkError, AttributeError):
    """The spec does not expose this name."""


class ObjectGone(KinfolkError, ReferenceError):
    """The object no longer lives at the server, or never did."""


class MessageTooLong(LimitExceeded):
    """A message is longer than the other end takes; it was not sent."""


class CallTimeout(KinfolkError, TimeoutError):
    """The deadline passed.

    `executed` is "no" if the method did not run, and never will; "yes" if it has begun, which is
    not undone; "unknown" if the server could not be asked in time.
    """

    def __init__(self, message: str, executed: Executed = "unknown") -> None:
        super().__init__(message)
        self.executed: Executed = executed


class Deadlock(KinfolkError, RuntimeError):
    """Two chains of calls each wait for an object whose turn the other one has."""


class RemoteError(KinfolkError, RuntimeError):
    """An exception whose class the spec does not know was raised at the server.

    `class_name` is its qualified class name, `message` its text, and `traceback` the
    server's traceback, all as text.
    """

    def __init__(self, class_name: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{class_name}: {message}" if message else class_name)
        self.class_name = class_name
        self.message = message
        self.traceback = traceback


class NotSupported(KinfolkError, NotImplementedError):
    """This serializer, platform or kind of object cannot do what was asked."""
