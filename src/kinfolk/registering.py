"""Registration by hand, as the standard library's managers have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from multiprocessing.managers import BaseManager
from typing import Any, ClassVar

from kinfolk.wire.by_hand import Names, Registry, registry_of
from kinfolk.wire.table import ManagerType

__all__ = ["Registering"]


class Registering(BaseManager):
    """What a manager offers that is not in its spec: `Manager` derives from it.

    `_offer` is what its spec says, and `_reserved` what every manager has. `_untyped` is what only
    pickle carries.
    """

    _offer: ClassVar[ManagerType]
    _reserved: ClassVar[frozenset[str]]
    _untyped: ClassVar[frozenset[str]] = frozenset()
    _typed: bool
    _registry = Names()

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

        Nobody knows its types: what is given to it and what it returns is of type `Any`.

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
        known = registry_of(cls)
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
    def _by_hand(self) -> Registry:
        """What was registered by hand, as far as the server's wire carries it."""
        registry = registry_of(type(self))
        if not self._typed:
            return registry
        return {name: entry for name, entry in registry.items() if name not in self._untyped}

    def _make_by_hand(self, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        return self._connected().make_by_hand(typeid, args, kwds)

    def _connected(self) -> Any:
        """Return the channel; see `Manager`."""
        raise NotImplementedError
