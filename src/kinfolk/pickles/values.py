"""Values as pickles: what becomes of shared objects and proxies among them, and of exceptions.

What is pickled here is what `multiprocessing` would pickle, and can be loaded by a program that has
no Kinfolk. Each end says itself what stands for its objects, and what such a thing becomes.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from importlib import import_module
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final, TypeAlias, cast

from kinfolk.errors import KinfolkError
from kinfolk.pickles.stdlib import Naming, auto_proxy, newobj, rebuild_proxy
from kinfolk.signals import pass_on_what_handlers_raise

__all__ = [
    "REBUILD",
    "Found",
    "Lower",
    "Pickler",
    "Reduced",
    "Unpickler",
    "dumps",
    "lift_error",
    "loads",
    "lower_error",
    "reduced_proxy",
]

Reduced: TypeAlias = tuple[Any, ...]
Lower: TypeAlias = Callable[[Any], Reduced | None]
"""Returns what stands for an object, as `__reduce__` does; None for one that is as it is."""

Found: TypeAlias = Mapping[tuple[str, str], Any]
"""What is found under a module and a name, in place of what is there."""

REBUILD: Final = (rebuild_proxy.__module__, rebuild_proxy.__name__)
"""The name under which every pickled proxy calls for itself."""

_KINFOLK: Final = "__kinfolk__"


class Pickler(ForkingPickler):
    """Writes values as pickles into a file in memory.

    Its `dump` raises what the classes of the values raise.
    """

    def __init__(self, lower: Lower) -> None:
        self.file: Final = io.BytesIO()
        super().__init__(self.file)
        self._lower = lower

    def reducer_override(self, obj: object) -> Any:
        """Return what stands for an object, if it is not as it is."""
        reduced = self._lower(obj)
        return NotImplemented if reduced is None else reduced


class Unpickler(pickle.Unpickler):
    """Reads the pickle that a peer has sent, which has proved to hold the key.

    Its `load` raises what the classes of the value raise.
    """

    def __init__(self, data: bytes, found: Found) -> None:
        super().__init__(io.BytesIO(data))
        self._found = found

    def find_class(self, module: str, name: str) -> Any:
        """Return what is found under a module and a name."""
        found = self._found.get((module, name))
        return super().find_class(module, name) if found is None else found


def dumps(value: object, lower: Lower) -> bytes:
    """Return a value as a pickle.

    Raises:
        Exception: It cannot be pickled; what its classes raise.
    """
    pickler = Pickler(lower)
    pickler.dump(value)
    return pickler.file.getvalue()


def loads(data: bytes, found: Found) -> Any:
    """Return the value of a pickle, from a peer that has proved to hold the key.

    Raises:
        Exception: It cannot be unpickled; what its classes raise.
    """
    return Unpickler(data, found).load()


def reduced_proxy(token: Naming, exposed: tuple[str, ...]) -> Reduced:
    """Return what becomes a proxy at the other end, of the names that are exposed."""
    return rebuild_proxy, (auto_proxy, token, "pickle", {"exposed": exposed})


# --- Exceptions


def lower_error(error: BaseException, traceback: str) -> Reduced:
    """Return what stands for an exception: its class, what it holds, and a note of its traceback.

    One of Kinfolk's own stands as what it derives from in the standard library, since not every
    client has Kinfolk; `lift_error` makes it what it was.

    Args:
        error: The exception.
        traceback: The server's traceback as text; empty for none.
    """
    reduced: Any = error.__reduce_ex__(pickle.DEFAULT_PROTOCOL)
    state: Any = reduced[2] if len(reduced) > 2 else None
    cls = type(error)
    if _is_own(cls):
        own = cls.__module__, cls.__name__, error.args, vars(error)
        standard = next(base for base in cls.__mro__ if not _is_own(base))
        reduced, state = (standard, (str(error),)), {_KINFOLK: own}
    elif cls.__reduce__ is BaseException.__reduce__:
        # Without running __init__, whose parameters need not be the arguments of the exception.
        reduced = newobj, (cls, *error.args)
    if traceback and isinstance(state, dict | None):
        notes = [*getattr(error, "__notes__", ()), f"At the server:\n\n{traceback.rstrip()}"]
        state = {**cast("dict[str, Any]", state or {}), "__notes__": notes}
    return (*reduced[:2], state, *reduced[3:])


def lift_error(error: BaseException) -> BaseException:
    """Return the exception that one which was received stands for."""
    own = vars(error).get(_KINFOLK)
    if own is None:
        return error
    module, name, args, state = own
    try:
        cls: type[BaseException] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as failed:
        pass_on_what_handlers_raise(failed)
        cls = KinfolkError  # the server is newer
    lifted = cls.__new__(cls, *args)
    lifted.args = args
    vars(lifted).update(state)
    notes = vars(error).get("__notes__")
    if notes:
        vars(lifted)["__notes__"] = notes
    return lifted


def _is_own(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "kinfolk"
