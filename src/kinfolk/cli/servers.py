"""Servers that run, as commands find them: by address, by spec, or all of this user's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from kinfolk.addresses import (
    Address,
    UnixAddress,
    check_private,
    default_folder,
    is_private_address,
    parse_address,
)
from kinfolk.cli.problems import CommandError
from kinfolk.cli.specs import split_spec
from kinfolk.client.observer import Observer, Observing
from kinfolk.errors import AuthenticationFailed, HandshakeFailed, KinfolkError, NotRunning
from kinfolk.pickles.keys import read_key
from kinfolk.pickles.observer import PickleObserver
from kinfolk.wire.handshake import AsksForKey, SpeaksPickle
from kinfolk.wire.reports import ServerReport

__all__ = ["Found", "Looked", "Silent", "find", "find_one", "is_address", "named"]

_TIMEOUT: Final = 2.0


@attrs.frozen
class Found:
    """A server that has said what it is, asked with a key if it has one."""

    address: Address
    report: ServerReport
    key: bytes | None = attrs.field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What it serves."""
        if not self.report.spec:
            return str(self.address)
        return f"{self.report.spec}:{self.report.manager}"

    def observer(self, timeout: float) -> Observing:
        """Return what looks at it, or ends it, and may take so many seconds."""
        kind = PickleObserver if self.report.serializer == "pickle" else Observer
        return kind(self.address, key=self.key, timeout=timeout)


@attrs.frozen
class Silent:
    """Something that listens, and has not said that it is a server of ours."""

    address: Address
    error: Exception

    @property
    def name(self) -> str:
        """Where it listens; more is not known."""
        return str(self.address)


Looked: TypeAlias = Found | Silent


def find(target: str | None, key: bytes | None) -> list[Looked]:
    """Return the servers that a user names: all of this user's, if none is named.

    One that a program has started for itself is named by its address only.

    Args:
        target: An address, a spec, or one manager of a spec.
        key: The key, if there is one.

    Raises:
        NotRunning: None runs of those that were named.
        KinfolkError: What is named is neither an address nor a spec.
    """
    if target is None:
        return list(_running(key))
    if is_address(target):
        address = parse_address(target)
        return [_found(address, key)]
    module, manager = split_spec(target)
    found = [each for each in _running(key) if _serves(each, module, manager)]
    public = [each for each in found if not is_private_address(each.address)]
    if not public:
        raise NotRunning(
            f"no server of {target} runs{_but(found)}: start it with `kinfolk serve {target}`"
        )
    return public


def find_one(target: str | None, key: bytes | None) -> Found:
    """Return the one server that a user names, or the only one there is.

    Without a target `KINFOLK_ADDRESS` counts, as it does for `open`; what programs have started
    for themselves does not.

    Raises:
        NotRunning: None runs, or none of those that were named.
        CommandError: There are several to choose from.
        KinfolkError: What is named is neither an address nor a spec, or does not answer.
    """
    given = os.environ.get("KINFOLK_ADDRESS")
    if target is None and given:
        return _found(parse_address(given), key)
    seen = find(target, key)
    found = [each for each in seen if target or not is_private_address(each.address)]
    if not found:
        raise NotRunning(
            f"no server runs in {default_folder()}{_but(seen)}: start one with "
            "`kinfolk serve SPEC`, or name the address of another"
        )
    if len(found) > 1:
        raise CommandError(f"{len(found)} servers run: name one of {', '.join(named(found))}")
    [only] = found
    if isinstance(only, Silent):
        raise only.error
    return only


def _but(private: list[Looked]) -> str:
    """Return a clause about servers that were found, and not meant."""
    if not private:
        return ""
    addresses = ", ".join(str(each.address) for each in private)
    return f" but what a program has started for itself at {addresses}"


def named(servers: list[Looked]) -> list[str]:
    """Return names by which the servers can be told apart: specs, or else addresses."""
    names = [server.name for server in servers]
    return names if len(set(names)) == len(names) else [str(each.address) for each in servers]


def is_address(text: str) -> bool:
    """Return whether a user means an address, and not a spec."""
    if text.endswith(".py"):
        return False
    # The last is how people write what `parse_address` has a better word for.
    return (
        text.startswith(("unix:", "tcp:"))
        or "://" in text
        or text.endswith(".sock")
        or Path(text).is_socket()
        or text.rpartition(":")[2].isdigit()
    )


def _running(key: bytes | None) -> Iterator[Looked]:
    for address in _addresses():
        try:
            yield _found(address, key)
        except NotRunning:
            continue  # What a server left behind that was killed.
        except (KinfolkError, OSError) as error:
            yield Silent(address, error)


def _addresses() -> Iterator[Address]:
    """Yield where servers of this user may listen."""
    given = os.environ.get("KINFOLK_ADDRESS")
    elsewhere = parse_address(given) if given else None
    if elsewhere is not None:
        yield elsewhere
    folder = default_folder()
    try:
        check_private(folder)
    except FileNotFoundError:
        return
    for path in sorted(folder.glob("*.sock")):
        address = UnixAddress(str(path))
        if address != elsewhere:
            yield address


def _found(address: Address, key: bytes | None) -> Found:
    # Made by a server that speaks pickle, and left behind if it was killed.
    beside = read_key(address) if isinstance(address, UnixAddress) else None
    if beside is not None:
        with contextlib.suppress(HandshakeFailed):
            return _asked(PickleObserver, address, beside)
    try:
        return _asked(Observer, address, key)
    except AsksForKey:
        raise _without_key(address) from None
    except SpeaksPickle:
        if key is None:
            raise _without_key(address) from None
        return _asked(PickleObserver, address, key)


def _asked(kind: type[Observer | PickleObserver], address: Address, key: bytes | None) -> Found:
    with kind(address, key=key, timeout=_TIMEOUT, remedy="kinfolk serve SPEC") as observer:
        return Found(address, observer.report(), key)


def _without_key(address: Address) -> AuthenticationFailed:
    return AuthenticationFailed(
        f"{address}: the server asks for a key: give --authkey-file FILE, or set KINFOLK_AUTHKEY"
    )


def _serves(server: Looked, module: str, manager: str | None) -> bool:
    if isinstance(server, Found):
        return server.report.spec == module and manager in {None, server.report.manager}
    # Its file's name is all there is to go by.
    name = server.address.path if isinstance(server.address, UnixAddress) else ""
    return Path(name).name.startswith(f"{module}.{manager or ''}")
