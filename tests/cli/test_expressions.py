"""Reading calls as people write them, and running nothing."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinfolk.cli.expressions import Arguments, Attribute, Expression, Item, parse
from kinfolk.cli.problems import CommandError


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("frontier", ()),
        ("  frontier ", ()),
        ("frontier.limit", (Attribute("limit"),)),
        (
            'frontier.push("https://example.org", priority=2)',
            (Attribute("push"), Arguments(("https://example.org",), {"priority": 2})),
        ),
        (
            'frontier("one").describe()',
            (Arguments(("one",)), Attribute("describe"), Arguments()),
        ),
        ("frontier['a'][0]", (Item("a"), Item(0))),
        ("frontier({'a': [1, -2.5, None, (True, b'x')]}, {1})", None),
    ],
)
def test_what_can_be_called(text: str, steps: tuple[object, ...] | None) -> None:
    """Members, calls and items, one after the other."""
    if steps is None:
        steps = (Arguments(({"a": [1, -2.5, None, (True, b"x")]}, {1})),)
    assert parse(text) == Expression("frontier", steps)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("frontier.push(", r"cannot be read \('\(' was never closed\): write `kinfolk call"),
        ("", "cannot be read"),
        ("a = 1", "cannot be read"),
        ("import os", "cannot be read"),
        ("a\0b", "cannot be read"),
        ("a." * 5_000 + "a" + "(" * 5_000, r"^.{,110} cannot be read( \(.*\))?: write `kinfolk"),
        ("a" + ".b" * 50_000, r"^.{,110} cannot be read( \(.*\))?: write `kinfolk"),
        ("a.b(" + "c" * 5_000 + ")", r"^.{,110} is no literal: arguments are literals"),
        ("7" * 2_000, r"^.{,110} calls nothing that a server offers: write `kinfolk call"),
        ("1 + 1", "calls nothing that a server offers"),
        ("'text'.upper()", "calls nothing that a server offers"),
        ("lambda: 1", "calls nothing that a server offers"),
        ("[x for x in y]", "calls nothing that a server offers"),
        ("(a, b)", "calls nothing that a server offers"),
        ("a.b(open('/etc/passwd'))", r"open\('/etc/passwd'\) is no literal"),
        ("a.b(c)", "c is no literal: arguments are literals"),
        ("a.b(x=c.d)", "c.d is no literal"),
        ("a.b(*[1])", r"\*\[1\] is no literal"),
        ("a.b(**{})", r"\*\* cannot be used"),
        ("a[1:2]", "1:2 is no literal"),
        ("a.b(f'{1}')", "is no literal"),
        ("a.b({[]: 1})", "is no literal"),
        ("a.b(c=1, d=2, c=3)", "'c' is given twice: leave one out"),
    ],
)
def test_what_cannot_be_called(text: str, complaint: str) -> None:
    """Each is refused before anything is done, and told what can be written."""
    with pytest.raises(CommandError, match=complaint):
        parse(text)


@given(st.text(alphabet="abc.()[]{}'\"\\,=*:1 -@\n\0é", max_size=40))
def test_nothing_else_is_raised(text: str) -> None:
    """Whatever is written."""
    with contextlib.suppress(CommandError):
        parse(text)
