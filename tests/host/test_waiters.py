"""Results that come later, without a host."""

from __future__ import annotations

import gc
import signal
import threading
import weakref
from collections.abc import Callable

import pytest
from support.threads import Run, until

from kinfolk.errors import ConnectionLost
from kinfolk.host.chains import acting_for, current_owner
from kinfolk.host.owners import THIS_PROCESS, Lifetime, Owner
from kinfolk.host.timer import Timer, timer
from kinfolk.host.waiters import Pending, Settled, Waiters, deferred, deferred_of, later


class Receiver:
    """Takes results, and says whether it could pass them on."""

    def __init__(self, *, reached: bool = True) -> None:
        self.reached = reached
        self.results: list[object] = []

    def __call__(self, pending: Pending[str]) -> bool:
        """Take one."""
        try:
            self.results.append(pending.result())
        except KeyError as error:
            self.results.append(error)
        return self.reached


class Undo:
    """Counts how often a grant was taken back."""

    count = 0

    def __call__(self) -> None:
        """Take it back."""
        self.count += 1


def waiting() -> tuple[Waiters[str], Pending[str]]:
    """One who waits without limit."""
    waiters: Waiters[str] = Waiters()
    return waiters, waiters.add(None, "late")


# --- Settling


def test_waiters_are_served_in_the_order_of_arrival() -> None:
    """`next` takes the first one out; None when nobody waits."""
    waiters: Waiters[str] = Waiters()
    one, two = waiters.add(None, "late"), waiters.add(None, "late")
    assert len(waiters) == 2
    assert waiters.next() is one
    assert waiters.next() is two
    assert waiters.next() is None


@pytest.mark.parametrize("delivered_first", [True, False])
def test_a_result_arrives_whoever_comes_first(delivered_first: bool) -> None:
    """It is passed on at once if somebody takes it, else as soon as somebody does."""
    receive, undo = Receiver(), Undo()
    _, pending = waiting()
    if delivered_first:
        pending.deliver(receive)
    assert pending.settle("mine", undo)
    if not delivered_first:
        pending.deliver(receive)
    assert receive.results == ["mine"]
    assert undo.count == 0


def test_a_result_can_be_an_exception() -> None:
    """`fail` raises at the caller."""
    receive = Receiver()
    _, pending = waiting()
    pending.deliver(receive)
    error = KeyError("x")
    assert pending.fail(error)
    assert receive.results == [error]


def test_a_result_comes_once() -> None:
    """Settling again is a mistake of the class."""
    _, pending = waiting()
    pending.settle("mine")
    with pytest.raises(RuntimeError, match="settled once"):
        pending.settle("again")


def test_a_caller_who_cannot_be_reached_has_been_granted_nothing() -> None:
    """`settle` says so, and whoever grants takes the next one instead of undoing."""
    undo = Undo()
    _, pending = waiting()
    pending.deliver(Receiver(reached=False))
    assert not pending.settle("mine", undo)
    assert undo.count == 0


def test_a_grant_is_undone_if_the_caller_turns_out_to_be_gone() -> None:
    """It had been settled before anybody came to take it, and that one could not pass it on."""
    undo = Undo()
    _, pending = waiting()
    assert pending.settle("mine", undo)
    pending.deliver(Receiver(reached=False))
    assert undo.count == 1


def test_one_that_is_settled_already_is_passed_over() -> None:
    """Its deadline came at the moment in which it would have been served."""
    waiters: Waiters[str] = Waiters()
    one, two = waiters.add(None, "late"), waiters.add(None, "late")
    assert one.claim()
    assert not one.claim()
    assert waiters.next() is two


# --- Withdrawing


def test_who_withdraws_waits_no_more() -> None:
    """It is gone from the queue, and settling it has no effect."""
    waiters, pending = waiting()
    pending.withdraw()
    assert len(waiters) == 0
    assert waiters.next() is None
    assert not pending.settle("mine")


def test_withdrawing_between_claim_and_grant_refuses_the_grant() -> None:
    """Whoever took it out of the queue finds that nobody wants it."""
    waiters, pending = waiting()
    assert waiters.next() is pending
    pending.withdraw()
    assert not pending.settle("mine")


def test_withdrawing_what_was_granted_and_not_told_undoes_it_at_once() -> None:
    """Nothing belongs any more to who has been told that it was withdrawn."""
    undo = Undo()
    waiters, pending = waiting()
    assert waiters.next() is pending
    assert pending.grant(undo)
    pending.withdraw()
    assert undo.count == 1
    assert pending.settle("mine")  # nothing is left that somebody would have to take back
    assert undo.count == 1


def test_nothing_is_granted_to_who_withdrew() -> None:
    """Whoever would grant it goes on to the next."""
    undo = Undo()
    waiters, pending = waiting()
    assert waiters.next() is pending
    pending.withdraw()
    assert not pending.grant(undo)
    assert undo.count == 0


