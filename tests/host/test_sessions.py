"""Calls that wait, and what happens to them when the caller goes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from support.hosted.client import AsReferences, Client, new_host
from support.hosted.manager import OFFER, FrontierProxy, GateProxy, VaultProxy
from support.threads import Run, until

from kinfolk.errors import ProtocolError
from kinfolk.host import sessions
from kinfolk.host.chains import graph
from kinfolk.host.hosting import Host
from kinfolk.host.turns import turn_of
from kinfolk.host.waiters import Settled
from kinfolk.limits import Limits
from kinfolk.types.locks_manager import RLockProxy
from kinfolk.wire.messages import Call, Failed, Result, Stop

LOCK = OFFER.members(RLockProxy)
GATE = OFFER.members(GateProxy)


@pytest.fixture
def host() -> Host:
    """A host of its own for each test."""
    return new_host()


def acquire(client: Client, caller: int = 1, **arguments: object) -> int:
    """Ask for the lock."""
    return client.start("lock", LOCK["acquire"], caller, **arguments)


def has_it(client: Client, call: int) -> bool | None:
    """Whether a call was answered, and with what."""
    reply = client.replies.get(call)
    return None if reply is None else client.result(LOCK["acquire"], call) is True


def release(client: Client, caller: int = 1) -> object:
    """Release the lock."""
    return client.call("lock", RLockProxy, "release", caller)


def is_free(host: Host) -> bool:
    """Whether a newcomer gets the lock at once."""
    client = Client(host)
    got = has_it(client, acquire(client, blocking=False))
    client.link.close()
    return got is True


# --- Waiting


def test_a_held_lock_answers_when_it_is_free(host: Host) -> None:
    """In the order of arrival, in whichever thread frees it."""
    one, two, three = Client(host), Client(host), Client(host)
    assert has_it(one, acquire(one)) is True
    second, third = acquire(two), acquire(three)
    assert has_it(two, second) is has_it(three, third) is None
    assert (two.session.waiting, one.session.waiting) == (1, 0)
    Run(lambda: release(one)).result()
    assert has_it(two, second) is True
    assert has_it(three, third) is None
    release(two)
    assert has_it(three, third) is True


def test_a_thousand_waiting_calls_need_no_thread(host: Host) -> None:
    """They wait in the host, not in threads."""
    holder, waiters = Client(host), Client(host)
    acquire(holder)
    acquire(holder, timeout=1000)
    acquire(waiters, 0, timeout=1000)  # the timer's thread is there from here on
    threads = threading.active_count()
    calls = [acquire(waiters, caller, timeout=1000) for caller in range(1, 1000)]
    assert threading.active_count() == threads
    assert waiters.session.waiting == 1000
    release(holder)
    release(holder)
    for caller in range(1000):
        release(waiters, caller)
    assert all(has_it(waiters, call) for call in calls)


def test_a_timeout_answers_no(host: Host) -> None:
    """The lock stays with whoever has it."""
    holder, waiter = Client(host), Client(host)
    acquire(holder)
    call = acquire(waiter, timeout=0.01)
    until(lambda: call in waiter.replies)
    assert has_it(waiter, call) is False
    assert has_it(waiter, acquire(waiter, blocking=False)) is False


def test_callers_and_sessions_are_owners(host: Host) -> None:
    """Only who acquired it can release it, also among threads of one process."""
    one, two = Client(host), Client(host)
    acquire(one, 1)
    assert has_it(one, acquire(one, 1)) is True
    assert has_it(one, acquire(one, 2, blocking=False)) is False
    assert release(one, 2) == (
        "RuntimeError",
        "cannot release a lock that this caller does not have",
    )
    assert release(two, 1) == (
        "RuntimeError",
        "cannot release a lock that this caller does not have",
    )
    assert release(one, 1) is None


def test_with_uses_the_same_ownership(host: Host) -> None:
    """`__enter__` waits and `__exit__` releases."""
    one, two = Client(host), Client(host)
    assert one.call("lock", RLockProxy, "__enter__") is True
    waits = two.start("lock", LOCK["__enter__"])
    assert waits not in two.replies
    nothing = {"exc_type": None, "exc_value": None, "traceback": None}
    assert one.call("lock", RLockProxy, "__exit__", **nothing) is None
    assert has_it(two, waits) is True


# --- Withdrawing


def test_a_call_that_waits_can_be_withdrawn(host: Host) -> None:
    """It fails, and the next one gets what it would have got."""
    one, two, three = Client(host), Client(host), Client(host)
    acquire(one)
    second, third = acquire(two), acquire(three)
    two.withdraw(second)
    failed = two.replies[second]
    assert isinstance(failed, Failed)
    assert failed.failure.message == "The call was withdrawn while it waited"
    assert two.session.waiting == 0
    release(one)
    assert has_it(three, third) is True


def test_a_withdrawal_that_crosses_the_grant_undoes_it(host: Host) -> None:
    """Whether it had waited or not; its reply has been sent and nobody heeds it."""
    one, two, three = Client(host), Client(host), Client(host)
    first, second, third = acquire(one), acquire(two), acquire(three)
    one.withdraw(first)
    assert has_it(two, second) is True
    two.withdraw(second)
    assert has_it(three, third) is True
    three.withdraw(third)
    assert is_free(host)


def test_a_withdrawal_while_the_answer_is_written_undoes_the_grant(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told once, and what it would have got goes to the next."""
    one, two, three = Client(host), Client(host), Client(host)
    acquire(one)
    second, third = acquire(two), acquire(three)
    service, finish = two.session.service, two.session.service.finish

    def withdrawn(waiting: Any) -> Any:
        reply = finish(waiting)
        two.withdraw(second)
        return reply

    monkeypatch.setattr(service, "finish", withdrawn)
    release(one)
    assert isinstance(two.replies[second], Failed)
    assert has_it(three, third) is True
    assert two.session.withdraw(second) == "no"


