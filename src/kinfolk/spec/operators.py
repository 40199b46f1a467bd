"""Which methods with two underscores on each side can be remote."""

from __future__ import annotations

from typing import Final, Literal

from kinfolk.wire.members import DYNAMIC

__all__ = ["STREAMED", "role"]

_ARITHMETIC: Final = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"),
    *("lshift", "rshift", "and", "or", "xor"),
)

_REMOTE: Final = frozenset(
    f"__{name}__"
    for name in (
        *("len", "getitem", "setitem", "delitem", "contains", "iter", "reversed", "next"),
        *("eq", "ne", "lt", "le", "gt", "ge", "call", "enter", "exit"),
        *("bool", "int", "float", "index", "complex", "neg", "pos", "abs", "invert", "str"),
        *(prefix + name for name in _ARITHMETIC for prefix in ("", "r", "i")),
    )
) - {"__idivmod__"}

_LOCAL: Final = frozenset(
    f"__{name}__"
    for name in (
        *("init", "new", "post_init", "attrs_init", "attrs_pre_init", "attrs_post_init", "del"),
        *("repr", "hash", "format", "sizeof", "dir", "length_hint", "rich_repr"),
        *("init_subclass", "class_getitem", "subclasshook", "instancecheck", "subclasscheck"),
        *("reduce", "reduce_ex", "getstate", "setstate", "getnewargs", "getnewargs_ex"),
        *("copy", "deepcopy", "replace", "missing", "set_name", "prepare", "mro_entries"),
    )
)

STREAMED: Final = frozenset({"__iter__", "__reversed__"})
"""Operators whose items are read ahead, since a loop over a container consumes nothing."""


def role(name: str, *, dynamic: bool = False) -> Literal["remote", "local", "neither"]:
    """Tell what becomes of an operator that a shared class defines.

    A remote one is called through proxies, a local one works on the object at the server only,
    and any other would make a proxy behave in ways that cannot work. `dynamic` says that clients
    reach attributes of any name.
    """
    if name in _REMOTE or (dynamic and name in DYNAMIC):
        return "remote"
    return "local" if name in _LOCAL else "neither"
