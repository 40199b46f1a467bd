"""Exceptions on the wire: one raised at the server is raised again at the caller.

It is of its own class there if both ends know that class, with the server's traceback as a note;
otherwise it is a `RemoteError`, which holds the same in fields.
"""

from __future__ import annotations

import traceback
from typing import Any

from kinfolk.wire.codec import NO_REFERENCES, Codecs
from kinfolk.wire.codec.exceptions import lift_error, lower_error
from kinfolk.wire.messages import Failure

__all__ = ["lift_failure", "lower_failure"]


def lower_failure(error: BaseException, codecs: Codecs) -> Failure:
    """Return what stands for an exception in a message. Never raises, whatever the exception is."""
    anything = codecs.codec(Any)
    return lower_error(
        error,
        codecs.errors,
        lambda value: anything.encode(value, NO_REFERENCES),
        traceback=_traceback(error),
    )


def lift_failure(failure: Failure, codecs: Codecs) -> BaseException:
    """Return the exception that a message stands for. Runs no code of its class."""
    anything = codecs.codec(Any)
    error = lift_error(failure, codecs.errors, lambda data: anything.decode(data, NO_REFERENCES))
    if failure.traceback:
        # Not by `add_note`, which a class can override or forbid.
        notes: list[str] = vars(error).setdefault("__notes__", [])
        notes.append(f"At the server:\n\n{failure.traceback.rstrip()}")
    return error


def _traceback(error: BaseException) -> str:
    """Return the traceback as Python prints it; empty for an exception that was never raised."""
    if not (error.__traceback__ or error.__cause__ or error.__context__):
        return ""
    try:
        lines = traceback.format_exception(error)
    except Exception:
        return ""
    return "".join(lines).encode(errors="backslashreplace").decode()
