"""`SyncManager`: what `multiprocessing.Manager()` gives, typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from multiprocessing import managers, pool
from multiprocessing.context import BaseContext
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, overload

from kinfolk.errors import NotSupported
from kinfolk.types.standard_manager import StandardManager

if TYPE_CHECKING:
    from kinfolk.types.containers_manager import DictProxy
    from kinfolk.types.lists_manager import ListProxy
    from kinfolk.types.meetings_manager import BarrierProxy
    from kinfolk.types.sets_manager import SetProxy
    from kinfolk.types.standard_manager import CodedArrayProxy, CodedValueProxy

__all__ = ["Manager", "SyncManager"]

K = TypeVar("K")
T = TypeVar("T")
V = TypeVar("V")

_standard: Final[Any] = managers  # of which type checkers do not know all


class SyncManager(StandardManager):
    """A manager with the names of `multiprocessing.managers.SyncManager`, and `set`.

    A program that was written for that one runs with this one: by default with what travels as
    `Any`, and with `serializer="pickle"` with any values that can be pickled.
    """

    _untyped = frozenset({"Pool", "AsyncResult", "Iterator"})

    # What the values are is seen from the arguments; the spec could only say `Any`.

    @overload
    def list(self, /) -> ListProxy[Any]: ...
    @overload
    def list(self, items: Iterable[T] | ListProxy[T] = (), /) -> ListProxy[T]: ...
    def list(self, items: Iterable[Any] | ListProxy[Any] = (), /) -> ListProxy[Any]:
        """Return a new list; see `kinfolk.types.List`."""
        return super().list(items)

    @overload
    def dict(self, /) -> DictProxy[Any, Any]: ...
    @overload
    def dict(
        self, items: Mapping[K, V] | Iterable[tuple[K, V]] | DictProxy[K, V], /
    ) -> DictProxy[K, V]: ...
    @overload
    def dict(
        self,
        items: Mapping[str, V] | Iterable[tuple[str, V]] | DictProxy[str, V] = (),
        /,
        **kwargs: V,
    ) -> DictProxy[str, V]: ...
    def dict(
        self,
        items: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | DictProxy[Any, Any] = (),
        /,
        **kwargs: Any,
    ) -> DictProxy[Any, Any]:
        """Return a new dictionary; see `kinfolk.types.Dict`."""
        return super().dict(items, **kwargs)

    @overload
    def set(self, /) -> SetProxy[Any]: ...
    @overload
    def set(self, elements: Iterable[T] | SetProxy[T] = (), /) -> SetProxy[T]: ...
    def set(self, elements: Iterable[Any] | SetProxy[Any] = (), /) -> SetProxy[Any]:
        """Return a new set; see `kinfolk.types.Set`."""
        return super().set(elements)

    def Value(  # noqa: N802 - as all that follow, named so by the standard library
        self, typecode: Any, value: T, lock: bool = True
    ) -> CodedValueProxy[T]:
        """Return a new value; see `kinfolk.types.Value`; the rest has no effect."""
        return super().Value(typecode, value, lock)

    def Array(  # noqa: N802
        self, typecode: str, sequence: Iterable[T], lock: bool = True
    ) -> CodedArrayProxy[T]:
        """Return a new array; see `kinfolk.types.Array`. `lock` has no effect."""
        return super().Array(typecode, sequence, lock)

    def Barrier(  # noqa: N802
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
    ) -> BarrierProxy:
        """Return a new barrier; see `kinfolk.types.Barrier`.

        Raises:
            NotSupported: There is an action, and the serializer is not "pickle".
        """
        if action is not None:
            self._need_pickle("the action of a Barrier is a function")
        # The spec could not say it.
        return super().Barrier(parties, cast("None", action), timeout)

    def Pool(  # noqa: N802
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> pool.Pool:
        """Return a pool of worker processes that the server starts; see `multiprocessing.Pool`.

        Args:
            processes: How many; by default as many as there are cores.
            initializer: Called in each worker first, with `initargs`.
            initargs: The arguments.
            maxtasksperchild: After how many tasks another worker takes the place of one; by default
                none ever does.

        Raises:
            NotSupported: The serializer is not "pickle", and no other one carries functions.
        """
        self._need_pickle("a Pool runs functions of its callers")
        found: pool.Pool = self._make_by_hand(
            "Pool", (processes, initializer, initargs, maxtasksperchild), {}
        )
        return found

    def _need_pickle(self, what: str) -> None:
        if self._typed:
            raise NotSupported(
                f"{what}, and only pickles carry functions: make the manager with "
                f"{type(self).__name__}(serializer='pickle')"
            )


SyncManager.register("Pool", pool.Pool, _standard.PoolProxy, create_method=False)
SyncManager.register("Iterator", proxytype=_standard.IteratorProxy, create_method=False)
SyncManager.register("AsyncResult", create_method=False)


def Manager(serializer: str = "typed", ctx: BaseContext | None = None) -> SyncManager:  # noqa: N802
    """Return a `SyncManager` whose server runs, in a process that ends with the manager.

    As `multiprocessing.Manager` does; a `with` block ends it, too.

    Args:
        serializer: How values travel: "typed" or "pickle".
        ctx: How the process is started.
    """
    manager = SyncManager(serializer=serializer, ctx=ctx)
    manager.start()
    return manager
