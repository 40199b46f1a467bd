"""Every built-in type that waits: one of each for everybody, and new ones for each call."""

from __future__ import annotations

from kinfolk import factory, manager, singleton
from kinfolk.types import (
    Barrier,
    BoundedSemaphore,
    Condition,
    Event,
    JoinableQueue,
    LifoQueue,
    Lock,
    PriorityQueue,
    Queue,
    RLock,
    Semaphore,
    WorkQueue,
)


@manager
class Sharing:
    """What processes wait for each other with."""

    lock = singleton(Lock)
    rlock = singleton(RLock)
    semaphore = singleton(Semaphore, 2)
    event = singleton(Event)
    condition = singleton(Condition)
    locked_condition = singleton(Condition, lock)
    barrier = singleton(Barrier, 2)
    queue = singleton(Queue[int], 2)
    work = singleton(WorkQueue[int], max_attempts=2)

    new_lock = factory(Lock)
    new_rlock = factory(RLock)
    new_semaphore = factory(Semaphore)
    new_bounded_semaphore = factory(BoundedSemaphore)
    new_event = factory(Event)
    new_condition = factory(Condition)
    new_barrier = factory(Barrier)
    new_queue = factory(Queue[int])
    new_lifo_queue = factory(LifoQueue[int])
    new_priority_queue = factory(PriorityQueue[int])
    new_joinable_queue = factory(JoinableQueue[int])
    new_work_queue = factory(WorkQueue[int])