def test_withdrawing_what_was_never_called_has_no_effect(host: Host) -> None:
    """Nor does withdrawing what has returned."""
    client = Client(host)
    call = client.start("frontier", OFFER.members(FrontierProxy)["pop"])
    client.withdraw(call)
    client.withdraw(12345)
    assert isinstance(client.replies[call], Result)


def test_a_call_withdrawn_before_it_came_to_wait_does_not_wait(host: Host) -> None:
    """The withdrawal came through while the call was on its way to the queue."""
    holder, client = Client(host), Client(host)
    acquire(holder)
    lock = host._objects._named["lock"].obj
    lock._guard.acquire()
    run = Run(lambda: acquire(client))
    until(lambda: client.link._running)
    (call,) = client.link._running
    client.withdraw(call)
    lock._guard.release()
    assert run.result() == call
    assert isinstance(client.replies[call], Failed)
    assert len(lock._waiters) == 0


# --- The end of links and sessions


def test_the_end_of_a_session_frees_its_lock(host: Host) -> None:
    """With the last link, not before."""
    one, two = Client(host), Client(host)
    second_link = Client(host, one.session)
    acquire(one)
    call = acquire(two)
    one.link.close()
    assert has_it(two, call) is None
    second_link.link.close()
    assert has_it(two, call) is True


def test_a_closed_link_waits_for_nothing(host: Host) -> None:
    """Its waiting calls are withdrawn though the session goes on."""
    one, two = Client(host), Client(host)
    other = Client(host, two.session)
    acquire(one)
    acquire(two)
    two.link.close()
    assert len(host._objects._named["lock"].obj._waiters) == 0
    release(one)
    assert not two.replies
    assert not two.session.ended
    assert is_free(host)
    other.link.close()