def test_a_grant_that_could_not_be_passed_on_is_undone() -> None:
    """Once, whoever withdraws it besides."""
    undo = Undo()
    waiters, pending = waiting()
    pending.deliver(Receiver(reached=False))
    assert waiters.next() is pending
    assert pending.grant(undo)
    assert pending.settle("mine")
    pending.withdraw()
    assert undo.count == 1


def test_what_cannot_be_passed_on_without_a_grant_is_left_to_who_settles() -> None:
    """Nothing belongs to the owner yet, so there is nothing to undo."""
    undo = Undo()
    _, pending = waiting()
    pending.deliver(Receiver(reached=False))
    assert not pending.settle("mine", undo)
    pending.withdraw()
    assert undo.count == 0


def test_withdrawing_ends_when_the_grant_is_undone() -> None:
    """Also where another thread is about it: until then it still belongs to the owner."""
    undoing, go = threading.Event(), threading.Event()
    steps: list[str] = []

    def undo() -> None:
        undoing.set()
        assert go.wait(30)
        steps.append("undone")

    waiters, pending = waiting()
    pending.deliver(Receiver(reached=False))
    assert waiters.next() is pending
    assert pending.grant(undo)
    settling = Run(lambda: pending.settle("mine"))
    assert undoing.wait(30)

    def withdraw() -> None:
        pending.withdraw()
        steps.append("withdrawn")

    withdrawing = Run(withdraw)
    go.set()
    assert settling.result()
    withdrawing.result()
    assert steps == ["undone", "withdrawn"]


def test_withdrawing_after_the_grant_undoes_it_once() -> None:
    """The reply and the withdrawal crossed."""
    undo = Undo()
    _, pending = waiting()
    pending.deliver(Receiver())
    pending.settle("mine", undo)
    pending.withdraw()
    pending.withdraw()
    assert undo.count == 1


def test_what_has_arrived_is_kept_by_nothing_of_its_own() -> None:
    """What it would undo, such as putting back an item, goes with the last who knows of it."""
    undo = Undo()
    gone = weakref.ref(undo)
    _, pending = waiting()
    pending.deliver(lambda _, pending=pending: pending.arrived)  # type: ignore[misc]
    gc.disable()
    try:
        assert pending.settle("mine", undo)
        del undo, pending
        assert gone() is None
    finally:
        gc.enable()


def test_withdrawing_while_the_result_is_passed_on_refuses_the_grant() -> None:
    """Either the one who grants takes it back, or `undo` does, and never both."""
    undo = Undo()
    _, pending = waiting()

    def receive(pending: Pending[str]) -> bool:
        pending.withdraw()
        return True

    pending.deliver(receive)
    assert not pending.settle("mine", undo)
    assert undo.count == 0


def test_a_result_that_is_there_at_once_can_be_undone() -> None:
    """An immediate grant may be withdrawn like one that was waited for."""
    undo = Undo()
    granted = Settled("mine", undo)
    assert granted.take() == "mine"
    assert granted.withdraw()
    assert granted.withdraw()
    assert undo.count == 1


def test_what_is_left_until_the_caller_was_answered_is_done_once() -> None:
    """By whoever answers it, or at once where it is called directly."""
    done: list[int] = []
    granted = Settled("mine", Undo(), lambda: done.append(1))
    assert granted.take() == "mine"
    assert not done
    for _ in range(2):
        granted.told()
    assert done == [1]
    assert Settled("mine", Undo(), lambda: done.append(2)).wait() == "mine"
    assert done == [1, 2]


def test_a_grant_that_stays_says_so_to_all_who_withdraw_it() -> None:
    """Others than the first wait for what that one finds out."""
    release = threading.Event()

    def undo() -> bool:
        assert release.wait(10)
        return False

    granted = Settled("mine", undo)
    runs = [Run(granted.withdraw) for _ in range(3)]
    until(lambda: granted._undo is None)
    release.set()
    assert [run.result() for run in runs] == [False, False, False]


# --- Deadlines


def test_a_call_that_no_timer_can_end_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of threads its caller is told so, and the next time-out starts the timer."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    own = Timer()
    monkeypatch.setattr("kinfolk.host.waiters.timer", own)
    waiters: Waiters[str] = Waiters()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            waiters.add(10.0, "late")
    assert len(waiters) == len(own) == 0
    assert waiters.add(0.01, "late").wait() == "late"


def test_a_deadline_settles_with_what_was_said() -> None:
    """The waiter leaves the queue and gets the value for those who are late."""
    waiters: Waiters[str] = Waiters()
    assert waiters.add(0.0, "late").wait() == "late"
    assert len(waiters) == 0


def test_a_deadline_can_raise() -> None:
    """An exception in place of the value is raised."""
    waiters: Waiters[str] = Waiters()
    with pytest.raises(KeyError):
        waiters.add(0.0, KeyError("late")).wait()


