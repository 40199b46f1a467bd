"""What a host logs: where something was raised, and never what it holds."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.hosted.client import Client, new_host
from support.hosted.manager import FeedProxy
from support.samples import spec
from support.samples.manager import SampleManager
from support.threads import until

from kinfolk.errors import ArgumentError, RemoteError
from kinfolk.host.chains import current_owner
from kinfolk.host.owners import Lifetime
from kinfolk.host.places import raised
from kinfolk.host.refusals import log_raised
from kinfolk.host.streams import Stream
from kinfolk.host.timer import timer
from kinfolk.wire.codec import NO_REFERENCES, Codecs
from kinfolk.wire.messages import Items

SECRET = "a secret value"


def line_of(text: str) -> int:
    """Return the number of the line of the sample spec that has this text."""
    lines = Path(spec.__file__).read_text().splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if text in line]
    return number


def fail() -> None:
    """Raise an exception that holds a value."""
    raise ValueError(SECRET)


def test_what_a_method_raised_is_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    """The label, the class and the user's line are said; the message is the caller's affair."""
    caplog.set_level(logging.DEBUG, "kinfolk")
    with SampleManager.local() as manager, pytest.raises(ValueError, match=SECRET):
        manager.trouble().refuse(SECRET)
    line = line_of("raise ValueError(text)")
    assert f"Trouble.refuse raised ValueError at {spec.__file__}:{line}" in caplog.messages
    assert SECRET not in caplog.text


def test_an_exception_of_the_users_is_named_in_full(caplog: pytest.LogCaptureFixture) -> None:
    """Two classes of one name are told apart."""
    caplog.set_level(logging.INFO, "kinfolk")
    with SampleManager.local() as manager, pytest.raises(RemoteError):
        manager.trouble().puzzle()
    line = line_of("raise Odd(")
    expected = f"Trouble.puzzle raised support.samples.spec.Odd at {spec.__file__}:{line}"
    assert expected in caplog.messages


def test_arguments_that_are_refused_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither at the finest level: what a client sends is its own affair."""
    caplog.set_level(logging.DEBUG, "kinfolk")
    with SampleManager.local() as manager:
        frontier = manager.frontier()
        with pytest.raises((ArgumentError, TypeError)):
            frontier.push(url=SECRET, priority="high")  # type: ignore[arg-type]
        frontier.push(SECRET)
    assert SECRET not in caplog.text


def test_without_a_frame_of_the_users_the_place_is_ours() -> None:
    """So that a bug of ours can be found; one that was never raised has no place."""
    with pytest.raises(TypeError) as caught:
        Codecs().codec(int).decode(b"\xc1", NO_REFERENCES)
    error = caught.value
    assert error.__traceback__ is not None
    assert re.search(r"Mismatch at .*test_logging\.py:\d+$", raised(error))
    inner = error.with_traceback(error.__traceback__.tb_next)
    assert re.search(r"Mismatch at .*/kinfolk/wire/codec/\w+\.py:\d+$", raised(inner))
    assert raised(KeyError(SECRET)) == "KeyError"


def test_nothing_is_made_for_a_log_that_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    """Exceptions are ordinary, and most servers log what goes wrong only."""
    caplog.set_level(logging.WARNING, "kinfolk")
    log_raised("Frontier.pop", ValueError(SECRET))
    assert not caplog.records


def test_what_fails_at_the_end_of_a_session_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """By class and place, and the rest of the end goes on."""
    done: list[str] = []
    lifetime = Lifetime()
    lifetime.at_end("first", fail)
    lifetime.at_end("second", lambda: done.append("second"))
    assert lifetime.held == 2
    assert lifetime.end()
    assert done == ["second"]
    [message] = caplog.messages
    assert re.search(r"failed in part: ValueError at .*test_logging\.py:\d+$", message)
    assert SECRET not in caplog.text


def test_what_fails_at_a_deadline_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """By class and place, and the timer goes on."""
    timer.call_later(0, fail)
    until(lambda: caplog.messages)
    [message] = caplog.messages
    assert re.search(r"at a deadline failed: ValueError at .*test_logging\.py:\d+$", message)
    assert SECRET not in caplog.text


def test_what_a_stream_raised_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Also in the middle of it, and the caller is told as ever."""
    caplog.set_level(logging.INFO, "kinfolk")
    client = Client(new_host())
    stream = client.call("feed", FeedProxy, "breaks", after=1)
    reply = client.fetch(stream, 5)
    assert isinstance(reply, Items)
    assert reply.failure is not None
    [message] = [each for each in caplog.messages if "raised" in each]
    assert re.search(
        r"Feed\.breaks raised support\.hosted\.\w+\.Refused at .*spec\.py:\d+$", message
    )


def test_a_generator_that_cannot_be_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """There is nobody else to be told."""

    def items() -> Iterator[int]:
        try:
            yield 1
        finally:
            fail()

    iterator = items()
    next(iterator)
    operation: Any = SimpleNamespace(label="Feed.items")
    Stream(iterator, operation, None, current_owner()).close()
    [message] = caplog.messages
    assert re.search(r"Feed\.items could not be closed: ValueError at .*:\d+$", message)
    assert SECRET not in caplog.text
