"""Comparing what two ends were generated from.

Arguments go from the client to the server, results and items of streams the other way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from kinfolk.wire.descriptions import Argument, Description, Function
from kinfolk.wire.versions.differences import Difference, Differences
from kinfolk.wire.versions.directions import Direction
from kinfolk.wire.versions.texts import function_text, parts_text, short

__all__ = ["compare"]

_OURS: Final = "kinfolk.types."


def compare(own: Description, server: Description, *, spec: str, manager: str) -> Differences:
    """Return what does not fit between a client and a server.

    Args:
        own: What the client was generated from.
        server: What the server was generated from.
        spec: The module of the spec, for messages.
        manager: The name of the manager, for messages.

    Raises:
        ValueError: The server's description makes no sense.
    """
    comparison = _Comparison(own, server, spec)
    functions: dict[tuple[str, str], Difference] = {}
    for shared, members in [*own.classes.items(), ("", own.factories)]:
        theirs = server.classes.get(shared, {}) if shared else server.factories
        for name, difference in comparison.functions(shared or manager, members, theirs):
            functions[shared, name] = difference
    return Differences(functions, dict(comparison.singletons(manager)))


@attrs.define
class _Found:
    """What was found about one function.

    `misfits` are the classes of the values that do not fit.
    """

    always: bool = False
    given: list[str] = attrs.field(factory=list[str])
    left_out: list[str] = attrs.field(factory=list[str])
    misfits: list[str] = attrs.field(factory=list[str])


class _Comparison:
    """Compares one thing of two descriptions after the other."""

    def __init__(self, own: Description, server: Description, spec: str) -> None:
        self._own = own
        self._server = server
        self._spec = spec
        self._there = Direction(own.parts, server.parts)
        self._back = Direction(server.parts, own.parts)

    def functions(
        self, owner: str, own: Mapping[str, Function], server: Mapping[str, Function]
    ) -> Iterator[tuple[str, Difference]]:
        """Yield the members of a class, or of the manager, that differ."""
        for name, function in own.items():
            other = server.get(name)
            found = self._found(function, other)
            if found.always or found.given or found.left_out:
                texts = self._texts(name, function, other, found.misfits)
                yield name, self._difference(owner, name, found, texts)

    def singletons(self, manager: str) -> Iterator[tuple[str, str]]:
        """Yield the singletons that differ, each with the whole message."""
        for name, own in self._own.singletons.items():
            server = self._server.singletons.get(name)
            misfit = "" if server is None else self._misfit_both_ways(own, server)
            if misfit is not None:
                mine, theirs = _told_apart(own, server)
                texts = self._with_parts(f"this end takes it for {mine}", theirs, [misfit])
                yield name, self._message(f"{manager}.{name} differs at the server", *texts)

    # --- What fits

    def _found(self, own: Function, server: Function | None) -> _Found:
        found = _Found()
        if server is None:
            found.always = True
        else:
            self._compare_results(own, server, found)
            self._compare_arguments(own, server, found)
        return found

    def _compare_results(self, own: Function, server: Function, found: _Found) -> None:
        misfit = self._misfit(self._back, server.result, own.result)
        if own.streams != server.streams or misfit is not None:
            found.always = True
            found.misfits.append(misfit or "")

    def _compare_arguments(self, own: Function, server: Function, found: _Found) -> None:
        unknown = {argument.name: argument for argument in server.arguments}
        for argument in own.arguments:
            other = unknown.pop(argument.name, None)
            needed = other is not None and other.required
            misfit = self._misfit_of_argument(argument, other)
            if misfit is None:
                if needed and not argument.required:
                    found.left_out.append(argument.name)
                continue
            found.misfits.append(misfit)
            if needed or argument.required:
                found.always = True
            else:
                found.given.append(argument.name)
        found.always = found.always or any(argument.required for argument in unknown.values())

    def _misfit_of_argument(self, own: Argument, server: Argument | None) -> str | None:
        if server is None:
            return ""
        return self._misfit(self._there, own.wire_type, server.wire_type)

    def _misfit(self, direction: Direction, sent: str, received: str) -> str | None:
        if any(f"{shared}[" in sent for shared in self._own.classes):
            # Through a shared object, values of its type arguments go both ways.
            return self._misfit_both_ways(sent, received)
        return direction.misfit(sent, received)

    def _misfit_both_ways(self, sent: str, received: str) -> str | None:
        found = self._there.misfit(sent, received)
        return self._back.misfit(sent, received) if found is None else found

    # --- What is said of it

    def _difference(
        self, owner: str, name: str, found: _Found, texts: tuple[str, str]
    ) -> Difference:
        label = f"{owner.rpartition('.')[2]}.{name.removesuffix('=')}"
        if found.always:
            return Difference(self._message(f"{label} differs at the server", *texts, owner))
        return Difference(
            given={
                each: self._message(
                    f"{label}: argument {each!r} does not fit the server", *texts, owner
                )
                for each in found.given
            },
            left_out={
                each: self._message(f"{label}: the server needs argument {each!r}", *texts, owner)
                for each in found.left_out
            },
        )

    def _texts(
        self, name: str, own: Function, server: Function | None, misfits: list[str]
    ) -> tuple[str, str]:
        """Return a function as both ends have it."""
        mine, theirs = _told_apart(
            function_text(name, own), None if server is None else function_text(name, server)
        )
        return self._with_parts(f"this end calls {mine}", theirs, misfits)

    def _with_parts(self, own: str, server: str, misfits: list[str]) -> tuple[str, str]:
        """Add what the classes that do not fit are made of."""
        names = [name for name in dict.fromkeys(misfits) if name]
        mine = [parts_text(name, self._own.parts.get(name)) for name in names]
        theirs = [parts_text(name, self._server.parts.get(name)) for name in names]
        return " with ".join([own, *mine]), " with ".join([server, *theirs])

    def _message(self, head: str, own: str, server: str, owner: str = "") -> str:
        remedy = f"run `kinfolk generate {self._spec}` for both, and restart them"
        if owner.startswith(_OURS):
            remedy = "install the same release of kinfolk at both ends"
        # Names at the server are the server's own words.
        theirs = "".join(c if c.isprintable() else " " for c in server)
        return f"{head}: {own}, the server has {theirs}: {remedy}"


def _told_apart(own: str, server: str | None) -> tuple[str, str]:
    """Return two texts without the modules in them, unless these are the difference."""
    if server is None:
        return short(own), "none"
    if own != server and short(own) == short(server):
        return own, server
    return short(own), short(server)
