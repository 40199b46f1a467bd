"""Registration by hand, as the standard library's managers have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from multiprocessing.managers import BaseManager
from typing import TYPE_CHECKING, Any, ClassVar

from kinfolk.errors import NotSupported
from kinfolk.wire.table import ManagerType

if TYPE_CHECKING:
    from kinfolk.pickles.stdlib import Registry

__all__ = ["Registering"]


class Registering(BaseManager):
    """What a manager offers that is not in its spec: `Manager` derives from it.

    `_offer` is what its spec says, and `_reserved` what every manager has. `_untyped` is what says
    itself that only pickle carries it.
    """

    _offer: ClassVar[ManagerType]
    _reserved: ClassVar[frozenset[str]]
    _untyped: ClassVar[frozenset[str]] = frozenset()
    _typed: bool

    @classmethod
    def register(
        cls,
        typeid: str,
        callable: Callable[..., object] | None = None,  # noqa: A002 - named so there
        proxytype: Any = None,
        exposed: Sequence[str] | None = None,
        method_to_typeid: Mapping[str, str] | None = None,
        create_method: bool = True,
    ) -> None:
        """Offer something that is not in the spec, as the standard library's managers do.

        It is served with `serializer="pickle"` only, and nobody knows its types.

        Args:
            typeid: Its name.
            callable: Makes the object, at the server.
            proxytype: The class of its proxies; `AutoProxy` by default.
            exposed: The methods that can be called; by default those of the proxy type, or all that
                are public.
            method_to_typeid: The methods whose results stay at the server, and the names under
                which proxies of these are registered.
            create_method: Add a method to this class that returns a proxy of it.

        Raises:
            ValueError: The manager has something else of this name.
        """
        known = _registry_of(cls)
        if typeid in {*cls._offer.singletons, *cls._offer.root.names}:
            raise ValueError(
                f"{cls._offer.spec} has an entry {typeid!r} already: take another name"
            )
        if create_method and typeid not in known and typeid in cls._reserved:
            raise ValueError(f"every manager has a {typeid!r} of its own: take another name")
        given: Any = method_to_typeid
        super().register(typeid, callable, proxytype, exposed, given, create_method=False)
        if create_method:

            def make(self: Registering, /, *args: Any, **kwds: Any) -> Any:
                return self._make_by_hand(typeid, args, kwds)

            make.__name__ = typeid
            setattr(cls, typeid, make)

    @property
    def _by_hand(self) -> Registry | None:
        """What was registered by hand, for a server of pickles; None for one that is typed.

        Raises:
            NotSupported: There is something, and it would have to be typed.
        """
        registry = _registry_of(type(self))
        if not self._typed:
            return registry
        missed = next((name for name in registry if name not in self._untyped), None)
        if missed is not None:
            raise _only_by_pickle(missed)
        return None

    def _make_by_hand(self, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        channel = self._connected()
        if self._typed:
            raise _only_by_pickle(typeid)
        return channel.make_by_hand(typeid, args, kwds)

    def _connected(self) -> Any:
        """Return the channel; see `Manager`."""
        raise NotImplementedError


def _registry_of(manager: Any) -> Registry:
    """Return what was registered by hand, of which type checkers do not know."""
    registry: Registry = manager._registry
    return registry


def _only_by_pickle(typeid: str) -> NotSupported:
    return NotSupported(
        f"{typeid!r} is registered by hand, and only serializer='pickle' carries that: ask for it "
        "at both ends, or add the class to the spec"
    )
