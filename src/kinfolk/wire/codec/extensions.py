"""Classes that MessagePack knows nothing of, each as an extension type of its own.

A value has the same extension wherever it stands, in a declared type or in `Any`. Modules that are
slow to import are imported when the first value of theirs is met.
"""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import os
import struct
import sys
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, Literal, cast

import attrs
import msgspec
from msgspec.msgpack import Decoder, Ext

from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Keys, Node, encode
from kinfolk.wire.codec.text import class_name

__all__ = ["BIG", "EXTENSIONS", "Extended", "Extension", "extended", "extension_of"]


# What taking one apart may raise.
_INVALID: Final = (
    ArithmeticError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
    struct.error,
)


@attrs.frozen(eq=False, slots=False)
class Extension:
    """How one class travels.

    `name` is where to import it from, and `accepted` the declared classes, beside itself, in whose
    place its instances may stand.
    """

    code: int
    name: str
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]
    accepted: tuple[str, ...] = ()

    @cached_property
    def cls(self) -> Any:
        """The class."""
        module, _, name = self.name.rpartition(".")
        return getattr(importlib.import_module(module), name)

    def lower(self, value: Any) -> Ext:
        """Return the extension that stands for a value.

        Raises:
            Mismatch: This one cannot be sent.
        """
        try:
            return Ext(self.code, self.pack(value))
        except UnicodeEncodeError:
            raise Mismatch("must be text that UTF-8 can hold, without lone surrogates") from None

    def lift(self, wire: Ext) -> Any:
        """Return the value that an extension stands for.

        Raises:
            Mismatch: It stands for none.
        """
        try:
            return self.unpack(bytes(wire.data))
        except _INVALID as error:
            # Without the error's text, in which there may be paths of this machine.
            raise Mismatch(f"is not a valid {class_name(self.cls)}") from error


class Extended(Node):
    """A class whose instances travel as extensions, all or those that msgspec would change.

    Args:
        text: The declared type.
        extensions: The classes of values.
        native: The declared class, if msgspec decodes it.
        exact: Tells which of its instances msgspec encodes without loss; None for all.
    """

    def __init__(
        self,
        text: str,
        extensions: list[Extension],
        native: type | None = None,
        exact: Callable[[Any], bool] | None = None,
    ) -> None:
        super().__init__(text)
        self._by_class = {extension.cls: extension for extension in extensions}
        self._by_code = {extension.code: extension for extension in extensions}
        self._native, self._exact = native, exact
        own = frozenset(() if native is None else (native,))
        self.wire = Ext if native is None else native | Ext
        self.classes = own | frozenset(self._by_class)
        self.arrivals = own | frozenset(self._by_code)
        self.still = own
        self.plain = own if exact is None else frozenset()
        self.keys = Keys.NEVER if native is None else Keys.USUALLY

    def lower(self, value: object, context: Context) -> Any:
        """Return the value where msgspec can be trusted with it, else an extension."""
        cls = type(value)
        if cls is self._native and (self._exact is None or self._exact(value)):
            return value
        extension = self._by_class.get(cls)
        if extension is None:
            raise Mismatch.of(self.text, value)
        return extension.lower(value)

    def lift(self, wire: Any, context: Context) -> Any:
        """Return the value."""
        if type(wire) is not Ext:
            return wire
        extension = self._by_code.get(wire.code)
        if extension is None:
            raise Mismatch.wrong(self.text, "an extension")
        return extension.lift(wire)


# --- Numbers


