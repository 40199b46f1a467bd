"""Differences: what a channel asks before it sends a call to a server of another version."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from kinfolk.errors import SpecMismatch
from kinfolk.wire.members import Member
from kinfolk.wire.messages import Target
from kinfolk.wire.unset import UNSET

__all__ = ["Difference", "Differences"]


@attrs.frozen
class Difference:
    """Why calls of one member do not fit.

    Each text is a whole message. `always` is None if some calls do fit; then `given` says why not
    those with a certain argument, and `left_out` why not those without.
    """

    always: str | None = None
    given: Mapping[str, str] = attrs.field(factory=dict[str, str])
    left_out: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def fitted(self, member: Member, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """Return the arguments to send; see `Differences.fitted`."""
        if self.always is not None:
            raise SpecMismatch(self.always)
        fitted = dict(arguments)
        for parameter in member.arguments.parameters:
            name = parameter.name
            value = fitted.get(name, UNSET)
            if name in self.given:
                if not parameter.is_left_out(value):
                    raise SpecMismatch(self.given[name])
                fitted.pop(name, None)
            elif name in self.left_out and value is UNSET:
                raise SpecMismatch(self.left_out[name])
        return fitted


@attrs.frozen
class Differences:
    """What does not fit between this end and the server; all else does.

    `functions` go by the full name of the shared class, empty for the manager, and the name of the
    member; `singletons` by their names, each with the whole message.
    """

    functions: Mapping[tuple[str, str], Difference]
    singletons: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.functions or self.singletons)

    def check_singleton(self, name: str) -> None:
        """Make sure that a singleton is the same thing at both ends.

        Raises:
            SpecMismatch: It is not.
        """
        if name in self.singletons:
            raise SpecMismatch(self.singletons[name])

    def fitted(
        self, target: Target, member: Member, arguments: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Return the arguments of a call without those that the server could not take.

        Only defaults that this end has filled in are dropped.

        Raises:
            SpecMismatch: The call does not fit the server.
        """
        if isinstance(target, str):
            self.check_singleton(target)
        difference = self.functions.get((member.shared, member.name))
        return arguments if difference is None else difference.fitted(member, arguments)
