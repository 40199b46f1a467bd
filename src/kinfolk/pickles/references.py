"""What a channel knows of the objects at its server, and for which references that counts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import attrs

from kinfolk.counted import Mention
from kinfolk.errors import KinfolkError, ObjectGone, RemoteError
from kinfolk.pickles.asking import had_no_room
from kinfolk.pickles.names import ident_of
from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.messages import Target

__all__ = ["Facts", "Held", "References"]


@attrs.frozen(eq=False)
class Facts:
    """What the server has said of an object: the name of its kind, and what it exposes."""

    typeid: str
    exposed: tuple[str, ...]


class Held(Mention):
    """A proxy's reference, which keeps what is known of its object."""

    __slots__ = ("facts",)

    def __init__(self, generation: int, facts: Facts) -> None:
        super().__init__(generation)
        self.facts = facts


class References:
    """The references of one channel.

    Args:
        ask: Sends the server a request.
    """

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._named: dict[str, Facts] = {}
        self._numbered: WeakValueDictionary[int, Facts] = WeakValueDictionary()
        self.start_afresh()

    def start_afresh(self) -> None:
        """Begin without references, in a forked child; what is known is still true."""
        self._counts: Counter[int] = Counter()
        self._counting = threading.RLock()

    # --- Facts

    def of(self, target: Target) -> Facts | None:
        """Return what is known of an object: of any that is there once, or has a proxy here."""
        return self._named.get(target) if isinstance(target, str) else self._numbered.get(target)

    def learn_name(self, name: str, exposed: tuple[str, ...]) -> None:
        """Note what is known of an object that is there once."""
        self._named.setdefault(name, Facts(name, exposed))

    # --- Counts

    def note(self, number: int, typeid: str, exposed: tuple[str, ...]) -> Facts:
        """Note a reference that the server has counted; return what is known of its object."""
        with self._counting:
            self._counts[number] += 1
            return self._numbered.setdefault(number, Facts(typeid, exposed))

    def claim(self, number: int, typeid: str, exposed: tuple[str, ...]) -> Facts:
        """Have the server count another reference; return what is known of its object.

        Raises:
            ObjectGone: It lives no more.
        """
        ident = ident_of(number)
        try:
            self._ask("incref", ident)
        except (RemoteError, KeyError) as error:
            pass_on_what_handlers_raise(error)
            raise ObjectGone(
                f"There is no object {ident}: all have let it go, or its server has ended since"
            ) from None
        return self.note(number, typeid, exposed)

    def release(self, number: int) -> None:
        """Have the server count a reference less, if it counts any; again, if it had no room."""
        with self._counting:
            if not self._counts[number]:
                del self._counts[number]
                return
            self._counts[number] -= 1
        try:
            self._ask("decref", ident_of(number))
        except KinfolkError as error:
            if had_no_room(error):
                with self._counting:
                    self._counts[number] += 1
            raise

    def held(self) -> list[int]:
        """Return the number of each object as many times as the server counts."""
        with self._counting:
            return list(self._counts.elements())
