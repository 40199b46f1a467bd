"""A lock, called by clients whose connections break and close, against a model of it."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from support.hosted.client import Client, new_host
from support.hosted.manager import OFFER

from kinfolk.host.owners import Owner
from kinfolk.types.locks_manager import RLockProxy
from kinfolk.wire.messages import Failed

LOCK = OFFER.members(RLockProxy)


@attrs.frozen(eq=False)
class Asked:
    """A call of `acquire`."""

    client: Client
    owner: Owner
    call: int

    @property
    def answer(self) -> Any:
        """The reply: True, False, what it failed with, or None while there is none."""
        if self.call not in self.client.replies:
            return None
        return self.client.result(LOCK["acquire"], self.call)


class LockModel(RuleBasedStateMachine):
    """Sessions of several links and callers."""

    links = Bundle("links")
    granted = Bundle("granted")

    @initialize()
    def begin(self) -> None:
        """Make a host, whose lock nobody has."""
        self.host = new_host()
        self.lock = self.host._objects._named["lock"].obj
        self.owner: Owner | None = None
        self.count = 0
        # How many times somebody had the lock anew; and in which of these a call was granted it.
        self.turn = 0
        self.turns: dict[Asked, int] = {}
        self.queue: list[Asked] = []
        self.closed: set[Client] = set()

    def hand_on(self) -> None:
        """The model's: the first in the queue whose answer can be sent gets the lock."""
        self.owner, self.count = None, 0
        while self.queue:
            asked = self.queue.pop(0)
            if not asked.client.broken:
                assert asked.answer is True
                self.owner, self.count, self.turn = asked.owner, 1, self.turn + 1
                return
            assert asked.answer is None

    @rule(target=links)
    def connect(self) -> Client:
        """A process comes."""
        return Client(self.host)

    @rule(target=links, link=links)
    def connect_again(self, link: Client) -> Any:
        """A process opens another connection."""
        return multiple() if link.session.ended else Client(self.host, link.session)

    @rule(target=granted, link=links, caller=st.integers(1, 2), blocking=st.booleans())
    def acquire(self, link: Client, caller: int, blocking: bool) -> Any:
        """A caller asks for the lock, unless it waits for it already."""
        owner = Owner(link.session, caller)
        if link in self.closed or any(asked.owner == owner for asked in self.queue):
            return multiple()
        call = link.start("lock", LOCK["acquire"], caller, blocking=blocking)
        asked = Asked(link, owner, call)
        if self.owner not in (None, owner):
            if blocking:
                assert asked.answer is None
                self.queue.append(asked)
            else:
                assert link.broken or asked.answer is False
            return multiple()
        if link.broken:
            assert asked.answer is None
            return multiple()
        assert asked.answer is True
        self.turn += self.owner is None
        self.owner, self.count = owner, self.count + 1
        self.turns[asked] = self.turn
        return asked

    @rule(link=links, caller=st.integers(1, 2))
    def release(self, link: Client, caller: int) -> None:
        """A caller releases, whether it has the lock or not."""
        if link in self.closed or link.broken:
            return
        told = link.call("lock", RLockProxy, "release", caller)
        if self.owner != Owner(link.session, caller):
            assert told[0] == "RuntimeError"
            return
        assert told is None
        self.count -= 1
        if not self.count:
            self.hand_on()

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """A caller that waits gives up."""
        asked = self.queue.pop(data.draw(st.integers(0, len(self.queue) - 1)))
        asked.client.withdraw(asked.call)
        reply = asked.client.replies.get(asked.call)
        assert isinstance(reply, Failed) or asked.client.broken

    @rule(asked=consumes(granted))
    def withdraw_late(self, asked: Asked) -> None:
        """A caller gave up before it saw that it had got the lock."""
        if asked.client in self.closed or self.owner != asked.owner:
            return
        asked.client.withdraw(asked.call)
        if self.turns[asked] != self.turn:
            return  # It was released since, and what the caller has now is another matter.
        self.count -= 1
        if not self.count:
            self.hand_on()

    @rule(link=links)
    def break_(self, link: Client) -> None:
        """Nothing can be sent to a client any more."""
        link.broken = True

    @rule(link=consumes(links))
    def close(self, link: Client) -> None:
        """A connection ends, and with the last one the process's session."""
        if link in self.closed:
            return
        self.closed.add(link)
        self.queue = [asked for asked in self.queue if asked.client is not link]
        link.link.close()
        if link.session.ended and self.owner is not None and self.owner.session is link.session:
            self.hand_on()

    @invariant()
    def agrees(self) -> None:
        """The lock belongs to whom the model says, and the same ones wait."""
        assert (self.lock._held.owner, self.lock._count) == (self.owner, self.count)
        assert len(self.lock._waiters) == len(self.queue)
        waiting = sum(session.waiting for session in self.host.sessions)
        assert waiting == len(self.queue)


TestLockModel = LockModel.TestCase
TestLockModel.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
