"""Shared types to use in specs: ordinary shared classes, declared in specs of their own.

Each is imported when it is first asked for. A client's generated module mentions those of this
package, which need no spec.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kinfolk.types.containers_spec import Dict
    from kinfolk.types.errors import ShutDown
    from kinfolk.types.lists_spec import Deque, List
    from kinfolk.types.locks_spec import BoundedSemaphore, Lock, RLock, Semaphore
    from kinfolk.types.meetings_spec import Barrier, Condition, Event
    from kinfolk.types.queues_spec import JoinableQueue, LifoQueue, PriorityQueue, Queue
    from kinfolk.types.sets_spec import Set
    from kinfolk.types.sync import Manager, SyncManager
    from kinfolk.types.values import Failure, Holder
    from kinfolk.types.values_spec import Array, Namespace, Value
    from kinfolk.types.work_spec import Loan, WorkQueue

__all__ = [
    "Array",
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Deque",
    "Dict",
    "Event",
    "Failure",
    "Holder",
    "JoinableQueue",
    "LifoQueue",
    "List",
    "Loan",
    "Lock",
    "Manager",
    "Namespace",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Semaphore",
    "Set",
    "ShutDown",
    "SyncManager",
    "Value",
    "WorkQueue",
]

_MODULES: Final = {
    "containers_spec": ("Dict",),
    "errors": ("ShutDown",),
    "lists_spec": ("Deque", "List"),
    "locks_spec": ("BoundedSemaphore", "Lock", "RLock", "Semaphore"),
    "meetings_spec": ("Barrier", "Condition", "Event"),
    "queues_spec": ("JoinableQueue", "LifoQueue", "PriorityQueue", "Queue"),
    "sets_spec": ("Set",),
    "sync": ("Manager", "SyncManager"),
    "values": ("Failure", "Holder"),
    "values_spec": ("Array", "Namespace", "Value"),
    "work_spec": ("Loan", "WorkQueue"),
}
_HOMES: Final = {name: module for module, names in _MODULES.items() for name in names}

# A checker would take any name for one that this knows.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
