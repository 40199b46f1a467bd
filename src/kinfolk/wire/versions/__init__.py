"""Versions: which calls fit between two ends that were generated from different specs.

Two descriptions (see `kinfolk.wire.descriptions`) go in, and differences come out, which a channel
asks before it sends a call. No sockets and no running objects here.
"""

from kinfolk.wire.versions.comparison import compare
from kinfolk.wire.versions.differences import Difference, Differences

__all__ = ["Difference", "Differences", "compare"]
