"""A server in a child process, for programs that have one to themselves.

The child ends with its parent, whatever way that ends, and Ctrl-C is left to the parent.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from multiprocessing import parent_process
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, TypeAlias

from kinfolk.errors import ConnectionLost, RemoteError
from kinfolk.server.stopping import Stoppable, stop_on

__all__ = ["ServerProcess", "Serving", "read_start", "tell_start"]

_Raised: TypeAlias = tuple[bytes | None, str, str, str]
_Initializer: TypeAlias = Callable[..., object]


class Serving(Stoppable, Protocol):
    """A server, of whichever wire."""

    @property
    def address(self) -> str | tuple[str, int]:
        """Where it listens, as `multiprocessing.managers` writes it; clients use this one."""
        ...

    @property
    def url(self) -> str:
        """Where it listens, as a URL."""
        ...

    def serve_forever(self) -> None:
        """Serve until `stop` is called, a client asks for it, or Ctrl-C; then end cleanly.

        Raises:
            RuntimeError: It serves already, or has served: make a new server.
        """
        ...

    def close(self) -> None:
        """Give the address up, and end all connections; closing twice has no effect."""
        ...


class ServerProcess:
    """A child process that serves, started when this is made.

    Args:
        context: How to start it.
        make: Makes the server, in the child.
        initializer: Called in the child before that, with `initargs`.
        initargs: The arguments.

    Raises:
        ConnectionLost: The child ended before it served.
        Exception: What making the server raised.
    """

    def __init__(
        self,
        context: BaseContext,
        make: Callable[[], Serving],
        initializer: _Initializer | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer must be callable, not {type(initializer).__name__}")
        reader, writer = context.Pipe(duplex=False)
        # Every context has it, though typeshed says so of the concrete ones only.
        any_context: Any = context
        self._process: BaseProcess = any_context.Process(
            target=_serve, args=(writer, make, initializer, tuple(initargs))
        )
        with reader:
            with writer:
                self._process.start()
            try:
                self.url = read_start(reader)
            except EOFError:
                self._process.join()
                raise ConnectionLost(
                    "the server's process ended before it served, with exit code "
                    f"{self._process.exitcode}",
                    executed="no",
                ) from None
            except BaseException:
                self.stop(timeout=1.0)
                raise

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the process, for so many seconds."""
        self._process.join(timeout)

    def stop(self, timeout: float) -> None:
        """End the process: cleanly if it takes no longer than so many seconds."""
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(timeout)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


def read_start(reader: Pipe[Any, Any]) -> str:
    """Return the address of a server that has started, or raise what it raised instead.

    Raises:
        EOFError: It ended before it said anything.
    """
    answer: str | _Raised = reader.recv()
    if isinstance(answer, str):
        return answer
    data, name, message, trace = answer
    error: BaseException = RemoteError(name, message, trace)
    if data is not None:
        # From our own child, through our own pipe.
        error = pickle.loads(data)  # noqa: S301
    error.add_note(f"in the server's process:\n{trace}")
    raise error


# --- In the child


def _serve(
    writer: Pipe[Any, Any],
    make: Callable[[], Serving],
    initializer: _Initializer | None,
    initargs: tuple[Any, ...],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def start() -> Serving:
        if initializer is not None:
            initializer(*initargs)
        server = make()
        stop_on(server, signal.SIGTERM)
        return server

    with writer:
        server = tell_start(writer, start)
    if server is not None:
        threading.Thread(target=_stop_with_parent, args=(server,), daemon=True).start()
        server.serve_forever()


def tell_start(writer: Pipe[Any, Any], make: Callable[[], Serving]) -> Serving | None:
    """Make a server, and say where it listens, or what making it raised; see `read_start`.

    Whoever was to be told may have ended, or given up. Then the server is there for others, and
    what making it raised is raised here.
    """
    try:
        server = make()
    except BaseException as error:
        if not _tell(writer, _raised(error)):
            raise
        return None
    _tell(writer, server.url)
    return server


def _tell(writer: Pipe[Any, Any], answer: str | _Raised) -> bool:
    """Tell the other end of a pipe; return False if it is closed."""
    try:
        writer.send(answer)
    except OSError:
        return False
    return True


def _stop_with_parent(server: Serving) -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        server.stop()


def _raised(error: BaseException) -> _Raised:
    data = None
    # What ends a program, such as SystemExit, ends the server's, and not the caller's too.
    if isinstance(error, Exception):
        with contextlib.suppress(Exception):  # whatever its __reduce__ raises, or its class
            pickled = pickle.dumps(error)
            pickle.loads(pickled)  # noqa: S301 - ours
            data = pickled
    trace = "".join(traceback.format_exception(error))
    return data, type(error).__qualname__, str(error), trace
