"""Which channel a proxy is given that came from another process."""

from __future__ import annotations

import threading

from support.programs import PATIENCE
from support.samples.manager import SampleManager
from support.threads import Run

from kinfolk.client.sharing import Channels

OFFER = SampleManager._offer
ADDRESS = "fake:"


class FakeChannel:
    """Leads nowhere."""

    offer = OFFER
    address = ADDRESS

    def __init__(self, channels: Channels[FakeChannel], token: bytes = b"") -> None:
        self.token = token
        self.closed = False
        channels.add(self)

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def start_afresh(self) -> None:
        """Do nothing."""


def test_the_channel_that_it_came_from_is_taken_or_else_the_first() -> None:
    """A new one is only made where none leads to the server."""
    channels: Channels[FakeChannel] = Channels()
    first = channels.shared(OFFER, ADDRESS, b"", lambda: FakeChannel(channels))
    second = FakeChannel(channels, b"second")
    assert channels.shared(OFFER, ADDRESS, b"second", lambda: FakeChannel(channels)) is second
    assert channels.shared(OFFER, ADDRESS, b"other", lambda: FakeChannel(channels)) is first
    first.close()
    assert channels.shared(OFFER, ADDRESS, b"other", lambda: FakeChannel(channels)) is second


def test_nobody_waits_for_another_who_connects() -> None:
    """Who is late takes the channel that is there by then, and closes its own."""
    channels: Channels[FakeChannel] = Channels()
    connecting, connected = threading.Event(), threading.Event()
    slow: list[FakeChannel] = []

    def connect() -> FakeChannel:
        connecting.set()
        assert connected.wait(PATIENCE)
        slow.append(FakeChannel(channels))
        return slow[0]

    late = Run(lambda: channels.shared(OFFER, ADDRESS, b"", connect))
    assert connecting.wait(PATIENCE)
    quick = Run(lambda: channels.shared(OFFER, ADDRESS, b"", lambda: FakeChannel(channels)))
    found = quick.result()
    connected.set()
    assert late.result() is found
    assert not found.closed
    assert slow[0].closed


def test_channels_are_looked_through_while_others_are_opened() -> None:
    """Threads come and go meanwhile."""
    channels: Channels[FakeChannel] = Channels()
    kept = [FakeChannel(channels) for _ in range(100)]
    run = Run(lambda: [FakeChannel(channels) for _ in range(20_000)])
    while run.running:
        assert kept[0] in channels.all()
    assert len(channels.all()) >= len(kept)
    run.result()