def test_a_call_that_waits_has_not_run_though_its_link_is_just_being_closed(host: Host) -> None:
    """Whoever asks in that moment hears of it when nothing can be granted to it any more."""
    one, two = Client(host), Client(host)
    other = Client(host, two.session)
    acquire(one)
    call = acquire(two)
    with host._objects._named["lock"].obj._waiters._lock:
        closing = Run(two.link.close)
        until(lambda: not two.link._waiting)
        asking = Run(lambda: other.session.withdraw(call))
        until(lambda: call in two.session.withdrawn)
    assert asking.result() == "no"
    closing.result()
    assert other.session.withdraw(call) == "no"


def test_whoever_asks_at_the_same_time_hears_the_same(host: Host) -> None:
    """And only when the lock is free, though another thread is giving it back."""
    client = Client(host)
    other = Client(host, client.session)
    call = acquire(client)
    granted = client.session._granted.get(call)
    assert isinstance(granted, Settled)
    with host._objects._named["lock"].obj._guard:
        asking = [Run(lambda: other.session.withdraw(call)) for _ in range(2)]
        until(lambda: granted._undo is None)
    assert [run.result() for run in asking] == ["no", "no"]
    assert is_free(host)


def test_a_call_that_waits_for_its_turn_has_not_run_either(host: Host) -> None:
    """Its link took it out of the queue, and has not come to telling so."""
    client = Client(host)
    other = Client(host, client.session)
    turn = host._objects._named["frontier"].turn
    assert turn is not None
    turn.take("a test")
    waiting = Run(lambda: client.start("frontier", OFFER.members(FrontierProxy)["pop"]))
    until(lambda: turn.waiting)
    (call,) = client.link._queued
    with graph.lock:
        closing = Run(client.link.close)
        until(lambda: not client.link._queued)
        assert other.session.withdraw(call) == "no"
    closing.result()
    assert waiting.result() == call
    turn.leave()
    assert other.session.withdraw(call) == "no"


class Meanwhile(dict[int, Any]):
    """Has something done before or after each entry that comes in."""

    def __init__(self, act: Callable[[], object], *, after: bool) -> None:
        super().__init__()
        self._act = act
        self._after = after

    def __setitem__(self, call: int, value: Any) -> None:
        if not self._after:
            self._act()
        super().__setitem__(call, value)
        if self._after:
            self._act()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("table", ["_queued", "_running"])
@pytest.mark.parametrize("closing", [False, True])
def test_a_call_withdrawn_as_it_comes_has_not_run(
    host: Host, table: str, after: bool, closing: bool
) -> None:
    """Whatever has been noted of it at that moment; also where its link is just being closed."""
    client = Client(host)
    other = Client(host, client.session)
    found: list[str] = []

    def withdraw() -> None:
        if closing:
            client.link.close()
        found.append(other.session.withdraw(max(client.session.under_way)))

    setattr(client.link, table, Meanwhile(withdraw, after=after))
    members = OFFER.members(FrontierProxy)
    call = client.start("frontier", members["push"], url="https://example.org")
    assert found == ["no"]
    assert other.session.withdraw(call) == "no"
    assert other.call("frontier", FrontierProxy, "__len__") == 0


