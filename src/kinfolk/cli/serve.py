"""`kinfolk serve`."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from kinfolk.addresses import Address, TcpAddress, resolve_address
from kinfolk.cli.generated import managers_in
from kinfolk.cli.keys import key_of_environment, key_of_file
from kinfolk.cli.problems import one_line
from kinfolk.cli.progress import progress
from kinfolk.cli.specs import split_spec
from kinfolk.codegen.fingerprint import fingerprint
from kinfolk.errors import AuthenticationFailed, GenerateError, KinfolkError, SpecMismatch
from kinfolk.limits import Limits
from kinfolk.managers import Manager
from kinfolk.server.files import raise_file_limit
from kinfolk.server.stopping import stop_on
from kinfolk.serving import make_server
from kinfolk.spec.naming import has_generated, output_module
from kinfolk.spec.reader import read
from kinfolk.wire.table import type_of

if TYPE_CHECKING:
    from kinfolk.server.process import Serving

__all__ = ["serve"]

_limits = Group(
    "Limits",
    help="What there is room for. Who would go beyond is refused, and told both numbers. A session "
    "is a client's process with all its connections.",
)


def serve(
    spec: str,
    /,
    *,
    address: str | None = None,
    authkey_file: Path | None = None,
    serializer: Literal["typed", "pickle"] = "typed",
    insecure: bool = False,
    verbose: bool = False,
    limits: Annotated[Limits, Parameter(name="*", group=_limits)] = Limits(),  # noqa: B008 - frozen
) -> None:
    """Serve what a spec's manager offers, until Ctrl-C or SIGTERM.

    Example: `kinfolk serve crawler.spec` listens on a private socket that only your user can open,
    and needs no key. It prints the address once clients can connect.

    Args:
        spec: A module, as in crawler.spec, or one of its managers, as in crawler.spec:Crawl.
        address: Where to listen, as in tcp://127.0.0.1:5000 or unix:///run/crawl.sock. By default
            what KINFOLK_ADDRESS says, or else the private socket.
        authkey_file: A file that nobody else can read, with the key that clients must hold. A TCP
            address needs a key, from here or from KINFOLK_AUTHKEY.
        serializer: How values travel, which clients have to ask for too: typed, checked against
            what is declared; or pickle, the standard library's wire, for clients that you trust. On
            the private socket the key of the latter is a file beside it.
        insecure: Listen also where others on the network can read along.
        verbose: Log who comes and who leaves, and what raised, and not only what goes wrong.
        limits: What there is room for.
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    module, name = split_spec(spec)
    manager = _manager(module, name)
    place = resolve_address(address, type_of(manager).server)
    raise_file_limit(limits)
    key = _key(place, authkey_file)
    typed = serializer == "typed"
    make = partial(make_server, manager, place, key, typed=typed, insecure=insecure, limits=limits)
    server = _server(manager, make)
    try:
        stop_on(server, signal.SIGINT, signal.SIGTERM)
        print(f"serving {module}:{type_of(manager).name} at {server.url}", flush=True)
        server.serve_forever()
    finally:
        server.close()


# --- Which manager


def _manager(module: str, name: str | None) -> type[Manager]:
    """Return the generated class of a spec's manager; the only one, if none is named."""
    known = fingerprint(read(module))
    generated = output_module(module)
    if not has_generated(module):
        raise GenerateError(f"there is no {generated} yet: run `kinfolk generate {module}`")
    managers = managers_in(generated)
    if any(type_of(manager).table.fingerprint != known for manager in managers.values()):
        raise SpecMismatch(f"{generated} no longer fits {module}: run `kinfolk generate {module}`")
    if name is None and len(managers) == 1:
        return next(iter(managers.values()))
    if name in managers:
        return managers[name]
    if not managers:
        raise GenerateError(f"{module} has no manager: decorate a class with @manager")
    problem = "has several managers" if name is None else f"has no manager {name}"
    choices = " or ".join(f"{module}:{each}" for each in managers)
    raise GenerateError(f"{module} {problem}: name {choices}")


# --- Which key


def _key(place: Address, file: Path | None) -> bytes | None:
    """Return the key from a file; for a TCP address, if there is none, that of the environment."""
    if file is not None:
        return key_of_file(file)
    if not isinstance(place, TcpAddress):
        return None
    key = key_of_environment()
    if key is None:
        raise AuthenticationFailed(
            f"{place} needs a key that clients hold too: give --authkey-file, or set "
            "KINFOLK_AUTHKEY"
        )
    return key


# --- Serving


def _server(manager: type[Manager], make: Callable[..., Serving]) -> Serving:
    try:
        with progress("making", len(type_of(manager).singletons)) as begin:
            return make(begin=begin)
    except KinfolkError:
        raise
    except SystemExit as error:
        when = ", ".join(["SystemExit", *getattr(error, "__notes__", ())])
        sys.exit(
            f"kinfolk: nothing is served: {type_of(manager).spec} ended the program, by {when}: "
            f"{one_line(error)}"
        )
    except Exception as error:
        # The user's own code has failed, which makes the objects; what called it is ours.
        trace = error.__traceback__
        while trace is not None and _is_ours(trace.tb_frame):
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace or error.__traceback__)
        spec, name = type_of(manager).spec, type(error).__name__
        sys.exit(
            f"kinfolk: nothing is served: {spec} failed to make its objects, as shown above: "
            f"{name}: {one_line(error)}"
        )


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("kinfolk.")
