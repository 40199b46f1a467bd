"""Proxies of what was registered by hand: as the standard library makes them, by our own channel.

Such a proxy is of the class that was registered as its `proxytype`, and calls by name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from multiprocessing import managers
from multiprocessing.managers import BaseProxy
from typing import Any, Final, NoReturn, cast

from kinfolk.errors import ArgumentError, NoSuchMember, NotSupported, ResultError
from kinfolk.proxy import Proxy
from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.by_hand import GET_VALUE, HandType, Registry, not_registered
from kinfolk.wire.members import GIVING_BACK
from kinfolk.wire.shared import SharedType

__all__ = ["HandProxy", "check_proxytype", "class_by_hand"]

_managers: Final[Any] = managers  # of which type checkers do not know all

_CONNECTING: Final = ("__init__", "__new__", "__reduce__", "_connect", "_incref", "_after_fork")
_STATE: Final = frozenset(
    {
        *("_token", "_id", "_tls", "_idset", "_serializer", "_Client", "_authkey", "_manager"),
        *("_owned_by_manager", "_close"),
    }
)
"""What proxies of the standard library have for their connections, and these do not."""

_EVERYWHERE: Final = frozenset({"__lt__", "__le__", "__gt__", "__ge__", "__str__", "__repr__"})
"""What every object has, and what is exposed takes the place of."""


class HandProxy(Proxy):
    """Stands for an object that was registered by hand."""

    _exposed_: tuple[str, ...] = ()

    @property
    def _typeid(self) -> str:
        return self._members.owner

    def _callmethod(
        self, methodname: str, args: tuple[Any, ...] = (), kwds: Mapping[str, Any] | None = None
    ) -> Any:
        if methodname not in self._members.names:
            raise NoSuchMember(f"{self._typeid} has no member {methodname[:100]!r} that is exposed")
        given = {"args": tuple(args), "kwds": dict(kwds or {})}
        call = self._give_back if methodname in GIVING_BACK else self._call
        try:
            return call(methodname, given)
        except (ArgumentError, ResultError) as error:
            pass_on_what_handlers_raise(error)
            error.add_note("Any value that can be pickled travels with serializer='pickle'.")
            raise

    def _getvalue(self) -> Any:
        try:
            value = self._callmethod(GET_VALUE)
        except ResultError as error:
            pass_on_what_handlers_raise(error)
            raise self._no_copy(str(error).rpartition(": ")[2]) from None
        if isinstance(value, Proxy):
            raise self._no_copy("must be of a class that the spec knows")
        return value

    def _no_copy(self, why: str) -> NotSupported:
        return NotSupported(
            f"{self._typeid}: its object cannot be copied, since what travels {why}: "
            "serializer='pickle' copies any that can be pickled"
        )

    def __deepcopy__(self, memo: object) -> Any:
        return self._getvalue()

    __setattr__ = object.__setattr__

    def __getattr__(self, name: str) -> NoReturn:
        if name in _STATE:
            raise NotSupported(
                f"the proxytype of {self._typeid!r} uses {name}, which is of the standard "
                "library's wire: serializer='pickle' has it"
            )
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", obj=self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object, typeid {self._typeid!r} at {id(self):#x}>"

    def __str__(self) -> str:
        try:
            return str(self._callmethod("__repr__"))
        except Exception as error:
            pass_on_what_handlers_raise(error)
            return f"{repr(self)[:-1]}; '__str__()' failed>"


def class_by_hand(registry: Registry, hand: HandType) -> type[Proxy]:
    """Return the class of the proxies of what was registered by hand.

    Raises:
        NotSupported: It is not registered here, or its proxytype cannot be carried.
    """
    if hand.typeid not in registry:
        raise not_registered(hand.typeid)
    check_proxytype(registry, hand.typeid)
    return _class(registry[hand.typeid][-1], hand)


def check_proxytype(registry: Registry, typeid: str) -> None:
    """Make sure that proxies of an entry can be made.

    Raises:
        NotSupported: They need the standard library's wire.
    """
    proxytype = registry[typeid][-1]
    if proxytype is _managers.AutoProxy:
        return
    why = _why_not(proxytype)
    if why:
        raise NotSupported(
            f"the proxytype of {typeid!r} {why}: use serializer='pickle' at both ends, or a class "
            "derived from BaseProxy that only calls _callmethod and _getvalue"
        )


def _why_not(proxytype: Any) -> str:
    if not isinstance(proxytype, type) or not issubclass(proxytype, BaseProxy):
        return "is no class derived from BaseProxy"
    if issubclass(proxytype, Proxy):
        return f"is {proxytype.__name__}, which stands for the objects of a spec"
    for name in _CONNECTING:
        if getattr(proxytype, name, None) is not getattr(BaseProxy, name, None):
            return f"has an {name} of its own"
    return ""


@functools.cache
def _class(proxytype: Any, hand: HandType) -> type[Proxy]:
    mark = SharedType(hand.typeid)
    if proxytype is _managers.AutoProxy:
        namespace = {name: _method(name) for name in hand.exposed if _is_free(name)}
        made = type(
            f"AutoProxy[{hand.typeid}]",
            (HandProxy,),
            {**namespace, "_exposed_": hand.exposed, "_shared": mark},
        )
    else:
        copied = {"__module__": proxytype.__module__, "__qualname__": proxytype.__qualname__}
        made = type(proxytype.__name__, (proxytype, HandProxy), {**copied, "_shared": mark})
    return cast("type[Proxy]", made)


def _is_free(name: str) -> bool:
    """Return whether a name is no part of what makes a proxy one."""
    return name.isidentifier() and (name in _EVERYWHERE or not hasattr(HandProxy, name))


def _method(name: str) -> Any:
    def call(self: Any, /, *args: Any, **kwds: Any) -> Any:
        return self._callmethod(name, args, kwds)

    call.__name__ = name
    return call
