"""Typed objects shared between Python processes that share no parent.

Declare shared classes in a spec module with the names below, run `kinfolk generate`, and call
the objects through the generated module. This package imports neither the generator nor the
command line.
"""

from kinfolk.deadlines import deadline
from kinfolk.declare import (
    blocking,
    factory,
    hidden,
    manager,
    raises,
    shared,
    singleton,
    stream,
)
from kinfolk.errors import (
    AddressError,
    AlreadyRunning,
    ArgumentError,
    AuthenticationFailed,
    CallTimeout,
    ConnectionClosed,
    ConnectionLost,
    Deadlock,
    GenerateError,
    HandshakeFailed,
    KinfolkError,
    LimitExceeded,
    MessageTooLong,
    NoSuchMember,
    NotRunning,
    NotSupported,
    ObjectGone,
    Problem,
    ProtocolError,
    RemoteError,
    ResultError,
    SpecError,
    SpecMismatch,
)
from kinfolk.limits import Limits

__version__ = "0.1.0.dev0"

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
    "Limits",
    "MessageTooLong",
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
    "blocking",
    "deadline",
    "factory",
    "hidden",
    "manager",
    "raises",
    "shared",
    "singleton",
    "stream",
]
