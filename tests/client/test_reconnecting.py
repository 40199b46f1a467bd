"""Clients whose server goes away, for a while or for good."""

from __future__ import annotations

import os
import socket
import threading
import time
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.arena.manager import ArenaManager
from support.arena.serving import Served, free_url, serve_arena, start_arena
from support.channels import channel_of, kinfolks_own
from support.threads import Run, until

import kinfolk
from kinfolk.client.channel import SocketChannel
from kinfolk.client.connection import Connection
from kinfolk.errors import (
    CallTimeout,
    ConnectionClosed,
    ConnectionLost,
    HandshakeFailed,
    NotRunning,
    ObjectGone,
)
from kinfolk.unsettled import Unsettled, raised_in_block
from kinfolk.wire.versions import Differences


def left_alone(folder: Path, **rest: Any) -> tuple[Served, ArenaManager]:
    """Return a server that was killed, and a client that does not know yet."""
    with serve_arena("unix", folder) as served:
        manager = served.open(**rest)
        served.program.kill()
    return served, manager


def bereft(folder: Path, **rest: Any) -> tuple[Served, ArenaManager]:
    """Return a server that was killed, and a client that has been told so."""
    served, manager = left_alone(folder, **rest)
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
    _, manager = bereft(short, timeout=5.0)
    with pytest.raises(NotRunning, match="kinfolk serve"):
        manager.ledger().note(1)
    with pytest.raises(CallTimeout) as caught, kinfolk.deadline(0.1):
        manager.ledger().note(1)
    assert caught.value.executed == "no"
    manager.close()


def test_a_last_try_that_comes_too_late_hides_nothing(short: Path) -> None:
    """What the tries before it met says what is wrong: here, something else than a server."""
    served, manager = bereft(short, timeout=3.0)
    until = time.monotonic() + 2.8

    def accept() -> None:
        while True:
            with listener.accept()[0] as sock:
                if time.monotonic() > until:
                    sock.recv(2**16)
                    ended.wait()
                    return
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    ended = threading.Event()
    path = served.url.removeprefix("unix://")
    Path(path).unlink()
    with socket.socket(socket.AF_UNIX) as listener, manager:
        listener.bind(path)
        listener.listen()
        run = Run(accept)
        with pytest.raises(HandshakeFailed, match="does not speak Kinfolk's protocol"):
            manager.ledger().note(1)
        ended.set()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(path)  # should there have been no try at all so late
        run.result()


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


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_block_that_ends_by_the_loss_of_its_session_says_just_that(
    short: Path, comes_back: bool
) -> None:
    """There is nothing left to give back, and that `__exit__` cannot is of no interest."""
    with ExitStack() as stack:
        first = stack.enter_context(serve_arena("unix", short))
        manager = stack.enter_context(first.open(timeout=60 if comes_back else 0.2))

        def work() -> None:
            with manager.lock():
                first.program.kill()
                if comes_back:
                    stack.enter_context(serve_arena("unix", short, first.url))
                manager.ledger().note(1)

        with pytest.raises(ConnectionLost) as raised:
            work()
        assert "ledger" in str(raised.traceback[1].statement)


def test_a_block_that_ends_by_the_loss_of_an_older_session_gives_its_lock_back(
    short: Path,
) -> None:
    """What is known of an earlier one says nothing of what this one has."""
    first, manager = left_alone(short)
    with pytest.raises(ConnectionLost) as lost:
        manager.ledger().note(1)
    with serve_arena("unix", short, first.url) as second, manager, second.open() as other:
        with pytest.raises(LookupError), manager.lock():
            raise LookupError from lost.value
        assert other.lock().acquire(blocking=False)


def test_only_an_exit_is_told_what_its_block_ends_by() -> None:
    """A `release` may be given an exception too, which says nothing of how it was called."""
    lost = ConnectionLost("lost", "no")
    assert raised_in_block("__exit__", {"exc_value": lost, "traceback": None}) is lost
    assert raised_in_block("release", {"reason": lost}) is None


