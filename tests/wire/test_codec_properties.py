"""The codec, on random types and values."""

from __future__ import annotations

import inspect
from types import GenericAlias
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.typed import VALUES, conforms, portrait, typed

from kinfolk.wire.arguments import Arguments, Parameter
from kinfolk.wire.codec import NO_REFERENCES, Codec, Codecs, Mismatch

CODECS = Codecs(values=VALUES)

moderate = settings(max_examples=150, deadline=None)


def there_and_back(declared: Any, value: Any) -> Any:
    """Return what arrives for a value."""
    codec = CODECS.codec(declared)
    return codec.decode(codec.encode(value, NO_REFERENCES), NO_REFERENCES)


REFUSED = object()


def decoded_or_refused(codec: Codec, message: bytes) -> Any:
    """Return what a message stands for, or REFUSED."""
    try:
        return codec.decode(message, NO_REFERENCES)
    except Mismatch as mismatch:
        return REFUSED if str(mismatch) else None


@moderate
@given(st.data())
def test_values_arrive_as_what_they_were(data: st.DataObject) -> None:
    """A value of any type comes back equal, and of the same class in every part."""
    each = data.draw(typed(3))
    value = data.draw(each.values)
    assert portrait(there_and_back(each.declared, value)) == portrait(value)


@moderate
@given(st.data())
def test_all_that_conforms_is_accepted(data: st.DataObject) -> None:
    """A value travels as any type that a checker lets it have, and equals itself afterwards."""
    each, other = data.draw(typed()), data.draw(typed())
    value = data.draw(other.values)
    if conforms(value, each.declared):
        arrived = there_and_back(each.declared, value)
        # The portrait, since what is not a number does not even equal itself.
        assert arrived == value or portrait(arrived) == portrait(value)


@moderate
@given(st.data())
def test_all_that_does_not_conform_is_refused(data: st.DataObject) -> None:
    """A value of another type is refused by the caller's end, with the argument's name."""
    each, other = data.draw(typed()), data.draw(typed())
    value = data.draw(other.values)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arguments = Arguments([Parameter("page", kind, each.declared)], CODECS)
    if not conforms(value, each.declared, given=True):
        with pytest.raises(Mismatch, match=r"^argument 'page' "):
            arguments.encode({"page": value}, NO_REFERENCES)


@moderate
@given(st.data())
def test_messages_of_another_type_give_no_wrong_value(data: st.DataObject) -> None:
    """What was encoded as one type and is decoded as another is of that other, or refused."""
    each, other = data.draw(typed()), data.draw(typed())
    message = CODECS.codec(other.declared).encode(data.draw(other.values), NO_REFERENCES)
    arrived = decoded_or_refused(CODECS.codec(each.declared), message)
    assert arrived is REFUSED or conforms(arrived, each.declared)


@moderate
@given(st.data())
def test_garbage_is_refused(data: st.DataObject) -> None:
    """Random and damaged messages give a value of the declared type or a Mismatch, nothing else."""
    each = data.draw(typed())
    codec = CODECS.codec(each.declared)
    if data.draw(st.booleans()):
        message = bytearray(data.draw(st.binary(max_size=40)))
    else:
        message = bytearray(codec.encode(data.draw(each.values), NO_REFERENCES))
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(message) - 1))
            message[place] = data.draw(st.integers(0, 255))
    arrived = decoded_or_refused(codec, bytes(message))
    assert arrived is REFUSED or conforms(arrived, each.declared)


@moderate
@given(st.data())
def test_one_type_has_one_form_wherever_it_stands(data: st.DataObject) -> None:
    """A value has the same bytes alone, in a list, in a field of a class and as an argument."""
    each = data.draw(typed())
    value = data.draw(each.values)
    alone = CODECS.codec(each.declared).encode(value, NO_REFERENCES)
    in_list = CODECS.codec(GenericAlias(list, (each.declared,))).encode([value], NO_REFERENCES)
    kind = inspect.Parameter.KEYWORD_ONLY
    arguments = Arguments([Parameter("x", kind, each.declared)], CODECS)
    assert in_list == b"\x91" + alone
    assert arguments.encode({"x": value}, NO_REFERENCES) == b"\x81\xa1x" + alone
