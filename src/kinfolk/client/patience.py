"""Tries again, for servers that are away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from kinfolk.deadlines import end_of_block, end_of_wait
from kinfolk.errors import (
    AuthenticationFailed,
    CallTimeout,
    HandshakeFailed,
    KinfolkError,
    NotRunning,
)
from kinfolk.signals import raised_by_handler

__all__ = ["patiently"]

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.5

T = TypeVar("T")


def patiently(reach: Callable[[float], T], timeout: float) -> T:
    """Reach a server that may be away for a while, with pauses that grow between the tries.

    Args:
        reach: Tries it once, until a time by `time.monotonic`.
        timeout: For how many seconds to try; at the deadline of the block it ends all the same.

    Raises:
        CallTimeout: The deadline has passed.
        KinfolkError: What `reach` raises: at once where trying again would not help, else what was
            raised at last.
    """
    end, last, pause = end_of_block(), end_of_wait(timeout), _FIRST_PAUSE
    known: KinfolkError | None = None
    try:
        while True:
            hurried = last - time.monotonic() < _LONGEST_PAUSE
            try:
                return reach(last)
            except (NotRunning, HandshakeFailed) as error:
                if isinstance(error, AuthenticationFailed) or raised_by_handler(error):
                    raise
                known = error
            except CallTimeout as error:
                # A try for which there was too little time says less than the one before.
                if known is None or not hurried or raised_by_handler(error):
                    raise
            left = last - time.monotonic()
            if left < _FIRST_PAUSE:
                break
            # Shorter and shorter towards the end, so that no time goes by without a try.
            time.sleep(min(pause, left / 2))
            pause = min(2 * pause, _LONGEST_PAUSE)
        if last != end:
            raise known
        time.sleep(max(left, 0))
        raise CallTimeout(f"before the deadline, {known}", executed="no") from None
    finally:
        known = None  # This frame is in its traceback, and must not hold it in a circle.