def test_what_ends_a_block_is_shown_beside_what_its_exit_raises(short: Path) -> None:
    """The server is gone, and the block has failed by something else."""
    with serve_arena("unix", short) as first:
        manager = first.open()

        def work() -> None:
            with manager.lock():
                first.program.kill()
                raise LookupError("mine")

        with pytest.raises(ConnectionLost) as raised:
            work()
    assert "LookupError: mine" in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_what_gives_back_says_whether_it_has_run(kind: str, short: Path) -> None:
    """Where the server was killed before, or while the call waited for its turn, it has not."""
    journal = short / "journal"
    journal.touch()
    served = start_arena(free_url(kind, short), journal)
    with served.program:
        manager = served.open()
        ledger, gate = manager.ledger(), manager.gate()
        ledger.release(1)
        holder = Run(lambda: ledger.hold(gate))
        assert gate.until_inside(1)
        waiting = Run(lambda: ledger.release(2))
        with served.observe() as observer:
            until(lambda: any(wait.waiters for wait in observer.report().waits))
        served.program.kill()
    for run, expected in (holder, "unknown"), (waiting, "unknown"):
        with pytest.raises(ConnectionLost) as caught:
            run.result()
        assert caught.value.executed == expected
    assert journal.read_text() == "note 1\n"
    with start_arena(served.url, journal).program as program:
        ledger.note(3)
        program.kill()
    with pytest.raises(ConnectionLost) as caught:
        ledger.release(4)
    # By TCP it may have been sent before the client could know.
    assert caught.value.executed == "no" or (kind, caught.value.executed) == ("tcp", "unknown")
    assert journal.read_text() == "note 1\nnote 3\n"


def test_a_loss_that_was_seen_between_calls_is_told(short: Path) -> None:
    """The keeper finds it first, as it tells of a dead proxy; the next call says so, once."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        tool = manager.tool("old")
        manager.lock().acquire()
        first.program.kill()
    with serve_arena("unix", short, first.url) as second, manager, second.open() as other:
        del tool
        until(lambda: not channel_of(manager)._pool._connections)
        with pytest.raises(ConnectionLost) as caught:
            manager.ledger().note(1)
        assert caught.value.executed == "no"
        assert other.ledger().notes() == []
        assert manager.ledger().note(2) == 2


def test_a_loss_that_nobody_heard_of_is_told_once(short: Path) -> None:
    """Also where who found it has connected again meanwhile."""
    first, manager = left_alone(short)
    channel = channel_of(manager)
    with pytest.raises(ConnectionLost):
        channel.withdraw(1)
    with serve_arena("unix", short, first.url), manager:
        channel.withdraw(1)
        with pytest.raises(ConnectionLost) as caught:
            manager.ledger().note(1)
        assert caught.value.executed == "no"
        assert [manager.ledger().note(number) for number in (2, 3)] == [2, 3]


def test_an_interruption_that_nobody_hears_of_is_no_loss(short: Path) -> None:
    """As where a second Ctrl-C comes before the first has got out of a call."""
    with serve_arena("unix", short) as arena, arena.open() as manager:
        assert manager.ledger().note(1) == 1
        channel_of(manager).overlooked(KeyboardInterrupt())
        assert manager.ledger().note(2) == 2


def test_a_loss_that_was_told_is_not_told_again(short: Path) -> None:
    """Though another thread finds its connection lost too, and then connects again."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        channel = channel_of(manager)
        late = channel._pool.take()
        manager.ledger().note(1)
        first.program.kill()
    with pytest.raises(ConnectionLost):
        manager.ledger().note(2)
    late.connection.intact = False
    channel._pool.give_up(late, ConnectionLost("by a thread that nobody hears"), heard=False)
    with serve_arena("unix", short, first.url), manager:
        channel.withdraw(1)
        assert [manager.ledger().note(number) for number in (3, 4)] == [3, 4]


