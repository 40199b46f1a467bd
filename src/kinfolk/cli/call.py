"""`kinfolk call`."""

from __future__ import annotations

import contextlib
import difflib
import inspect
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

from kinfolk.cli.expressions import Arguments, Expression, Item, Step, parse
from kinfolk.cli.opening import opened
from kinfolk.cli.problems import CommandError, one_line
from kinfolk.deadlines import deadline
from kinfolk.errors import KinfolkError
from kinfolk.managers import Manager
from kinfolk.proxy import Proxy
from kinfolk.wire.table import ManagerType, type_of

__all__ = ["call"]


def call(
    expression: str,
    /,
    *,
    spec: str | None = None,
    address: str | None = None,
    authkey_file: Path | None = None,
    timeout: float | None = None,
) -> None:
    """Call what a server offers, and print the result.

    Example: `kinfolk call 'frontier.push("https://example.org", priority=2)'` prints True, and
    `kinfolk call 'job("one").describe()'` prints 'job one', as Python would. Attributes and items
    are read by `kinfolk call frontier.limit` and `kinfolk call 'cookies["example.org"]'`. Streams
    are printed line by line.

    The generated module is imported from the working folder.

    Args:
        expression: An entry of the manager and what is done with it, as in Python. Arguments are
            Python's literals; nothing is evaluated.
        spec: The server's spec, as in crawler.spec or crawler.spec:Crawl. May be left out if only
            one server runs.
        address: The server's address, in place of its spec; else KINFOLK_ADDRESS, if it is set.
        authkey_file: A file with the key, for a server that asks for one; else KINFOLK_AUTHKEY.
        timeout: How many seconds it may take, more than 0.
    """
    steps = parse(expression)
    limit = contextlib.nullcontext() if timeout is None else deadline(_checked(timeout))
    with opened(spec, address, authkey_file) as manager, limit:
        result = _Evaluation(manager).value(steps)
        if not _is_iterator(result):
            print(repr(result))
            return
        with _one_line_for("the stream"):
            for item in result:
                print(repr(item), flush=True)


def _checked(timeout: float) -> float:
    if not timeout > 0:  # which nan is not either
        raise CommandError(f"--timeout is a number of seconds above 0, not {timeout!r}")
    return timeout


@contextlib.contextmanager
def _one_line_for(label: str) -> Generator[None, None, None]:
    """Make one line of what a member raises; its traceback is of no use in a shell."""
    try:
        yield
    except (KinfolkError, BrokenPipeError):
        raise
    except Exception as error:
        text, name = one_line(error), type(error).__name__
        raise CommandError(f"{label} raised {name}{text and f': {text}'}") from None


def _is_iterator(value: object) -> TypeGuard[Iterator[object]]:
    return isinstance(value, Iterator)


class _Evaluation:
    """Does what an expression says, with the proxies of one manager."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._offer: ManagerType = type_of(manager.__class__)

    def value(self, expression: Expression) -> object:
        """Return what the last step gives."""
        value, rest = self._entry(expression.entry, list(expression.steps))
        label = expression.entry
        while rest:
            if not isinstance(value, Proxy):
                raise CommandError(
                    f"{label} is a value of type {type(value).__name__}, which has nothing to call "
                    "here: leave out what comes after it"
                )
            value, label = self._step(value, rest.pop(0), rest)
        return value

    def _entry(self, name: str, rest: list[Step]) -> tuple[object, list[Step]]:
        offer, first = self._offer, rest[0] if rest else None
        if name in offer.singletons:
            if first == Arguments():
                rest = rest[1:]
            elif isinstance(first, Arguments):
                raise CommandError(f"{name} is one object for everybody, and takes no arguments")
            return getattr(self._manager, name)(), rest
        if name not in offer.root.names:
            names = [*offer.singletons, *offer.root.names]
            raise CommandError(f"{offer.name} has no entry {name!r}: {_choices(name, names)}")
        if not isinstance(first, Arguments):
            raise CommandError(f"{name} makes an object for each call: write {name}(…)")
        return _called(getattr(self._manager, name), f"{offer.name}.{name}", first), rest[1:]

    def _step(self, proxy: Proxy, step: Step, rest: list[Step]) -> tuple[object, str]:
        """Return what a step gives, and what that is called; it may take the next one too."""
        members = self._offer.members(type(proxy))
        if isinstance(step, Arguments):
            raise CommandError(f"{members.owner} is an object: name what is to be called of it")
        name = "__getitem__" if isinstance(step, Item) else step.name
        label = f"{members.owner}.{name}"
        if name not in members.names:
            names = [each for each in members.names if not each.endswith("=")]
            raise CommandError(f"{members.owner} has no member {name!r}: {_choices(name, names)}")
        if isinstance(step, Item):
            return _called(getattr(proxy, name), label, Arguments((step.key,))), label
        if isinstance(inspect.getattr_static(type(proxy), name), property):
            with _one_line_for(label):
                return getattr(proxy, name), label
        arguments = rest.pop(0) if rest else None
        if not isinstance(arguments, Arguments):
            raise CommandError(f"{label} is a method: write {name}(…)")
        return _called(getattr(proxy, name), label, arguments), label


def _called(function: Callable[..., Any], label: str, given: Arguments) -> object:
    signature = inspect.signature(function)
    try:
        signature.bind(*given.positional, **given.keyword)
    except TypeError as error:
        name = label.rpartition(".")[2]
        bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        shown = signature.replace(parameters=bare, return_annotation=signature.empty)
        raise CommandError(f"{label}: {one_line(error)}: it is {name}{shown}") from None
    with _one_line_for(label):
        return function(*given.positional, **given.keyword)


def _choices(name: str, names: Iterable[str]) -> str:
    known = sorted(names)
    near = difflib.get_close_matches(name, known, 1)
    shown = ", ".join(each for each in known if not each.startswith("__")) or ", ".join(known)
    return f"do you mean {near[0]}?" if near else f"it has {shown}"
