"""Values of classes that MessagePack does not know, as bytes and back.

Modules that are slow to import are imported when the first value of theirs is met.
"""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import os
import struct
import sys
from collections.abc import Callable
from typing import Any, Final, Literal, cast

import msgspec
from msgspec.msgpack import Decoder

from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import encode
from kinfolk.wire.codec.text import class_name

__all__ = [
    "pack_complex",
    "pack_date",
    "pack_decimal",
    "pack_delta",
    "pack_fraction",
    "pack_integer",
    "pack_memory",
    "pack_range",
    "pack_time",
    "pack_timezone",
    "pack_zoneinfo",
    "unpack_complex",
    "unpack_date",
    "unpack_datetime",
    "unpack_decimal",
    "unpack_delta",
    "unpack_fraction",
    "unpack_integer",
    "unpack_path",
    "unpack_range",
    "unpack_time",
    "unpack_timezone",
    "unpack_zoneinfo",
]

# --- Numbers


def pack_integer(value: int) -> bytes:
    """Return two's complement, the most significant byte first."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def unpack_integer(data: bytes) -> int:
    """Return the integer of some bytes."""
    return int.from_bytes(data, "big", signed=True)


def _pack_integers(*values: int) -> bytes:
    return encode([pack_integer(value) for value in values])


_bins: Final = Decoder(list[bytes])


def _unpack_integers(data: bytes) -> list[int]:
    return [unpack_integer(part) for part in _bins.decode(data)]


def unpack_fraction(data: bytes) -> Any:
    """Return the fraction of two integers."""
    numerator, denominator = _unpack_integers(data)
    return importlib.import_module("fractions").Fraction(numerator, denominator)


_complex: Final = struct.Struct(">dd")


def pack_complex(value: complex) -> bytes:
    """Return real and imaginary part."""
    return _complex.pack(value.real, value.imag)


def unpack_complex(data: bytes) -> complex:
    """Return the number of two parts."""
    return complex(*_complex.unpack(data))


def pack_fraction(value: Any) -> bytes:
    """Return numerator and denominator."""
    return _pack_integers(value.numerator, value.denominator)


def pack_range(value: range) -> bytes:
    """Return start, stop and step."""
    return _pack_integers(value.start, value.stop, value.step)


def unpack_range(data: bytes) -> range:
    """Return the range of three integers."""
    return range(*_unpack_integers(data))


def pack_decimal(value: decimal.Decimal) -> bytes:
    """Return the number as text, which keeps all its digits."""
    return str(value).encode()


def unpack_decimal(data: bytes) -> decimal.Decimal:
    """Return the number of a text."""
    return decimal.Decimal(data.decode())


# --- Time


def _microseconds(delta: dt.timedelta) -> int:
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def pack_date(value: dt.date) -> bytes:
    """Return the date in ISO 8601."""
    return value.isoformat().encode()


def unpack_date(data: bytes) -> dt.date:
    """Return the date of a text."""
    return dt.date.fromisoformat(data.decode())


def pack_delta(value: dt.timedelta) -> bytes:
    """Return the microseconds."""
    return _pack_integers(_microseconds(value))


def unpack_delta(data: bytes) -> dt.timedelta:
    """Return so many microseconds."""
    (microseconds,) = _unpack_integers(data)
    return dt.timedelta(microseconds=microseconds)


def pack_timezone(value: dt.timezone) -> bytes:
    """Return offset and name."""
    return encode(_pack_zone(value))


def unpack_timezone(data: bytes) -> Any:
    """Return the zone of an offset and a name."""
    return _unpack_zone(_offsets.decode(data))


def pack_zoneinfo(value: Any) -> bytes:
    """Return the key."""
    return _zone_key(value).encode()


def _pack_zone(zone: dt.tzinfo | None) -> str | list[Any] | None:
    if zone is None:
        return None
    if type(zone) is dt.timezone:
        # What it was made with: only there a name that was given differs from one computed.
        offset, *name = cast("Any", zone).__getinitargs__()
        return [_microseconds(offset), *name]
    return _zone_key(zone)


def _zone_key(zone: dt.tzinfo) -> str:
    zones: Any = sys.modules.get("zoneinfo")
    own = zones is not None and type(zone) is zones.ZoneInfo
    key: str | None = cast("Any", zone).key if own else None
    if key is None:
        kind = "one without a key" if own else class_name(type(zone))
        raise Mismatch(f"must have a ZoneInfo or a datetime.timezone as its zone, not {kind}")
    return key


def _unpack_zone(zone: str | list[Any] | None) -> dt.tzinfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        return cast("dt.tzinfo", unpack_zoneinfo(zone.encode()))
    offset, *name = zone
    return dt.timezone(dt.timedelta(microseconds=offset), *name)


def unpack_zoneinfo(data: bytes) -> Any:
    """Return the zone of a key, read from this machine's own files."""
    return importlib.import_module("zoneinfo").ZoneInfo(data.decode())


class _Moment(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    value: dt.datetime
    fold: Literal[0, 1]
    zone: str | list[int | str] | None


class _Hour(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    value: dt.time
    fold: Literal[0, 1]
    zone: str | list[int | str] | None


_offsets: Final = Decoder(list[int | str])
_moments: Final = Decoder(_Moment)
_hours: Final = Decoder(_Hour)


def pack_time(value: dt.datetime | dt.time) -> bytes:
    """Return the value without zone, its fold, and the zone."""
    return encode([value.replace(tzinfo=None, fold=0), value.fold, _pack_zone(value.tzinfo)])


def unpack_datetime(data: bytes) -> dt.datetime:
    """Return the datetime of its three parts."""
    moment = _moments.decode(data)
    return moment.value.replace(tzinfo=_unpack_zone(moment.zone), fold=moment.fold)


def unpack_time(data: bytes) -> dt.time:
    """Return the time of its three parts."""
    hour = _hours.decode(data)
    return hour.value.replace(tzinfo=_unpack_zone(hour.zone), fold=hour.fold)


# --- Paths


def unpack_path(name: str) -> Callable[[bytes], Any]:
    """Return a function that makes a path of the class with this name."""

    def unpack(data: bytes) -> Any:
        return getattr(importlib.import_module("pathlib"), name)(os.fsdecode(data))

    return unpack


# --- Memory


def pack_memory(value: memoryview) -> bytes:
    """Return a copy of the bytes that are seen."""
    if value.format != "B" or value.ndim != 1:
        raise Mismatch.wrong("memoryview of bytes", f"one of format {value.format!r}")
    return value.tobytes()