def _pack_integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _unpack_integer(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _pack_integers(*values: int) -> bytes:
    return encode([_pack_integer(value) for value in values])


_bins: Final = Decoder(list[bytes])


def _unpack_integers(data: bytes) -> list[int]:
    return [_unpack_integer(part) for part in _bins.decode(data)]


def _unpack_fraction(data: bytes) -> Any:
    numerator, denominator = _unpack_integers(data)
    return importlib.import_module("fractions").Fraction(numerator, denominator)


_complex: Final = struct.Struct(">dd")


# --- Time


def _microseconds(delta: dt.timedelta) -> int:
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


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
        return cast("dt.tzinfo", _unpack_zoneinfo(zone.encode()))
    offset, *name = zone
    return dt.timezone(dt.timedelta(microseconds=offset), *name)


def _unpack_zoneinfo(data: bytes) -> Any:
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


def _pack_time(value: dt.datetime | dt.time) -> bytes:
    return encode([value.replace(tzinfo=None, fold=0), value.fold, _pack_zone(value.tzinfo)])


def _unpack_datetime(data: bytes) -> dt.datetime:
    moment = _moments.decode(data)
    return moment.value.replace(tzinfo=_unpack_zone(moment.zone), fold=moment.fold)


def _unpack_time(data: bytes) -> dt.time:
    hour = _hours.decode(data)
    return hour.value.replace(tzinfo=_unpack_zone(hour.zone), fold=hour.fold)


# --- Paths


def _unpack_path(name: str) -> Callable[[bytes], Any]:
    def unpack(data: bytes) -> Any:
        return getattr(importlib.import_module("pathlib"), name)(os.fsdecode(data))

    return unpack


# --- Memory


def _pack_memory(value: memoryview) -> bytes:
    if value.format != "B" or value.ndim != 1:
        raise Mismatch.wrong("memoryview of bytes", f"one of format {value.format!r}")
    return value.tobytes()


# --- All of them


_MOMENTS: Final = ("datetime.date",)
_ZONES: Final = ("datetime.tzinfo",)
_PATHS: Final = ("pathlib.PurePath", "os.PathLike")
_OWN: Final = "Windows" if os.name == "nt" else "Posix"

EXTENSIONS: Final = (
    BIG := Extension(1, "builtins.int", _pack_integer, _unpack_integer),
    Extension(
        2,
        "builtins.complex",
        lambda value: _complex.pack(value.real, value.imag),
        lambda data: complex(*_complex.unpack(data)),
    ),
    Extension(
        3,
        "fractions.Fraction",
        lambda value: _pack_integers(value.numerator, value.denominator),
        _unpack_fraction,
    ),
    Extension(
        4,
        "decimal.Decimal",
        lambda value: str(value).encode(),
        lambda data: decimal.Decimal(data.decode()),
    ),
    Extension(
        5,
        "builtins.range",
        lambda value: _pack_integers(value.start, value.stop, value.step),
        lambda data: range(*_unpack_integers(data)),
    ),
    Extension(
        6,
        f"pathlib.{_OWN}Path",
        os.fsencode,
        _unpack_path("Path"),
        (*_PATHS, "pathlib.Path", f"pathlib.Pure{_OWN}Path"),
    ),
    Extension(7, "pathlib.PurePosixPath", os.fsencode, _unpack_path("PurePosixPath"), _PATHS),
    Extension(
        8,
        "pathlib.PureWindowsPath",
        os.fsencode,
        _unpack_path("PureWindowsPath"),
        _PATHS,
    ),
    Extension(9, "uuid.UUID", lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
    Extension(
        10,
        "datetime.date",
        lambda value: value.isoformat().encode(),
        lambda data: dt.date.fromisoformat(data.decode()),
    ),
    Extension(11, "datetime.datetime", _pack_time, _unpack_datetime, _MOMENTS),
    Extension(12, "datetime.time", _pack_time, _unpack_time),
    Extension(
        13,
        "datetime.timedelta",
        lambda value: _pack_integers(_microseconds(value)),
        lambda data: dt.timedelta(microseconds=_unpack_integers(data)[0]),
    ),
    Extension(
        14,
        "datetime.timezone",
        lambda value: encode(_pack_zone(value)),
        lambda data: _unpack_zone(_offsets.decode(data)),
        _ZONES,
    ),
    Extension(
        15,
        "zoneinfo.ZoneInfo",
        lambda value: _zone_key(value).encode(),
        _unpack_zoneinfo,
        _ZONES,
    ),
    Extension(16, "builtins.bytearray", bytes, bytearray),
    Extension(17, "builtins.memoryview", _pack_memory, memoryview),
)

_BY_NAME: Final = {extension.name: extension for extension in EXTENSIONS}


def _public_name(cls: type) -> str:
    # Python 3.13 moved the classes of pathlib to a private module.
    return f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}"


def extension_of(cls: type) -> Extension | None:
    """Return the extension of exactly this class, if there is one."""
    found = _BY_NAME.get(_public_name(cls))
    return found if found is not None and found.cls is cls else None


def _naive(value: dt.time) -> bool:
    return value.tzinfo is None and not value.fold


def _naive_or_utc(value: dt.datetime) -> bool:
    return (value.tzinfo is None or value.tzinfo is dt.UTC) and not value.fold


_NATIVE: Final[dict[type, Callable[[Any], bool] | None]] = {
    dt.date: None,
    dt.datetime: _naive_or_utc,
    dt.time: _naive,
}
"""What msgspec encodes without loss of the classes that it decodes."""


def extended(text: str, declared: type) -> Extended | None:
    """Return the node of a declared class whose values are extensions, or may be."""
    name = _public_name(declared)
    found = [each for each in EXTENSIONS if name == each.name or name in each.accepted]
    if not found:
        return None
    native = declared if declared in _NATIVE else None
    return Extended(text, found, native, _NATIVE.get(declared))
