"""The wire table: what a generated module tells both ends of a connection.

What annotations of the generated classes say is compiled by `members` when it is first needed; the
rest is spelled out here. No sockets and no running objects, and no codec until somebody connects:
generated modules are imported by programs that only may make a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import attrs

from kinfolk.wire.by_hand import HandType

if TYPE_CHECKING:
    from kinfolk.wire.codec import Codecs
    from kinfolk.wire.members import Members

__all__ = ["ManagerType", "Table", "type_of"]


@attrs.frozen(eq=False)
class Table:
    """Everything that the generated module of one spec knows.

    `values` are the attrs classes that a value of type `Any`, or of a base of theirs, may turn out
    to be; `errors` the exceptions that arrive as themselves; `uses` the other generated modules
    whose proxies this one mentions, evaluated late since two may mention each other. `fingerprint`
    stands for all declared types.
    """

    spec: str
    fingerprint: str
    proxies: tuple[type, ...] = ()
    values: tuple[type, ...] = ()
    errors: tuple[type[BaseException], ...] = ()
    uses: Callable[[], tuple[ModuleType, ...]] = tuple

    def closure(self) -> list[Table]:
        """Return this table and all that it uses, each once, itself first."""
        found: dict[int, Table] = {}
        waiting = [self]
        while waiting:
            table = waiting.pop()
            if id(table) not in found:
                found[id(table)] = table
                waiting.extend(vars(module)["_TABLE"] for module in table.uses())
        return list(found.values())


class ManagerType:
    """What a generated manager class says of itself, as its `_offer`; compiled on first use.

    Args:
        spec: The module of the spec.
        name: The name of the class that `@manager` decorates.
        server: The name of the server's socket.
        table: The table of the generated module.
        singletons: The proxy type of each singleton, by name. Evaluated late.
        factories: The functions of the manager class that make new objects, by name.
    """

    def __init__(
        self,
        spec: str,
        name: str,
        server: str,
        table: Table,
        singletons: Callable[[], Mapping[str, object]],
        factories: Callable[[], Mapping[str, Callable[..., Any]]],
    ) -> None:
        self.spec = spec
        self.name = name
        self.server = server
        self.table = table
        self._singletons = singletons
        self._factories = factories
        self._compiled: dict[object, Members] = {}

    @cached_property
    def codecs(self) -> Codecs:
        """The compiler of this manager's types, with all classes that its tables know."""
        from kinfolk.wire.codec import Codecs  # noqa: PLC0415 - see the module's docstring

        tables = self.table.closure()
        return Codecs(
            values=[value for table in tables for value in table.values],
            errors=[error for table in tables for error in table.errors],
        )

    @cached_property
    def proxies(self) -> Mapping[str, type]:
        """Every proxy class that can arrive, by the name of its shared class."""
        return {
            cast("Any", proxy)._shared.name: proxy
            for table in self.table.closure()
            for proxy in table.proxies
        }

    @cached_property
    def singletons(self) -> Mapping[str, object]:
        """The proxy type of each singleton, by name."""
        return self._singletons()

    @cached_property
    def factories(self) -> Mapping[str, Callable[..., Any]]:
        """The functions of the manager class that make new objects, by name."""
        return self._factories()

    @cached_property
    def root(self) -> Members:
        """The members of the manager itself: its factories."""
        from kinfolk.wire.members import members_of_factories  # noqa: PLC0415 - as above

        return members_of_factories(self.name, self.factories, self.codecs)

    def members(self, proxy_type: object) -> Members:
        """Return the members of a proxy class, or of a parametrised one such as `BoxProxy[int]`.

        Or those of what was registered by hand, if it is a `HandType`.

        Raises:
            TypeError: It is not a generated proxy class.
        """
        found = self._compiled.get(proxy_type)
        if found is None:
            from kinfolk.wire.members import members_by_hand, members_of_proxy  # noqa: PLC0415

            if isinstance(proxy_type, HandType):
                members = members_by_hand(proxy_type, self.codecs)
            else:
                members = members_of_proxy(proxy_type, self.codecs)
            found = self._compiled.setdefault(proxy_type, members)
        return found


def type_of(manager: Any) -> ManagerType:
    """Return what a generated manager class says of itself."""
    # A method of the class could not say it: its name might be an entry's.
    found: ManagerType = manager._offer
    return found
