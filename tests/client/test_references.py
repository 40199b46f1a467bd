"""Objects live as long as somebody refers to them; seen through weak references at the server."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest
from support.arena.manager import ArenaManager
from support.arena.serving import Served, serve_arena
from support.channels import channel_of
from support.programs import Program
from support.threads import Run, until

import kinfolk
from kinfolk.errors import ConnectionClosed

WORKER = """
import sys
from support.arena.serving import open_arena

manager = open_arena(sys.argv[1], sys.argv[2])
idle, tool = manager.tool("idle"), manager.tool("worked with")
tool.work(manager.door())
"""


def test_an_object_ends_with_its_last_proxy_in_an_idle_process(
    client: ArenaManager, other: ArenaManager
) -> None:
    """Its client makes no other call, and is told of by itself; the object is closed."""
    first = client.tool("a")
    second = first.friend()
    del first
    assert second.name() == "a"
    del second
    until(lambda: other.census().alive() == 0)
    assert other.census().closed() == ["a"]


def test_a_proxy_in_another_process_keeps_it(client: ArenaManager, other: ArenaManager) -> None:
    """Each session counts for itself."""
    mine = client.tool("a")
    mine.befriend(client.tool("b"))
    theirs = other.tool("c")
    del mine
    until(lambda: other.census().closed() == ["a"])
    assert theirs.name() == "c"


def test_what_another_object_refers_to_is_not_closed(
    client: ArenaManager, other: ArenaManager
) -> None:
    """It is a part of the other now, and lives as long."""
    owner, part = client.tool("owner"), client.tool("part")
    owner.befriend(part)
    del part
    assert owner.friend().name() == "part"
    assert other.census().alive() == 2
    assert other.census().closed() == []
    del owner
    until(lambda: other.census().alive() == 0)
    assert other.census().closed() == ["owner"]


def test_circles_of_proxies_do_not_leak(client: ArenaManager, other: ArenaManager) -> None:
    """Python collects them, and the server hears of it."""
    gc.disable()  # one that came in between could turn the order round in which they die
    try:
        circle: list[object] = [client.tool("a"), client.tool("b")]
        circle.append(circle)
        left, right = client.tool("c"), client.tool("d")
        left.befriend(right)
        right.befriend(left)
        del circle, left, right
        gc.collect()
    finally:
        gc.enable()
    until(lambda: other.census().alive() <= 2)
    assert sorted(other.census().closed()) == ["a", "b"]


def test_a_stream_keeps_its_object(client: ArenaManager, other: ArenaManager) -> None:
    """What yields still needs it."""
    parts = client.tool("xyz").parts()
    assert next(parts) == "x"
    assert list(parts) == ["y", "z"]
    del parts
    until(lambda: other.census().alive() == 0)
    assert other.census().closed() == ["xyz"]


def test_an_object_is_closed_with_the_last_stream_that_needs_it(
    client: ArenaManager, other: ArenaManager
) -> None:
    """Also where what yields is no generator, and so cannot be closed itself."""
    tool = client.tool("xyz")
    letters: Any = tool.letters()
    assert next(letters) == "x"
    del tool
    until(lambda: not channel_of(client)._dropped)
    assert other.census().closed() == []
    letters.close()
    until(lambda: other.census().closed() == ["xyz"])


def test_the_objects_of_a_killed_client_end(arena: Served, other: ArenaManager) -> None:
    """Also those that it was calling, as soon as the call has ended."""
    with Program("-c", WORKER, arena.url, arena.key) as worker:
        assert other.door().until_inside(1)
        worker.kill()
    other.door().open()
    until(lambda: sorted(other.census().closed()) == ["idle", "worked with"])
    until(lambda: other.census().alive() == 0)


def test_a_call_that_outlives_its_client_closes_the_object(
    arena: Served, client: ArenaManager, other: ArenaManager
) -> None:
    """As soon as the method has returned."""
    guest = arena.open()
    run = Run(lambda: guest.tool("a").work(guest.door()))
    assert other.door().until_inside(1)
    guest.close()
    with pytest.raises(ConnectionClosed):
        run.result()
    assert client.census().closed() == []
    other.door().open()
    until(lambda: client.census().closed() == ["a"])
    until(lambda: client.census().alive() == 0)


def test_a_close_that_takes_its_time_holds_nobody_up(
    client: ArenaManager, other: ArenaManager
) -> None:
    """Not even the calls of the client that let the object go, over its only connection."""
    client.valve(client.door())
    assert other.door().until_inside(1)
    with kinfolk.deadline(20):
        assert client.ledger().note(1) == 1
    assert client.census().closed() == []
    client.door().open()
    until(lambda: client.census().closed() == ["valve"])


def test_a_close_that_takes_its_time_is_waited_for_at_the_end(arena: Served) -> None:
    """The server stops when it is done."""
    with arena.open() as other:
        with arena.open() as client:
            client.valve(client.door())
            assert client.door().until_inside(1)
        other.door().open()
        until(lambda: other.census().closed() == ["valve"])


def test_a_stream_that_has_to_wait_for_its_end_holds_nobody_up(client: ArenaManager) -> None:
    """Another call has the turn of its object."""
    gate = client.gate()
    valve = client.valve(gate)
    turns: Any = valve.turns()
    assert next(turns) == 0
    holder = Run(lambda: valve.hold(client.door()))
    assert client.door().until_inside(1)
    turns.close()
    with kinfolk.deadline(20):
        assert client.ledger().note(1) == 1
    client.door().open()
    holder.result()
    gate.open()


def resident(pid: int) -> int:
    """Return how many bytes of memory a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="measured in /proc")
def test_a_hundred_thousand_objects_leave_no_trace(short: Path) -> None:
    """Made and dropped one by one, they leave the server's memory where it was."""
    with serve_arena("unix", short) as arena, arena.open() as client:

        def make(count: int) -> None:
            # In parts, or how many there are at once would depend on how busy the machine is.
            for _ in range(count // 5_000):
                for _ in range(5_000):
                    client.tool("")
                until(lambda: client.census().alive() == 0)

        # Where no more are there at once later on, however busy the machine is.
        tools = [client.tool("") for _ in range(5_000)]
        del tools
        make(10_000)
        before = resident(arena.program.pid)
        make(100_000)
        grown = resident(arena.program.pid) - before
    # The names of the closed are kept by the arena itself: a pointer for each.
    assert grown < 4 * 2**20, f"{grown} bytes for 100,000 objects"
