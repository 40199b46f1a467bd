"""What `multiprocessing.managers.SyncManager` offers, under its names.

Nobody knows what the values are, so they are of any type that travels as `Any`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from kinfolk import types
from kinfolk.declare import factory, manager, shared

__all__ = ["CodedArray", "CodedValue", "Standard"]

T = TypeVar("T")


@shared
class CodedValue(types.Value[T]):
    """A `Value` that is made with a type code, as there, which says nothing of its values.

    Args:
        typecode: Of the module `array`; or, where values are pickled, of `ctypes`.
        value: The first value.
        lock: Whether calls exclude each other, which they do in any case.
    """

    def __init__(self, typecode: Any, value: T, lock: bool = True) -> None:
        super().__init__(value)
        self._typecode = typecode

    def __str__(self) -> str:
        return f"Value({self._typecode!r}, {self._value!r})"


@shared
class CodedArray(types.Array[T]):
    """An `Array` that is made as there.

    Args:
        typecode: Of the module `array`.
        sequence: The numbers.
        lock: Whether calls exclude each other, which they do in any case.
    """

    def __init__(self, typecode: str, sequence: Iterable[T], lock: bool = True) -> None:
        super().__init__(typecode, sequence)


@manager(name="SyncManager")
class Standard:
    """Queues, locks, containers and values, each made anew."""

    Queue = factory(types.Queue[Any])
    JoinableQueue = factory(types.JoinableQueue[Any])
    Event = factory(types.Event)
    Lock = factory(types.Lock)
    RLock = factory(types.RLock)
    Semaphore = factory(types.Semaphore)
    BoundedSemaphore = factory(types.BoundedSemaphore)
    Condition = factory(types.Condition)
    Barrier = factory(types.Barrier)
    Value = factory(CodedValue[Any])
    Array = factory(CodedArray[Any])
    Namespace = factory(types.Namespace)
    list = factory(types.List[Any])
    dict = factory(types.Dict[Any, Any])
    set = factory(types.Set[Any])
