"""What a host knows of one object, and of who refers to it; and the end of an object."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any, Final

import attrs

from kinfolk.host.operations import Operations
from kinfolk.host.places import raised
from kinfolk.host.timer import Alarm
from kinfolk.host.turns import Turn
from kinfolk.wire.messages import Target

__all__ = ["Holdings", "Hosted", "Loan", "close_if_unused"]

_logger = logging.getLogger(__name__)

# What `sys.getrefcount` says of an object that only its `Hosted` refers to.
_ALONE: Final = 2
_closing: Final = threading.Lock()


@attrs.define(eq=False)
class Loan:
    """References on their way from one session to another: how many to each object."""

    counts: dict[int, int]
    alarm: Alarm | None = None


@attrs.define(eq=False)
class Hosted:
    """An object that clients can call.

    `held` counts the references of all sessions to it, and `loans` are those that wait for a
    session to take them over. `gone` is set when the last one is.
    """

    obj: Any
    target: Target
    proxy_type: object
    operations: Operations
    turn: Turn | None = None
    held: int = 0
    loans: list[Loan] = attrs.field(factory=list[Loan])
    gone: bool = False
    closed: bool = False

    @property
    def closes(self) -> bool:
        """Whether it has been let go, and has a `close()` that nobody has called yet."""
        return self.gone and not self.closed and callable(getattr(self.obj, "close", None))


@attrs.define(eq=False)
class Holdings:
    """The references of one session: how many times each object was mentioned to it.

    `handmade` says whether any of them ever was to an object that was registered by hand.
    """

    limit: int
    counts: dict[int, int] = attrs.field(factory=dict[int, int])
    handmade: bool = False
    closed: bool = False


def close_if_unused(hosted: Hosted) -> None:
    """Close an object that has been let go, if it has `close()` and nothing here refers to it.

    It may live on, as a part of another or in a call that is under way; who ends that call asks
    again. Nobody can be told of what `close` raises.
    """
    with _closing:
        if hosted.closed or sys.getrefcount(hosted.obj) > _ALONE:
            return
        hosted.closed = True
    close = getattr(hosted.obj, "close", None)
    if not callable(close):
        return
    try:
        close()
    except BaseException as error:
        _logger.warning("%s.close raised %s", type(hosted.obj).__qualname__, raised(error))
