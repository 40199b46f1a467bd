"""Exceptions, made ready for the caller."""

from __future__ import annotations

import threading
from types import TracebackType

from kinfolk.wire.codec import Codecs
from kinfolk.wire.failures import lower_failure
from kinfolk.wire.messages import Failure

__all__ = ["failure_of", "must_pass"]

# What happens in these modules is no concern of the caller's.
_INSIDE = ("kinfolk.host.", "kinfolk.wire.")


def failure_of(error: BaseException, codecs: Codecs) -> Failure:
    """Return what the caller is told of an exception; of its traceback only the user's frames."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        each.__traceback__ = _users_frames(each.__traceback__)
        if each.__suppress_context__:
            # What a refusal was raised from is part of the inside too.
            each.__context__ = None
        cause = each.__cause__
        each = cause if cause is not None else each.__context__
    return lower_failure(error, codecs)


def must_pass(error: BaseException) -> bool:
    """Return whether an exception is a Ctrl-C in this very thread, and no affair of the caller."""
    return (
        isinstance(error, KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
    )


def _users_frames(traceback: TracebackType | None) -> TracebackType | None:
    frames: list[TracebackType] = []
    while traceback is not None:
        if not str(traceback.tb_frame.f_globals.get("__name__")).startswith(_INSIDE):
            frames.append(traceback)
        traceback = traceback.tb_next
    found: TracebackType | None = None
    for each in reversed(frames):
        found = TracebackType(found, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return found
