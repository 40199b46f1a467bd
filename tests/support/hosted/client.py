"""A client that speaks to a host in messages, and looks at what comes back."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import msgspec
from support.hosted.manager import OFFER
from support.hosted.spec import Town

from kinfolk.declare import offer_of
from kinfolk.host.hosting import Host
from kinfolk.host.sessions import Link, Session
from kinfolk.limits import Limits
from kinfolk.wire.members import Member
from kinfolk.wire.messages import (
    ROOT,
    Call,
    Failed,
    Next,
    Release,
    Reply,
    Request,
    Result,
    Streaming,
    Target,
    Withdraw,
)
from kinfolk.wire.references import Reference

__all__ = ["AsReferences", "Client", "new_host"]


def new_host(limits: Limits = Limits()) -> Host:  # noqa: B008 - frozen
    """Return a host of the town, made anew."""
    offer = offer_of(Town)
    assert offer is not None
    return Host(OFFER, offer.entries, limits)


class AsReferences:
    """Sends and takes references as they are."""

    def lower(self, value: object, proxy_type: object) -> Reference:
        """Send one."""
        assert isinstance(value, Reference)
        return value

    def lift(self, reference: Reference, proxy_type: object) -> object:
        """Take one."""
        return reference


# In a session, whichever connection, no number is used twice.
_numbers = itertools.count(1)


class Client:
    """A process with one connection; further ones are `Client(host, session)`."""

    def __init__(self, host: Host, session: Session | None = None) -> None:
        self.host = host
        self.session = session or host.session("a test")
        self.link: Link = self.session.attach()
        self.replies: dict[int, Reply] = {}
        self.broken = False

    def answer(self, reply: Reply) -> None:
        """Take a reply, if the connection still works."""
        if self.broken:
            raise BrokenPipeError
        assert reply.call not in self.replies, "answered twice"
        self.replies[reply.call] = reply

    def send(self, make: Callable[[int], Request]) -> int:
        """Send a request with a number of its own, and return that."""
        number = next(_numbers)
        with contextlib.suppress(BrokenPipeError):
            self.link.receive(make(number), self.answer)
        return number

    # --- Requests

    def start(self, target: Target, member: Member, caller: int = 1, /, **arguments: object) -> int:
        """Call a member, and return the call's number."""
        data = msgspec.Raw(member.arguments.encode(arguments, AsReferences()))
        return self.send(lambda number: Call(number, target, member.name, caller, data))

    def call(
        self, target: Target, proxy_type: object, name: str, caller: int = 1, /, **arguments: object
    ) -> Any:
        """Call a member and return the result: a value, a reference or a stream's number."""
        member = OFFER.members(proxy_type)[name]
        return self.result(member, self.start(target, member, caller, **arguments))

    def make(self, name: str, /, **arguments: object) -> Reference:
        """Have a factory make an object."""
        member = OFFER.root[name]
        reference = self.result(member, self.start(ROOT, member, **arguments))
        assert isinstance(reference, Reference)
        return reference

    def fetch(self, stream: int, count: int) -> Reply:
        """Ask a stream for items."""
        return self.replies[self.send(lambda number: Next(number, stream, count, 1))]

    def release(self, *targets: Target) -> None:
        """Let references go, or close streams."""
        self.link.receive(
            Release([target for target in targets if isinstance(target, int)]), self.answer
        )

    def withdraw(self, call: int) -> None:
        """Take a call back."""
        self.send(lambda number: Withdraw(number, call))

    # --- Replies

    def result(self, member: Member, call: int) -> Any:
        """Return what a call returned; of a failure, its class and message."""
        reply = self.replies[call]
        if isinstance(reply, Failed):
            return reply.failure.class_name.rpartition(".")[2], reply.failure.message
        if isinstance(reply, Streaming):
            return reply.stream
        assert isinstance(reply, Result), reply
        assert member.result is not None
        return member.result.decode(reply.value, AsReferences())