def test_a_call_that_comes_while_it_is_looked_for_has_not_run(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not among those that wait for their turn, and then is among those under way."""
    client = Client(host)
    other = Client(host, client.session)
    push = OFFER.members(FrontierProxy)["push"]
    data = msgspec.Raw(push.arguments.encode({"url": "https://example.org"}, AsReferences()))
    coming = Call(1_000_000, "frontier", "push", 1, data)
    runs: list[Run[None]] = []
    stop_waiting = client.link._stop_waiting

    def come_meanwhile(call: int) -> Any:
        if not runs:
            runs.append(Run(lambda: client.link.receive(coming, client.answer)))
            until(lambda: client.link._running and client.link._queued)
        return stop_waiting(call)

    monkeypatch.setattr(client.link, "_stop_waiting", come_meanwhile)
    assert client.session.withdraw(coming.call) == "no"
    runs[0].result()
    assert client.session.withdraw(coming.call) == "no"
    assert other.call("frontier", FrontierProxy, "__len__") == 0


def test_a_call_that_gives_back_is_seen_to_its_end(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next call of who was thrown out of it must not come before it."""
    client = Client(host)
    other = Client(host, client.session)
    release = Call(7, "lock", "release", 1, msgspec.Raw(b"\x80"))
    client.link._running[7] = release
    client.session.service._given_back.append(7)

    def sleep(_: float) -> None:
        client.link._running.pop(7)

    monkeypatch.setattr(sessions, "time", SimpleNamespace(sleep=sleep))
    assert other.session.withdraw(7) == "yes"
    assert not client.link.runs(7)


def test_a_link_that_was_closed_while_it_worked_is_forgotten(host: Host) -> None:
    """Once that has ended, whether the call would have waited or not."""
    holder, client = Client(host), Client(host)
    Client(host, client.session)
    acquire(holder)
    lock = host._objects._named["lock"].obj
    with lock._guard:
        run = Run(lambda: acquire(client))
        until(lambda: client.link._running)
        client.link.close()
        assert client.session._fading
    run.result()
    assert not client.session._fading
    assert len(lock._waiters) == 0


def test_a_grant_that_cannot_be_sent_goes_to_the_next(host: Host) -> None:
    """The connection has broken, and its link is not closed yet."""
    one, two, three = Client(host), Client(host), Client(host)
    acquire(one)
    acquire(two)
    call = acquire(three)
    two.broken = True
    release(one)
    assert has_it(three, call) is True


def test_an_immediate_grant_that_cannot_be_sent_is_undone(host: Host) -> None:
    """As one that was waited for."""
    client = Client(host)
    client.broken = True
    acquire(client)
    assert is_free(host)


def test_an_answer_that_fails_is_no_affair_of_who_releases(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """The call of another client succeeds, and the failure is logged."""
    one, two = Client(host), Client(host)
    acquire(one)
    data = OFFER.members(RLockProxy)["acquire"]
    two.answer = lambda reply: 1 / 0  # type: ignore[assignment, method-assign]
    two.start("lock", data)
    assert release(one) is None
    assert is_free(host)
    assert "ZeroDivisionError" in caplog.text


def test_a_wait_may_end_in_an_exception(host: Host) -> None:
    """The caller gets it, and the one who ended the wait hears that it arrived."""
    one, two = Client(host), Client(host)
    acquire(one)
    call = acquire(two)
    waiter = host._objects._named["lock"].obj._waiters.next()
    assert waiter.fail(KeyError("x"))
    assert two.result(LOCK["acquire"], call) == ("KeyError", "'x'")


def test_a_result_that_cannot_be_sent_is_undone(host: Host) -> None:
    """What it returns is not what it declares, so nothing has been granted."""
    one, two = Client(host), Client(host)
    acquire(one)
    call = acquire(two)
    waiter = host._objects._named["lock"].obj._waiters.next()
    assert not waiter.settle("yes")
    assert two.result(LOCK["acquire"], call)[0] == "ResultError"


def test_a_closed_link_takes_nothing(host: Host) -> None:
    """No call runs, and none is answered."""
    client = Client(host)
    client.link.close()
    acquire(client)
    assert not client.replies
    assert is_free(host)


def test_a_session_of_many_waiting_calls_ends(host: Host) -> None:
    """While others release, and without a stack overflow."""
    holder, dying = Client(host), Client(host)
    acquire(holder)
    for caller in range(1500):
        acquire(dying, caller)
    closing = Run(dying.link.close)
    release(holder)
    closing.result()
    assert is_free(host)


# --- Threads that wait


def test_an_object_waits_in_its_thread_for_the_caller(host: Host) -> None:
    """A call made by an object belongs to the client whose call it serves."""
    one, two = Client(host), Client(host)
    acquire(one)
    assert one.call("gate", GateProxy, "under_lock") is True
    run = Run(lambda: two.call("gate", GateProxy, "under_lock"))
    lock = host._objects._named["lock"].obj
    until(lambda: len(lock._waiters))
    release(one)
    assert run.result() is True
    assert is_free(host)


def test_the_end_of_its_session_ends_a_wait_in_a_thread(host: Host) -> None:
    """The thread of a dead client does not wait for ever, nor get the lock."""
    one, two = Client(host), Client(host)
    acquire(one)
    run = Run(lambda: two.start("gate", GATE["under_lock"]))
    lock = host._objects._named["lock"].obj
    until(lambda: len(lock._waiters))
    two.link.close()
    run.result()
    assert not two.replies
    release(one)
    assert is_free(host)


def test_a_method_may_block_in_plain_python(host: Host) -> None:
    """It keeps its link's thread, and others may call meanwhile."""
    one, two = Client(host), Client(host)
    run = Run(lambda: one.call("gate", GateProxy, "wait"))
    until(lambda: one.link._running)
    two.call("gate", GateProxy, "open")
    assert run.result() is True


# --- Deadlocks with locks


def test_a_lock_and_a_turn_in_a_circle_raise_deadlock(host: Host) -> None:
    """One has the lock and wants the object, the other has the object and wants the lock."""
    one, two = Client(host), Client(host)
    acquire(one)
    run = Run(lambda: two.call("vault", VaultProxy, "read"))
    lock = host._objects._named["lock"].obj
    until(lambda: len(lock._waiters))
    until(lambda: thread_waits(lock))
    name, message = one.call("vault", VaultProxy, "read")
    assert name == "Deadlock"
    assert message.startswith("Vault.read would wait for Vault.read, which waits for the caller")
    assert message.endswith("the caller that has the lock, which made this call")
    release(one)
    assert run.result() == "gold"
    assert is_free(host)


def test_the_one_who_comes_to_the_lock_last_gets_deadlock(host: Host) -> None:
    """Whoever would close the circle is told, be it an object that wants a lock."""
    one, two = Client(host), Client(host)
    acquire(one)
    vault = host._objects._named["vault"].obj
    turn = turn_of(vault)
    assert turn is not None
    inside, go_on = threading.Event(), threading.Event()
    vault.inside, vault.go_on = inside, go_on
    first = Run(lambda: two.call("vault", VaultProxy, "read"))
    inside.wait(30)
    second = Run(lambda: one.call("vault", VaultProxy, "read"))
    until(lambda: turn.waiting)
    go_on.set()
    name, message = first.result()
    assert name == "Deadlock"
    assert message.startswith("RLock.__enter__ would wait for the caller that has the lock")
    assert message.endswith("which waits for Vault.read, which made this call")
    assert second.result() == "gold"
    release(one)
    assert is_free(host)


def test_a_wait_that_ends_by_itself_is_no_deadlock(host: Host) -> None:
    """After its deadline the object goes on, and so does the one who waits for it."""
    one, two = Client(host), Client(host)
    acquire(one)
    run = Run(lambda: two.call("vault", VaultProxy, "try_to_read", timeout=0.05))
    lock = host._objects._named["lock"].obj
    until(lambda: len(lock._waiters) or not run.running)
    assert one.call("vault", VaultProxy, "read") == "gold"
    assert run.result() == ""


def thread_waits(lock: Any) -> bool:
    """Whether a thread waits for what somebody has."""
    with graph.lock:
        return any(chain.waits_for is lock._held for chain in graph._waiting)


# --- Limits and mistakes


def test_so_many_calls_of_a_session_may_be_under_way() -> None:
    """The limit is told with the number; the others wait on."""
    host = new_host(Limits(calls=2))
    holder, client = Client(host), Client(host)
    acquire(holder)
    calls = [acquire(client, caller) for caller in range(3)]
    assert client.result(LOCK["acquire"], calls[2]) == (
        "LimitExceeded",
        "2 calls of this client are under way (limit 2)",
    )
    release(holder)
    assert has_it(client, calls[0]) is True


def test_a_host_cannot_be_stopped(host: Host) -> None:
    """That is for the server to do."""
    client = Client(host)
    with pytest.raises(ProtocolError):
        client.link.receive(Stop(1), client.answer)
