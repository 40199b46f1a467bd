"""What each member of a proxy does to the object that it stands for.

Members are found in the wire table only: a name that it does not have is refused, whatever the
object may have under that name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from types import FunctionType
from typing import Any, Final, TypeAlias

import attrs

from kinfolk.errors import KinfolkError, NoSuchMember, ResultError
from kinfolk.host.instrument import without_turns
from kinfolk.host.waiters import deferred_of
from kinfolk.wire.members import DYNAMIC, GIVING_BACK, Member, Members
from kinfolk.wire.narrowing import origin_of
from kinfolk.wire.shared import shared_type

__all__ = ["Operation", "Operations", "Run"]

Run: TypeAlias = Callable[[Any, list[object], dict[str, object]], Any]

_IN_PLACE: Final = frozenset(
    f"__i{name}__"
    for name in (
        *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow"),
        *("lshift", "rshift", "and", "xor", "or"),
    )
)


@attrs.frozen(eq=False)
class Operation:
    """A member, and how to carry it out: `run(obj, positional, keyword)`.

    `operator` says that it may return `NotImplemented`, and `gives_back` that it is one of
    `GIVING_BACK`. Of the classes in `plain` are results that can be sent as they are.
    """

    member: Member
    label: str
    run: Run
    operator: bool = False
    gives_back: bool = False
    plain: frozenset[type] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        result = self.member.result
        object.__setattr__(self, "plain", frozenset() if result is None else result.plain)


class Operations(dict[str, Operation]):
    """The operations of one class, each made when it is first asked for."""

    def __init__(
        self, members: Members, maker: Callable[[str, str], Run], streams: Collection[str] = ()
    ) -> None:
        super().__init__()
        self._members = members
        self._maker = maker
        self.names = members.names
        self.streams = streams

    @classmethod
    def of_proxy(cls, proxy_type: object, members: Members) -> Operations:
        """Return what the members of a proxy type do to its objects."""
        origin = origin_of(proxy_type)
        marks = filter(None, map(shared_type, origin.__mro__))

        def maker(name: str, label: str) -> Run:
            return _run_of(origin, name, label)

        return cls(members, maker, frozenset(name for mark in marks for name in mark.streams))

    @classmethod
    def of_factories(
        cls, members: Members, factories: Mapping[str, Callable[..., Any]]
    ) -> Operations:
        """Return what the members of a manager do: make new objects."""

        def maker(name: str, _: str) -> Run:
            factory = factories[name]
            return lambda _obj, args, kwargs: factory(*args, **kwargs)

        return cls(members, maker)

    def __missing__(self, name: str) -> Operation:
        if name not in self.names:
            raise self.refused(name)
        member = self._members[name]
        run = self._maker(name, member.label)
        operation = Operation(member, member.label, run, _is_dunder(name), name in GIVING_BACK)
        return self.setdefault(name, operation)

    @property
    def owner(self) -> str:
        """The name of the class, for people."""
        return self._members.owner

    def refused(self, name: str) -> KinfolkError:
        """Return what a call of a name fails with that is no member."""
        return NoSuchMember(f"{self.owner} has no member {name[:100]!r} that the spec exposes")


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _run_of(proxy_class: type, name: str, label: str) -> Run:
    if name.endswith("="):
        attribute = name.removesuffix("=")
        return lambda obj, args, _kwargs: setattr(obj, attribute, *args)
    if isinstance(inspect.getattr_static(proxy_class, name), property):
        return lambda obj, _args, _kwargs: getattr(obj, name)
    if name in _IN_PLACE:
        return _in_place(name, label)
    if name in DYNAMIC:
        return _dynamic(name, label)
    if _is_dunder(name):
        return _special_method(name)
    return _method(name)


def _method(name: str) -> Run:
    bare = _Bare(name)

    def run(obj: object, args: list[object], kwargs: dict[str, object]) -> Any:
        function = bare[type(obj)]
        if function is None:
            return getattr(obj, name)(*args, **kwargs)
        return function(obj, *args, **kwargs)

    return run


def _special_method(name: str) -> Run:
    bare = _Bare(name)

    def run(obj: object, args: list[object], kwargs: dict[str, object]) -> Any:
        cls = type(obj)
        # As Python does: what stands in the instance does not count.
        return (bare[cls] or getattr(cls, name))(obj, *args, **kwargs)

    return run


class _Bare(dict[type, Callable[..., Any] | None]):
    """The methods of one name as their authors wrote them, class by class; None for what is none.

    A call through the host has its turn already, and waits by itself. Looking it up takes longer.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, cls: type) -> Callable[..., Any] | None:
        found = inspect.getattr_static(cls, self._name, None)
        if not isinstance(found, FunctionType):
            return self.setdefault(cls, None)
        function = without_turns(found)
        return self.setdefault(cls, deferred_of(function) or function)


def _dynamic(name: str, label: str) -> Run:
    reach = _special_method(name)

    def run(obj: object, args: list[object], kwargs: dict[str, object]) -> Any:
        # Whatever a client has sent: its own end has looked at the name as well.
        wanted = args[0]
        if not isinstance(wanted, str) or wanted.startswith("_") or hasattr(type(obj), wanted):
            raise AttributeError(f"{label}: there is no attribute {wanted!r} for clients")
        return reach(obj, args, kwargs)

    return run


def _in_place(name: str, label: str) -> Run:
    operate = _special_method(name)

    def run(obj: Any, args: list[object], kwargs: dict[str, object]) -> Any:
        result = operate(obj, args, kwargs)
        if result is not obj and result is not NotImplemented:
            raise ResultError(f"{label} must return self, since the object stays where it is")
        return result

    return run