def test_a_deadline_after_the_grant_has_no_effect() -> None:
    """Whoever was served in time keeps what it got."""
    receive = Receiver()
    waiters: Waiters[str] = Waiters()
    pending = waiters.add(1000, "late")
    pending.deliver(receive)
    waiters.next()
    pending.settle("mine")
    assert receive.results == ["mine"]


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_without_time_it_expires_at_once(seconds: float) -> None:
    """Nobody else has to come for that."""
    _, pending = waiting()
    pending.expire_after(seconds, "late")
    assert pending.result() == "late"


def test_what_was_claimed_needs_no_alarm() -> None:
    """Most calls are served at once, and their deadlines must not pile up."""
    waiters, pending = waiting()
    assert waiters.next() is pending
    alarms = len(timer)
    pending.expire_after(1000, "late")
    assert len(timer) == alarms
    assert pending.claimed


def test_a_result_is_taken_once() -> None:
    """Whoever remembers the call does not keep what it returned."""
    for outcome in ("mine", KeyError("x")):
        _, pending = waiting()
        if isinstance(outcome, str):
            pending.settle(outcome)
            assert pending.take() == outcome
        else:
            pending.fail(outcome)
            with pytest.raises(KeyError):
                pending.take()
        assert pending.failed is not isinstance(outcome, str)
        assert pending._outcome == (None, None)


def test_what_cannot_be_undone_is_said_to_stay() -> None:
    """`withdraw` returns whether it is as if the call had not been."""
    _, pending = waiting()
    pending.settle("mine", lambda: False)
    assert not pending.withdraw()
    assert not pending.withdraw()


# --- Waiting in a thread


class Gate:
    """Waits until it is opened."""

    def __init__(self) -> None:
        self.waiters: Waiters[str] = Waiters()

    @deferred
    def wait(self, name: str) -> str:
        """Return the name and what was said."""
        return later(self.waiters.add(None, name))

    @deferred
    def now(self) -> str:
        """Return without waiting."""
        return "now"


def test_a_direct_call_blocks_its_thread() -> None:
    """Without a host, a deferred method returns what it was settled with."""
    gate = Gate()
    run = Run(lambda: gate.wait("x"))
    until(lambda: len(gate.waiters))
    pending = gate.waiters.next()
    assert pending is not None
    pending.settle("opened")
    assert run.result() == "opened"
    assert gate.now() == "now"


def test_a_host_gets_the_method_that_does_not_block() -> None:
    """What `@deferred` decorates can be had, of the function and of a bound method."""
    gate = Gate()
    raw = deferred_of(gate.wait)
    assert raw is not None
    assert isinstance(raw(gate, "x"), Pending)
    assert deferred_of(gate.waiters.add) is None


def test_an_interrupted_wait_is_withdrawn() -> None:
    """Ctrl-C takes the one who waited out of the queue."""
    gate = Gate()

    def interrupt() -> None:
        until(lambda: len(gate.waiters))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    run = Run(interrupt)
    with pytest.raises(KeyboardInterrupt):
        gate.wait("x")
    run.result()
    assert len(gate.waiters) == 0


@pytest.mark.parametrize("ended_first", [True, False])
def test_the_end_of_the_session_ends_a_wait_in_a_thread(ended_first: bool) -> None:
    """A thread that serves a process which is gone does not wait for ever."""
    gate, session = Gate(), Lifetime()

    def serve() -> str:
        with acting_for(Owner(session, 1)):
            return gate.wait("x")

    if ended_first:
        session.end()
    run = Run(serve)
    until(lambda: ended_first or len(gate.waiters))
    session.end()
    with pytest.raises(ConnectionLost) as lost:
        run.result()
    assert lost.value.executed == "no"
    assert len(gate.waiters) == 0


# --- Owners


def test_a_thread_that_serves_nobody_is_its_own_owner() -> None:
    """Each thread is another one, and never the one of a thread that has ended."""
    mine = current_owner()
    assert mine == current_owner()
    assert mine.session is THIS_PROCESS
    others = {Run(current_owner).result() for _ in range(5)}
    assert len({mine, *others}) == 6


def test_a_call_belongs_to_the_one_who_made_it() -> None:
    """Within the block, and what was before is so again after it."""
    mine, other = current_owner(), Owner(Lifetime(), 7)
    with acting_for(other):
        assert current_owner() == other
        with acting_for(mine):
            assert current_owner() == mine
        assert current_owner() == other
    assert current_owner() == mine


def test_what_is_to_be_done_at_the_end_is_done_once() -> None:
    """In order, but for what was taken back; a failure does not stop the others."""
    session, done = Lifetime(), list[str]()

    def add(name: str) -> Callable[[], None]:
        return lambda: done.append(name)

    for name in ("a", "b", "c"):
        assert session.at_end(name, add(name))
    session.forget("b")
    session.at_end("broken", lambda: 1 / 0)
    session.at_end("d", add("d"))
    assert session.end()
    assert session.ended
    assert not session.end()
    assert not session.at_end("e", add("e"))
    assert done == ["a", "c", "d"]
