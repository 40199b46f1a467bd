"""The base of generated proxies, and the channel through which they call.

A proxy knows which object it stands for and asks its channel to call it. Whether that is a socket
or a host in this very process is not its business.
"""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.managers import BaseProxy
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Protocol

from kinfolk.callers import caller, caller_token
from kinfolk.counted import Mention, count
from kinfolk.deadlines import moments_more
from kinfolk.errors import (
    ArgumentError,
    ConnectionClosed,
    MessageTooLong,
    NoSuchMember,
    NotSupported,
    SpecMismatch,
)
from kinfolk.keeper import keeper
from kinfolk.signals import pass_on_what_handlers_raise, raised_by_handler
from kinfolk.unsettled import (
    Debt,
    Settling,
    attempt,
    is_over_with_its_session,
    raised_in_block,
    show_both,
)
from kinfolk.wire.shared import SharedType
from kinfolk.wire.unset import UNSET

if TYPE_CHECKING:
    from kinfolk.wire.members import Member, Members
    from kinfolk.wire.messages import Target
    from kinfolk.wire.table import ManagerType

__all__ = ["UNSET", "Channel", "Proxy"]


class Channel(Settling, Protocol):
    """What carries calls to the objects and their results back."""

    @property
    def offer(self) -> ManagerType:
        """What the manager at the other end offers."""
        ...

    @property
    def address(self) -> str:
        """Where the objects live, as a URL."""
        ...

    def call(self, target: Target, member: Member, arguments: Mapping[str, object]) -> Any:
        """Call a member and return its result: a value, a proxy, or an iterator for a stream.

        Arguments that are `UNSET` are left out. What the member raised is raised here.
        """
        ...

    def class_of(self, proxy_type: object) -> type[Proxy]:
        """Return the class of the proxies of a type.

        Raises:
            NotSupported: There are none.
        """
        ...

    @property
    def generation(self) -> int:
        """How many times the channel has begun to count references."""
        ...

    def claim(self, proxy: Proxy) -> None:
        """Count a proxy's reference, of an earlier generation or another process, in this one.

        Raises:
            ObjectGone: Its object lives no more.
        """
        ...

    def drop(self, target: int, generation: int) -> None:
        """Note that a reference is gone, which was counted in this generation."""
        ...

    def text(self, proxy: Proxy) -> str:
        """Return what stands for an object in text: what it is, or where."""
        ...

    def value(self, proxy: Proxy) -> Any:
        """Return a copy of the very object.

        Raises:
            NotSupported: It does not leave its server.
        """
        ...

    def pickled(self, proxy: Proxy) -> tuple[Any, ...]:
        """Return what pickle makes a proxy of in another process, as `__reduce__` does.

        Raises:
            NotSupported: No other process reaches its object.
        """
        ...


# Where a call ends with one of these, it will never be carried out.
_NEVER: Final = (ArgumentError, ConnectionClosed, MessageTooLong, SpecMismatch)


class Proxy(BaseProxy):
    """Stands for one object of a server; the generated classes add its members.

    Two proxies of one object are equal. Names that start with an underscore belong to Kinfolk and
    to `multiprocessing.managers.BaseProxy`; no member of a shared class can have one.
    """

    _shared: ClassVar[SharedType]

    def __init__(
        self, channel: Channel, target: Target, members: Members, mention: Mention | None = None
    ) -> None:
        # BaseProxy.__init__ would open a connection, and count a reference through it.
        self._channel = channel
        self._target = target
        self._members = members
        # None for a singleton, whose references are not counted.
        self._mention = mention
        if mention is not None and isinstance(target, int):
            count(self, channel, target, mention)

    def _call(self, name: str, arguments: Mapping[str, object] | None = None) -> Any:
        channel, mention = self._channel, self._mention
        if mention is not None and mention.generation != channel.generation:
            channel.claim(self)
        return channel.call(self._target, self._members[name], arguments or {})

    def _give_back(self, name: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Call a member that gives something back, such as a lock.

        Whatever strikes in the middle of it, signals or a deadline, it is carried out once.
        """
        channel = self._channel
        unsettled = channel.unsettled
        # Displays, since a signal handler could run where anything is called.
        given: dict[str, object] = {**arguments} if arguments else {}
        attempts: list[int] = []
        token = caller.token  # until that of the task, if there is one, is known
        try:
            token = caller_token()
            with moments_more():
                target, member = self._counted(), self._members[name]
                value, raised = attempt(channel, target, member, given, attempts)
        except BaseException as error:
            debt: Debt = (self, name, given, attempts, token, [])
            unsettled.note(debt)
            never = isinstance(error, _NEVER) and not raised_by_handler(error)
            if not never:
                keeper.note(channel)  # it has a stack of its own, should this one be full
            block = raised_in_block(name, arguments)
            # Asked before, since to pay may end the connection that this is about.
            over = is_over_with_its_session(channel, error, block)
            if never:
                unsettled.drop(debt)
            else:
                unsettled.pay(channel, debt, error)
            if over:
                return None
            show_both(error, block)
            raise
        if raised is None or is_over_with_its_session(
            channel, raised, raised_in_block(name, arguments)
        ):
            return value
        try:
            raise raised
        finally:
            del raised  # or it lives in a circle with its traceback, and keeps the proxy

    def _counted(self) -> Target:
        """Return the target, for which this proxy counts as a reference now."""
        mention = self._mention
        if mention is not None and mention.generation != self._channel.generation:
            self._channel.claim(self)
        return self._target

    def _compare(self, name: str, arguments: Mapping[str, object]) -> Any:
        """Call `__eq__` or `__ne__`, which take any object: one that cannot travel is another."""
        try:
            return self._call(name, arguments)
        except ArgumentError as error:
            pass_on_what_handlers_raise(error)
            return NotImplemented

    def _call_dynamic(self, member: str, arguments: Mapping[str, object]) -> Any:
        """Call a member that reaches attributes by name: those of the proxy itself stay here."""
        name, *value = arguments.values()
        if isinstance(name, str) and (name.startswith("_") or hasattr(type(self), name)):
            if member == "__getattr__":
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", obj=self)
            return getattr(object, member)(self, name, *value)
        return self._call(member, arguments)

    def _callmethod(
        self, methodname: str, args: tuple[Any, ...] = (), kwds: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a member by name, as `multiprocessing.managers.BaseProxy` offers it."""
        if methodname not in self._members.names:
            owner = self._members.owner
            raise NoSuchMember(f"{owner} has no member {methodname!r} that the spec exposes")
        return getattr(self, methodname)(*args, **(kwds or {}))

    def _getvalue(self) -> Any:
        return self._channel.value(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._channel.pickled(self)

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise NotSupported(
            f"{self!r} cannot be copied, since its object stays at its server: use the proxy itself"
        )

    def __setattr__(self, name: str, value: Any, /) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            # It would stay here, and look as if it had gone to the object.
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", obj=self)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._target!r} at {self._channel.address}>"

    def __str__(self) -> str:
        return self._channel.text(self)

    def _show(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call `__str__`; when that fails, say so as `multiprocessing.managers.BaseProxy` does."""
        try:
            return str(self._call(name, arguments))
        except Exception as error:
            pass_on_what_handlers_raise(error)
            return f"{repr(self)[:-1]}; '{name}()' failed>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Proxy):
            return NotImplemented
        return self._target == other._target and self._channel is other._channel

    def __hash__(self) -> int:
        return hash((self._target, id(self._channel)))
