"""What a host offers that was registered by hand: making it, and calling what is exposed of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import managers
from typing import Any, ClassVar, Final, cast

import attrs

from kinfolk.errors import KinfolkError, NoSuchMember, NotSupported, ObjectGone
from kinfolk.host.operations import Operations, Run
from kinfolk.wire.by_hand import GET_VALUE, HandType, Registry
from kinfolk.wire.shared import SharedType
from kinfolk.wire.table import ManagerType

__all__ = ["Handmade", "Kept", "exposed_by", "guards_itself"]

_managers: Final[Any] = managers  # of which type checkers do not know all

_EMPTY: Final[dict[object, object]] = {}
_VIEWS: Final = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))
_GUARDED: Final = frozenset({"queue", "_queue", "threading", "_thread"})


@attrs.frozen(eq=False)
class Kept:
    """A result that stays at the host, as an object of an entry by hand."""

    # For the codec: it is no value.
    _shared: ClassVar[SharedType] = SharedType("")

    obj: Any
    typeid: str


def guards_itself(cls: type) -> bool:
    """Return whether a class is made for threads, so that its calls may overlap, and wait."""
    return any(base.__module__ in _GUARDED for base in cls.__mro__)


def exposed_by(registry: Registry, typeid: str, obj: object) -> tuple[str, ...]:
    """Return what can be called of an object of an entry: by default all its public methods."""
    _, exposed, typeids, _ = registry[typeid]
    names = _managers.public_methods(obj) if exposed is None else exposed
    return tuple(dict.fromkeys([*names, *(typeids or ())]))


class Handmade:
    """The entries that were registered by hand.

    Args:
        offer: What the manager offers beside them.
        registry: What was registered.
        is_shared: Returns whether an object is one of the spec's, which has a type of its own.
    """

    def __init__(
        self, offer: ManagerType, registry: Registry, is_shared: Callable[[object], bool]
    ) -> None:
        self._offer = offer
        self._registry = registry
        self._is_shared = is_shared
        # What has been offered, by `id`, for as long as it lives; None if in several ways.
        self._offered: dict[int, tuple[weakref.ref[Any], HandType | None]] = {}

    @property
    def makers(self) -> Operations:
        """What makes new objects, by the names of the entries."""

        def maker(typeid: str, _: str) -> Run:
            # Of what a client sends nothing is made an object: it would choose whose methods are
            # called here, and in place of a proxy the very object comes, whatever is exposed of it.
            if typeid in self._registry and self._registry[typeid][0] is None:
                raise _makes_nothing(typeid)
            return lambda _obj, args, kwargs: self._made(typeid, args, kwargs)

        return _Makers(self._offer.members(HandType(self._offer.name, (*self._registry,))), maker)

    def type_of(self, kept: Kept) -> HandType:
        """Return the type of an object, which says what can be called of it."""
        hand = HandType(kept.typeid, exposed_by(self._registry, kept.typeid, kept.obj))
        self._note(kept.obj, hand)
        return hand

    def known_type(self, obj: object) -> HandType | None:
        """Return the type as which an object has been offered before, if that was one only.

        So what a client was given may go back here, into a list or a queue, and come out again,
        unless no weak reference to it is possible.
        """
        return self._offered.get(id(obj), (None, None))[1]

    def _note(self, obj: object, hand: HandType) -> None:
        key = id(obj)
        known = self._offered.get(key)
        if known is None:
            try:
                found = weakref.ref(obj, lambda _: self._offered.pop(key, None))
            except TypeError:
                return
            known = self._offered.setdefault(key, (found, hand))
        if known[1] != hand:
            self._offered[key] = known[0], None

    def operations(self, hand: HandType) -> Operations:
        """Return what the members of such objects do."""
        typeids: Mapping[str, str] = self._registry[hand.typeid][2] or {}

        def maker(name: str, _: str) -> Run:
            if name not in hand.exposed:
                return _of_any(name)
            return self._keeping(_called(name), typeids[name]) if name in typeids else _called(name)

        return _Exposed(self._offer.members(hand), maker)

    def _keeping(self, run: Run, typeid: str) -> Run:
        """Return an operation whose result stays here, as an object of an entry."""
        return lambda obj, args, kwargs: self._made(typeid, [run(obj, args, kwargs)], {})

    def _made(self, typeid: str, args: list[object], kwargs: dict[str, object]) -> object:
        """Return a new object of an entry; or the one given, if nothing makes it."""
        if typeid not in self._registry:
            raise _no_entry(typeid)
        make = self._registry[typeid][0]
        obj = args[0] if make is None else make(*args, **kwargs)
        return obj if self._is_shared(obj) else Kept(obj, typeid)


class _Makers(Operations):
    def refused(self, name: str) -> KinfolkError:
        return _no_entry(name)


class _Exposed(Operations):
    def refused(self, name: str) -> KinfolkError:
        return NoSuchMember(f"{self.owner} has no member {name[:100]!r} that is exposed")


def _no_entry(typeid: str) -> ObjectGone:
    return ObjectGone(
        f"the server has no entry {typeid[:100]!r}: register it by hand there too, before it "
        "starts; for open(start=True), in the module of the manager's class, if that is not the "
        "program"
    )


def _makes_nothing(typeid: str) -> NotSupported:
    return NotSupported(
        f"the server's entry {typeid!r} has no callable, and makes nothing: register it with one "
        "there, before it starts"
    )


def _called(name: str) -> Run:
    def run(obj: Any, args: list[object], kwargs: dict[str, object]) -> object:
        result: object = getattr(obj, name)(*args, **kwargs)
        # As the standard library's own wire has it: a view of what stays here is of no use there.
        return list(cast("Iterable[object]", result)) if isinstance(result, _VIEWS) else result

    return run


def _of_any(name: str) -> Run:
    if name == GET_VALUE:
        return lambda obj, _args, _kwargs: obj
    text = repr if name == "__repr__" else str
    return lambda obj, _args, _kwargs: text(obj)
