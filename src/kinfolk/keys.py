"""Which key a manager uses: what it was given, or the environment's, or that of its process."""

from __future__ import annotations

import os
import stat
from multiprocessing import current_process
from pathlib import Path
from typing import Final

from kinfolk.addresses import Address, UnixAddress
from kinfolk.errors import ArgumentError, AuthenticationFailed
from kinfolk.signals import pass_on_what_handlers_raise

__all__ = [
    "check_closed",
    "check_key",
    "key_of_environment",
    "key_of_process",
    "key_to_reach",
    "key_to_serve",
]

_SHORTEST: Final = 8
_OTHERS: Final = 0o077


def check_key(authkey: object) -> bytes:
    """Return a key, which may be text, as bytes.

    Raises:
        ArgumentError: It is neither text nor bytes.
        ValueError: It is so short that it can be guessed.
    """
    if not isinstance(authkey, str | bytes | bytearray):
        # Of a number `bytes` makes that many zeros, which anybody could guess.
        raise ArgumentError(f"authkey must be bytes or str, not {type(authkey).__name__}")
    key = authkey.encode() if isinstance(authkey, str) else bytes(authkey)
    if len(key) < _SHORTEST:
        raise ValueError(
            f"an authkey has at least {_SHORTEST} bytes, and this one {len(key)}: make one "
            "with `python -c 'import secrets; print(secrets.token_hex())'`"
        )
    return key


def check_closed(file: Path, mode: int) -> None:
    """Refuse a key file that others can read or write.

    Raises:
        AuthenticationFailed: Its mode lets them.
    """
    mode = stat.S_IMODE(mode)
    if mode & _OTHERS:
        raise AuthenticationFailed(
            f"the key file {file} is open to other users (mode {mode:o}): run `chmod 600 {file}`"
        )


def key_of_process() -> bytes:
    """Return the key that this process has from the one that started it by `multiprocessing`.

    Raises:
        ValueError: It is too short.
    """
    try:
        return check_key(current_process().authkey)
    except ValueError as error:
        pass_on_what_handlers_raise(error)
        raise ValueError(f"current_process().authkey: {error}") from None


def key_of_environment() -> bytes | None:
    """Return what `KINFOLK_AUTHKEY` says, if anything.

    Raises:
        ValueError: It is too short.
    """
    key = os.environ.get("KINFOLK_AUTHKEY")
    try:
        return check_key(key) if key else None
    except ValueError as error:
        pass_on_what_handlers_raise(error)
        raise ValueError(f"KINFOLK_AUTHKEY: {error}") from None


def key_to_serve(place: Address, given: bytes | None) -> bytes | None:
    """Return the key for an address; that of the process only where there has to be one."""
    if given is not None or isinstance(place, UnixAddress):
        return given
    return key_of_environment() or key_of_process()


def key_to_reach(place: Address, given: bytes | None) -> bytes | None:
    """Return the key with which to reach an address, where a Unix socket may ask for one too."""
    return key_to_serve(place, given) or key_of_environment()
