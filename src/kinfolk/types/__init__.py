"""Shared types to use in specs: ordinary shared classes, declared in specs of their own."""

from kinfolk.types.containers_spec import Dict
from kinfolk.types.errors import ShutDown
from kinfolk.types.lists_spec import Deque, List
from kinfolk.types.locks_spec import BoundedSemaphore, Lock, RLock, Semaphore
from kinfolk.types.meetings_spec import Barrier, Condition, Event
from kinfolk.types.queues_spec import JoinableQueue, LifoQueue, PriorityQueue, Queue
from kinfolk.types.sets_spec import Set
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
    "Namespace",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Semaphore",
    "Set",
    "ShutDown",
    "Value",
    "WorkQueue",
]
