"""Every shared container, of whole numbers and of each other."""

from __future__ import annotations

from decimal import Decimal

from kinfolk import factory, manager
from kinfolk.types import Array, Deque, Dict, List, Namespace, Set, Value


@manager
class Containers:
    """Containers, each made anew."""

    dict = factory(Dict[str, int])
    list = factory(List[int])
    deque = factory(Deque[int])
    set = factory(Set[int])
    value = factory(Value[int])
    real = factory(Value[float])
    text = factory(Value[str])
    flag = factory(Value[bool])
    exact = factory(Dict[str, Decimal])
    words = factory(Dict[str, str])
    array = factory(Array[int])
    namespace = factory(Namespace)
    lists = factory(Dict[str, List[int]])
    rows = factory(List[List[int]])
