"""Classes that MessagePack knows nothing of, each as an extension type of its own.

A value has the same extension wherever it stands, in a declared type or in `Any`.
"""

from __future__ import annotations

import datetime as dt
import importlib
import os
import struct
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import attrs
import msgspec
from msgspec.msgpack import Ext

from kinfolk.signals import pass_on_what_handlers_raise
from kinfolk.wire.codec import packing
from kinfolk.wire.codec.mismatch import Mismatch
from kinfolk.wire.codec.node import Context, Keys, Node
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
            pass_on_what_handlers_raise(error)
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


# --- All of them


_MOMENTS: Final = ("datetime.date",)
_ZONES: Final = ("datetime.tzinfo",)
_PATHS: Final = ("pathlib.PurePath", "os.PathLike")
_OWN: Final = "Windows" if os.name == "nt" else "Posix"

EXTENSIONS: Final = (
    BIG := Extension(1, "builtins.int", packing.pack_integer, packing.unpack_integer),
    Extension(2, "builtins.complex", packing.pack_complex, packing.unpack_complex),
    Extension(3, "fractions.Fraction", packing.pack_fraction, packing.unpack_fraction),
    Extension(4, "decimal.Decimal", packing.pack_decimal, packing.unpack_decimal),
    Extension(5, "builtins.range", packing.pack_range, packing.unpack_range),
    Extension(
        6,
        f"pathlib.{_OWN}Path",
        os.fsencode,
        packing.unpack_path("Path"),
        (*_PATHS, "pathlib.Path", f"pathlib.Pure{_OWN}Path"),
    ),
    Extension(
        7, "pathlib.PurePosixPath", os.fsencode, packing.unpack_path("PurePosixPath"), _PATHS
    ),
    Extension(
        8, "pathlib.PureWindowsPath", os.fsencode, packing.unpack_path("PureWindowsPath"), _PATHS
    ),
    Extension(9, "uuid.UUID", lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
    Extension(10, "datetime.date", packing.pack_date, packing.unpack_date),
    Extension(11, "datetime.datetime", packing.pack_time, packing.unpack_datetime, _MOMENTS),
    Extension(12, "datetime.time", packing.pack_time, packing.unpack_time),
    Extension(13, "datetime.timedelta", packing.pack_delta, packing.unpack_delta),
    Extension(14, "datetime.timezone", packing.pack_timezone, packing.unpack_timezone, _ZONES),
    Extension(15, "zoneinfo.ZoneInfo", packing.pack_zoneinfo, packing.unpack_zoneinfo, _ZONES),
    Extension(16, "builtins.bytearray", bytes, bytearray),
    Extension(17, "builtins.memoryview", packing.pack_memory, memoryview),
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
