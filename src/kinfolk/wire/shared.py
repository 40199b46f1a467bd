"""Proxy classes as declared types: how a type names a shared class.

Apart from `references`, since every generated module imports this and few programs need the codec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_origin

import attrs

__all__ = ["SharedType", "shared_type"]


@attrs.frozen
class SharedType:
    """What a proxy class says beside its annotations, as its `_shared`.

    `name` is the module and qualified name of the shared class. `streams` are the members that
    return iterators, and how many items travel with one request.
    """

    name: str
    streams: Mapping[str, int] = attrs.field(factory=dict[str, int])


def shared_type(proxy_type: object) -> SharedType | None:
    """Return the `SharedType` of a proxy class or of a parametrised one, None for all else."""
    origin = get_origin(proxy_type) or proxy_type
    mark = vars(origin).get("_shared") if isinstance(origin, type) else None
    return mark if isinstance(mark, SharedType) else None
