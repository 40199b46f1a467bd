"""What a signal handler raises in the midst of coding, which is no mistake of what is coded."""

from __future__ import annotations

import inspect
import signal
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import attrs
import pytest
from support.striking import strikes

from kinfolk.wire.arguments import Arguments, Parameter
from kinfolk.wire.codec import Codecs
from kinfolk.wire.frames import HEADER, decode_reply, encode
from kinfolk.wire.messages import NOTHING, Result


class Odd(ValueError):
    """Of the kind that a decoder raises."""


class Long(OverflowError):
    """Of the kind that an encoder raises."""


class Wrong(TypeError):
    """Of the kind that what cannot be hashed raises."""


CODECS = Codecs()
ANY = CODECS.codec(Any)
KIND = inspect.Parameter.POSITIONAL_OR_KEYWORD
ARGUMENTS = Arguments([Parameter("one", KIND, Any), Parameter("two", KIND, str)], CODECS)
VALUE = {"a": (1, {2, (3,)}), (4, 5): [deque([6], 7), 2**70], "plain": ("b", 8)}
REFERENCES: Any = None
ENCODED = ANY.encode(VALUE, REFERENCES)
GIVEN = {"one": VALUE, "two": "text"}
MESSAGE = bytes(encode(Result(1, NOTHING))[HEADER:])


def _arguments() -> object:
    data = ARGUMENTS.encode(GIVEN, REFERENCES)
    return ARGUMENTS.decode(data, REFERENCES)[0][0]


@pytest.mark.parametrize("kind", [Odd, Long, Wrong])
@pytest.mark.parametrize(
    ("coding", "result"),
    [
        (lambda: ANY.encode(VALUE, REFERENCES), ENCODED),
        (lambda: ANY.decode(ENCODED, REFERENCES), VALUE),
        (lambda: ANY.encode(("plain", 1), REFERENCES), ANY.encode(("plain", 1), REFERENCES)),
        (_arguments, VALUE),
        (lambda: decode_reply(MESSAGE), Result(1, NOTHING)),
    ],
    ids=["encode", "decode", "plain", "arguments", "reply"],
)
def test_it_comes_out_as_itself(
    coding: Callable[[], object], result: object, kind: type[BaseException]
) -> None:
    """And is not taken for a value that does not fit, nor swallowed."""
    # Now what is made once is made: a strike at the end of a `with` block, where there can be no
    # signal, would leave the lock taken under which it is.
    assert coding() == result
    for _ in strikes(coding, kind):
        pass
    assert coding() == result


def _struck_where_it_is_negative(number: int) -> int:
    if number < 0:
        signal.raise_signal(signal.SIGALRM)
    return number


@attrs.frozen
class Place:
    """Is made by code of the program's own."""

    x: int = attrs.field(converter=_struck_where_it_is_negative)


def test_it_is_told_from_what_a_class_says_of_its_values() -> None:
    """Though both come out of code that is not of this package."""

    def handler(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Odd

    codec = CODECS.codec(Place)
    data = codec.encode(Place(1), REFERENCES).replace(b"\x01", b"\xff")
    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(Odd):
            codec.decode(data, REFERENCES)
    finally:
        signal.signal(signal.SIGALRM, before)
