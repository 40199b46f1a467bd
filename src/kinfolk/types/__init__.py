"""Shared types to use in specs: ordinary shared classes, declared in specs of their own."""

from kinfolk.types.containers_spec import Dict
from kinfolk.types.errors import ShutDown
from kinfolk.types.locks_spec import BoundedSemaphore, Lock, RLock, Semaphore
from kinfolk.types.meetings_spec import Barrier, Condition, Event
from kinfolk.types.queues_spec import JoinableQueue, LifoQueue, PriorityQueue, Queue
from kinfolk.types.values import Failure, Holder
from kinfolk.types.work_spec import Loan, WorkQueue

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Dict",
    "Event",
    "Failure",
    "Holder",
    "JoinableQueue",
    "LifoQueue",
    "Loan",
    "Lock",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Semaphore",
    "ShutDown",
    "WorkQueue",
]
