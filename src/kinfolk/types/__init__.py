"""Shared types to use in specs: ordinary shared classes, declared in specs of their own."""

from kinfolk.types.containers_spec import Dict
from kinfolk.types.lists_spec import Deque, List
from kinfolk.types.locks_spec import RLock
from kinfolk.types.sets_spec import Set
from kinfolk.types.values_spec import Array, Namespace, Value

__all__ = ["Array", "Deque", "Dict", "List", "Namespace", "RLock", "Set", "Value"]