def test_a_connection_given_back_after_the_loss_fails_no_call(short: Path) -> None:
    """It was in use when another was found lost, as by a thread that comes back late."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        pool = channel_of(manager)._pool
        late = pool.take()
        manager.ledger().note(1)
        first.program.kill()
    with pytest.raises(ConnectionLost):
        manager.ledger().note(2)
    pool.give_back(late)
    with serve_arena("unix", short, first.url), manager:
        assert manager.ledger().note(3) == 3


def test_a_loss_while_another_connection_is_opened_is_told_once(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server welcomed it, and ended before it was in use: it is opened again."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        channel = channel_of(manager)
        used = channel._pool.take()
        meet = channel.meet

        def end_meanwhile(connection: Connection, until: float) -> Differences | None:
            found = meet(connection, until)
            monkeypatch.undo()
            first.program.kill()
            channel._pool.give_back(used)
            with pytest.raises(ConnectionLost):
                manager.ledger().note(1)
            return found

        monkeypatch.setattr(channel, "meet", end_meanwhile)
        run = Run(lambda: manager.ledger().note(2))
        until(lambda: first.program.process.poll() is not None)
    with serve_arena("unix", short, first.url), manager:
        assert run.result() == 2
        assert manager.ledger().note(3) == 3


def test_a_loss_that_only_a_fork_met_is_told(short: Path) -> None:
    """What is lent to a child is asked for by nobody who could hear of it."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        tool = manager.tool("old")
        first.program.kill()
    with serve_arena("unix", short, first.url), manager:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(ConnectionLost):
            manager.ledger().note(1)
        assert manager.ledger().note(2) == 2
        del tool


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


def test_connections_that_were_idle_are_closed_with_their_session(short: Path) -> None:
    """However many there were, none stays among those of the next session, or in its way."""
    with serve_arena("unix", short) as first:
        manager = first.open()
        pool = channel_of(manager)._pool
        for lease in [pool.take() for _ in range(17)]:
            pool.give_back(lease)
        first.program.kill()
    with pytest.raises(ConnectionLost):
        manager.ledger().note(1)
    with serve_arena("unix", short, first.url) as second, manager, second.open() as other:
        assert manager.lock().acquire()
        assert len(pool._connections) == len(pool._idle) == 1
        assert not other.lock().acquire(blocking=False)
        manager.lock().release()


def test_of_two_threads_one_is_told(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the other calls before the first has heard, it goes on with the new session."""
    first, manager = left_alone(short)
    pool = channel_of(manager)._pool
    with serve_arena("unix", short, first.url), manager:
        forget = pool._forget
        notes: list[int] = []

        def call_meanwhile(connection: Connection) -> None:
            forget(connection)
            monkeypatch.undo()
            notes.append(Run(lambda: manager.ledger().note(2)).result())

        monkeypatch.setattr(pool, "_forget", call_meanwhile)
        with pytest.raises(ConnectionLost):
            manager.ledger().note(1)
        assert notes == [2]


def test_a_loss_is_told_later_where_a_signal_handler_raises_first(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever calls hears of that, and the next call of the loss."""
    first, manager = left_alone(short)
    channel = channel_of(manager)

    @kinfolks_own
    def lose(connection: Connection, *_: object) -> None:
        connection.intact = False
        raise ConnectionLost("in the middle of the call", "unknown")

    def interrupt(*_: object) -> None:
        channel.unsettled.left.clear()
        raise KeyboardInterrupt

    with serve_arena("unix", short, first.url), manager:
        monkeypatch.setattr(Connection, "exchange", lose)
        monkeypatch.setattr(Unsettled, "_withdraw", interrupt)
        monkeypatch.setattr(SocketChannel, "linked", True)
        with pytest.raises(KeyboardInterrupt):
            manager.ledger().note(1)
        monkeypatch.undo()
        with pytest.raises(ConnectionLost):
            manager.ledger().note(2)
        assert manager.ledger().note(3) == 3
