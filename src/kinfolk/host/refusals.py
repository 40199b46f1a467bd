"""Exceptions, made ready for the caller."""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from kinfolk.host.places import is_inside, raised
from kinfolk.wire.codec import Codecs
from kinfolk.wire.failures import lower_failure
from kinfolk.wire.messages import Failure

__all__ = ["failure_of", "log_raised", "must_pass"]

_logger = logging.getLogger(__name__)

_set_traceback = vars(BaseException)["__traceback__"].__set__
_set_context = vars(BaseException)["__context__"].__set__


def failure_of(error: BaseException, codecs: Codecs) -> Failure:
    """Return what the caller is told of an exception; of its traceback only the user's frames."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        # The class of an exception may have its own idea of setting attributes.
        _set_traceback(each, _users_frames(each.__traceback__))
        if each.__suppress_context__:
            # What a refusal was raised from is part of the inside too.
            _set_context(each, None)
        cause = each.__cause__
        each = cause if cause is not None else each.__context__
    return lower_failure(error, codecs)


def log_raised(label: str, error: BaseException) -> None:
    """Log that a call has raised, and nothing of what the exception holds."""
    if _logger.isEnabledFor(logging.INFO):
        _logger.info("%s raised %s", label, raised(error))


def must_pass(error: BaseException) -> bool:
    """Return whether an exception is a Ctrl-C in this very thread, and no affair of the caller."""
    return (
        isinstance(error, KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
    )


def _users_frames(traceback: TracebackType | None) -> TracebackType | None:
    frames: list[TracebackType] = []
    while traceback is not None:
        if not is_inside(traceback):
            frames.append(traceback)
        traceback = traceback.tb_next
    found: TracebackType | None = None
    for each in reversed(frames):
        found = TracebackType(found, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return found
