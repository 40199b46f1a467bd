"""Exceptions of built-in shared types that the oldest Python of ours does not have."""

from __future__ import annotations

import queue
import sys
from typing import TYPE_CHECKING

from kinfolk.errors import KinfolkError

__all__ = ["ShutDown"]

if TYPE_CHECKING or sys.version_info < (3, 13):
    _ShutDown = Exception
else:
    _ShutDown = queue.ShutDown


class ShutDown(KinfolkError, _ShutDown):
    """The queue was shut down; from Python 3.13 on it is a `queue.ShutDown`."""
