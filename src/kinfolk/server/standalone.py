"""A server in a process of its own, which outlives the one that started it.

It has no terminal and no parent that waits for it: it belongs to whoever connects. What it says
goes to a log beside its socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from importlib import import_module
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import IO, Any, Final

import attrs

from kinfolk.addresses import UnixAddress, default_folder, private_folder
from kinfolk.deadlines import patience
from kinfolk.errors import (
    AddressError,
    AlreadyRunning,
    CallTimeout,
    ConnectionLost,
    NotRunning,
    SpecMismatch,
)
from kinfolk.limits import Limits
from kinfolk.server.files import (
    because,
    beside,
    open_log,
    open_private,
    raise_file_limit,
    spec_file,
)
from kinfolk.server.listening import running
from kinfolk.server.process import read_start, tell_start
from kinfolk.server.server import Server
from kinfolk.server.stopping import stop_on
from kinfolk.wire.greetings import CutShort

__all__ = ["Job", "launch", "main", "reach_or_launch"]

_logger = logging.getLogger("kinfolk.server")

_PAUSE: Final = 0.02
_LONG_PAUSE: Final = 0.2

# The path before anything else: Kinfolk itself may lie on it.
_COMMAND: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from kinfolk.server.standalone import main; main(int(sys.argv[2]))"
)


@attrs.frozen
class Job:
    """What such a server has to serve.

    `module` and `manager` name the generated class, and `idle` is how many seconds it stays when
    nobody is connected, None for ever.
    """

    module: str
    manager: str
    spec: str
    address: UnixAddress
    key: bytes | None
    idle: float | None


def reach_or_launch(job: Job, reach: Callable[[], object], timeout: float) -> None:
    """Reach a server, or start it if none runs; of several processes that do so, one starts it.

    Args:
        job: What it serves.
        reach: Connects to it, or raises `NotRunning`, or `CutShort` where it is just about to end.
        timeout: How many seconds all of this may take.

    Raises:
        SpecMismatch: A server of another spec's file has the address.
        KinfolkError: What `reach` raises, and `launch`.
    """
    end = time.monotonic() + patience("timeout", timeout)
    try:
        reached = _reached(reach, end)
        while not reached:
            with _turn_to_start(job.address, end):
                # Whoever had the turn before may have started it.
                reached = _reached(reach, end) or _launched(job, reach, end)
    except (NotRunning, CutShort) as error:
        raise CallTimeout(
            f"no server at {job.address} was reached before the timeout of {timeout:.3g} s "
            f"({error}): open it with a longer one",
            executed="no",
        ) from None
    _check_spec(job)


def _launched(job: Job, reach: Callable[[], object], end: float) -> bool:
    try:
        launch(job, end - time.monotonic())
    except AlreadyRunning:
        # Started by somebody who takes no turns, or about to end.
        time.sleep(_LONG_PAUSE)
    return _reached(reach, end)


def _reached(reach: Callable[[], object], end: float) -> bool:
    """Try to reach it, also while it ends; return False once none runs."""
    while True:
        try:
            reach()
        except NotRunning:
            if time.monotonic() > end:
                raise
            return False
        except CutShort:
            # To start another one is in vain as long as this one has the address.
            if time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return True


def _check_spec(job: Job) -> None:
    """Refuse the server of another project that has the same names."""
    pid, theirs = running(job.address)
    ours = spec_file(job.spec)
    if not theirs or not ours or theirs == ours:
        return
    with contextlib.suppress(OSError):
        if os.path.samefile(theirs, ours):  # noqa: PTH121 - of two strings
            return
    raise SpecMismatch(
        f"{job.address} is served by process {pid} from {theirs}, and this program has {ours}: "
        "stop that server, or give one of the two another name with @manager(name=…)"
    )


@contextlib.contextmanager
def _turn_to_start(address: UnixAddress, end: float) -> Generator[None, None, None]:
    """Have the only right to start a server at an address.

    Raises:
        CallTimeout: Another process has it, and takes too long.
        AddressError: No file can be made beside the socket.
    """
    _see_folder(address)
    with _open_turn(address) as file:
        while not _locked(file):
            if time.monotonic() > end:
                raise CallTimeout(
                    f"another process is still starting a server for {address}: open it with a "
                    "longer timeout",
                    executed="no",
                )
            time.sleep(_PAUSE)
        yield


def _open_turn(address: UnixAddress) -> IO[bytes]:
    try:
        return open(beside(address, ".starting"), "wb", opener=open_private)
    except OSError as error:
        raise _unable(address, error) from None


def _unable(address: UnixAddress, error: OSError) -> AddressError:
    where = f"{error.filename}: " if error.filename else ""
    return AddressError(f"a server for {address} cannot be started: {where}{because(error)}")


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _see_folder(address: UnixAddress) -> None:
    if Path(address.path).parent == default_folder():
        private_folder()


def launch(job: Job, seconds: float) -> None:
    """Start a server, and return once clients can connect.

    Args:
        job: What it serves.
        seconds: How long to wait for it.

    Raises:
        AlreadyRunning: Another server listens there.
        AddressError: Its files cannot be made.
        CallTimeout: It takes longer, and goes on starting.
        ConnectionLost: It ended before it served.
        Exception: What making its objects raised.
    """
    log = beside(job.address, ".log")
    ours, theirs = multiprocessing.Pipe()
    with ours:
        with theirs:
            _start(job.address, theirs)
        ours.send(job)
        if not ours.poll(max(seconds, 0)):
            raise CallTimeout(
                f"{job.address} is still being started after {seconds:.3g} s: open it with a "
                f"longer timeout, or see {log}",
                executed="no",
            )
        try:
            read_start(ours)
        except EOFError:
            raise ConnectionLost(
                f"the server for {job.address} ended before it served: see {log}", executed="no"
            ) from None


def _start(address: UnixAddress, theirs: Pipe[Any, Any]) -> None:
    """Start the process, which says at the other end of the pipe how it went."""
    _see_folder(address)
    path = json.dumps([os.path.abspath(entry) for entry in sys.path])  # noqa: PTH100 - of ""
    fd = theirs.fileno()
    try:
        with open_log(address) as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _COMMAND, path, str(fd)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[fd],
                start_new_session=True,
            )
    except OSError as error:
        raise _unable(address, error) from None
    # It leaves a child behind, and ends at once.
    process.wait()


# --- In the new process


def main(fd: int) -> None:
    """Serve what is asked for at the other end of a pipe."""
    if os.fork():
        os._exit(0)
    logging.basicConfig(
        level=logging.INFO, format=f"%(asctime)s {os.getpid()} %(levelname)s %(message)s"
    )
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Pipe(fd) as pipe:
        server = tell_start(pipe, lambda: _make(pipe.recv()))
    if server is None:
        sys.exit(1)
    server.serve_forever()


def _make(job: Job) -> Server:
    limits = Limits()
    raise_file_limit(limits)
    manager = getattr(import_module(job.module), job.manager)(job.address.path, job.key)
    server: Server = manager.get_server(limits=limits, idle=job.idle)
    _logger.info("serving %s at %s", job.spec, server.url)
    stop_on(server, signal.SIGINT, signal.SIGTERM)
    return server
