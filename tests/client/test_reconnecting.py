"""Clients whose server goes away, for a while or for good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.arena.manager import ArenaManager
from support.arena.serving import Served, serve_arena
from support.threads import Run, until

import kinfolk
from kinfolk.errors import CallTimeout, ConnectionClosed, ConnectionLost, NotRunning, ObjectGone


def bereft(folder: Path, **rest: Any) -> tuple[Served, ArenaManager]:
    """Return a server that was killed, and a client that has been told so."""
    with serve_arena("unix", folder) as served:
        manager = served.open(**rest)
        served.program.kill()
    with pytest.raises(ConnectionLost):
        manager.ledger().note(1)
    return served, manager


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_restarted_server_is_found_again(kind: str, short: Path) -> None:
    """Singletons go by name, and work again; what died with the server is gone for good."""
    with serve_arena(kind, short) as first:
        manager = first.open()
        ledger, tool, stream = manager.ledger(), manager.tool("old"), manager.tool("xyz").parts()
        assert next(stream) == "x"
        first.program.kill()
    with pytest.raises(ConnectionLost):
        ledger.note(1)
    with serve_arena(kind, short, first.url), manager:
        assert ledger.note(2) == 2
        assert ledger.notes() == [2]
        for _ in range(2):
            with pytest.raises(ObjectGone, match="its server has ended since"):
                tool.name()
        with pytest.raises(ObjectGone):
            next(stream)
        with pytest.raises(ObjectGone):
            manager.tool("new").befriend(tool)
        assert manager.tool("new").name() == "new"


def test_a_call_waits_for_the_server_to_come_back(short: Path) -> None:
    """As long as connecting may take, it tries again and again."""
    first, manager = bereft(short)
    run = Run(lambda: manager.ledger().note(2))
    with serve_arena("unix", short, first.url), manager:
        assert run.result() == 2


def test_a_call_stops_trying_in_time(short: Path) -> None:
    """After the time-out of `open`, or at the deadline, whichever comes first."""
    _, manager = bereft(short, timeout=0.3)
    with pytest.raises(NotRunning, match="kinfolk serve"):
        manager.ledger().note(1)
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0.1):
        manager.ledger().note(1)
    assert caught.value.executed == "no"
    manager.close()


def test_closing_ends_the_trying(short: Path) -> None:
    """The call that another thread has under way is told so."""
    _, manager = bereft(short)
    run = Run(lambda: manager.ledger().note(2))
    manager.close()
    with pytest.raises(ConnectionClosed):
        run.result()


def test_a_lock_of_a_lost_session_is_not_held(short: Path) -> None:
    """Its server forgot it, so releasing it is an error, and taking it is possible."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        manager.lock().acquire()
        first.program.kill()
    with pytest.raises(ConnectionLost):
        manager.lock().release()
    with serve_arena("unix", short, first.url) as second, manager, second.open() as other:
        with pytest.raises(RuntimeError):
            manager.lock().release()
        assert other.lock().acquire(blocking=False)


def test_a_loss_that_was_seen_between_calls_is_told(short: Path) -> None:
    """The keeper finds it first, as it tells of a dead proxy; the next call says so, once."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        tool = manager.tool("old")
        manager.lock().acquire()
        first.program.kill()
    with serve_arena("unix", short, first.url) as second, manager, second.open() as other:
        del tool
        until(lambda: not manager._channel._pool._connections)  # type: ignore[union-attr]
        with pytest.raises(ConnectionLost) as caught:
            manager.ledger().note(1)
        assert caught.value.executed == "no"
        assert other.ledger().notes() == []
        assert manager.ledger().note(2) == 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_loss_is_told_once(moment: str, short: Path) -> None:
    """Though the keeper found another connection lost too, at about the same time."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        pool = manager._channel._pool  # type: ignore[union-attr]
        first.program.kill()
    if moment == "before":
        pool.overlooked()
    with pytest.raises(ConnectionLost):
        manager.ledger().note(1)
    if moment == "after":
        pool.overlooked()
    with serve_arena("unix", short, first.url), manager:
        assert manager.ledger().note(2) == 2


def test_two_threads_meet_the_new_server_as_one_session(short: Path) -> None:
    """What one of them makes, the other can use."""
    first, manager = bereft(short)
    runs = [Run(lambda: manager.tool("new")) for _ in range(8)]
    with serve_arena("unix", short, first.url) as second, manager, second.open() as other:
        tools = [run.result() for run in runs]
        assert {tool.name() for tool in tools} == {"new"}
        assert other.census().alive() == 8
        del runs, tools
        until(lambda: other.census().alive() == 0)
