"""Members: the functions of generated classes, compiled to what carries their calls.

A generated proxy class is its own wire table. Its methods' annotations are the declared types, with
proxies where the spec has shared classes, and they are evaluated in the generated module when a
member is first used: what is never called costs nothing. No sockets and no running objects here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

import attrs

from kinfolk.wire.arguments import Arguments, Parameter
from kinfolk.wire.by_hand import BY_HAND, HandType
from kinfolk.wire.codec import Codec, Codecs
from kinfolk.wire.shared import SharedType, shared_type

__all__ = [
    "DYNAMIC",
    "GIVING_BACK",
    "Member",
    "Members",
    "Signature",
    "members_by_hand",
    "members_of_factories",
    "members_of_proxy",
    "signatures_of_factories",
    "signatures_of_proxy",
]


DYNAMIC: Final = frozenset({"__getattr__", "__setattr__", "__delattr__"})
"""The members that reach attributes of any public name, which is their first argument."""

GIVING_BACK: Final = frozenset({"__exit__", "release"})
"""The members that give back what another one took: they are carried out though their caller is
interrupted, and the host remembers that they were."""


@attrs.frozen(eq=False)
class Signature:
    """What a function of a generated class declares, its annotations evaluated.

    Of a stream, `ahead` is how many items travel with one request, and `result` their type.
    """

    parameters: tuple[Parameter, ...]
    result: object
    ahead: int = 0


@attrs.frozen(eq=False)
class Member:
    """One callable thing of a class, compiled.

    An attribute `limit` is two members: `limit` reads it, and `limit=` sets it from one argument
    `value`. `result` is None for a stream, and `items` (of a list of them) for all else. `shared`
    is the full name of the shared class, `BY_HAND` for what was registered by hand,
    and empty for the manager. `returns` is the declared type,
    and `attribute` says that it reads one.
    """

    owner: str
    name: str
    arguments: Arguments
    result: Codec | None
    items: Codec | None = None
    ahead: int = 0
    shared: str = ""
    returns: object = None
    attribute: bool = False

    @property
    def label(self) -> str:
        """The name in messages for people: `Frontier.push`."""
        return f"{self.owner}.{self.name.removesuffix('=')}"


class Members(dict[str, Member]):
    """The members of one class, compiled as they are first asked for; KeyError for any other.

    Args:
        owner: The name of the class in messages for people.
        sources: Its functions.
        codecs: What compiles their types.
        proxy_type: The class, or a parametrised one; None for a manager.
    """

    def __init__(
        self,
        owner: str,
        sources: Mapping[str, _Source],
        codecs: Codecs,
        proxy_type: object = None,
    ) -> None:
        super().__init__()
        self.owner = owner
        self.proxy_type = proxy_type
        self._sources = sources
        self._codecs = codecs
        mark = shared_type(proxy_type)
        self._shared = "" if mark is None else mark.name
        if isinstance(proxy_type, HandType):
            self._shared = BY_HAND

    def __missing__(self, name: str) -> Member:
        return self.setdefault(name, self._compile(name, self._sources[name]))

    def _compile(self, name: str, source: _Source) -> Member:
        codecs, signature = self._codecs, source.signature()
        arguments = Arguments(signature.parameters, codecs)
        result: Any = signature.result
        items = codecs.codec(list[result]) if signature.ahead else None
        return Member(
            self.owner,
            name,
            arguments,
            None if items is not None else codecs.codec(result),
            items,
            signature.ahead,
            self._shared,
            result,
            source.attribute,
        )

    @property
    def names(self) -> frozenset[str]:
        """All the names there are, compiled or not."""
        return frozenset(self._sources)


@attrs.frozen(eq=False)
class _Source:
    """A function of a generated class, and what the type variables in its annotations stand for."""

    function: Callable[..., Any]
    variables: Mapping[str, object]
    ahead: int = 0
    attribute: bool = False

    def signature(self) -> Signature:
        # A type variable of the method itself says nothing that could be checked.
        free = {
            key: Any
            for key, value in self.function.__globals__.items()
            if isinstance(value, TypeVar)
        }
        hints = get_type_hints(
            self.function, localns={**free, **self.variables}, include_extras=True
        )
        parameters = tuple(
            Parameter.of(each, hints[each.name])
            for each in list(inspect.signature(self.function).parameters.values())[1:]
        )
        result = hints["return"]
        return Signature(parameters, get_args(result)[0] if self.ahead else result, self.ahead)


def _sources(proxy_type: object) -> dict[str, _Source]:
    """Find the members of a proxy class, those of its bases included."""
    found: dict[str, _Source] = {}
    for cls, variables in reversed(list(_bases(proxy_type, proxy_type))):
        mark = cast("SharedType", vars(cls)["_shared"])
        for name, function in _functions(cls):
            reads = isinstance(vars(cls).get(name), property)
            found[name] = _Source(function, variables, mark.streams.get(name, 0), reads)
    return found


def _bases(proxy_type: object, whole: object) -> Iterator[tuple[type, dict[str, object]]]:
    """Yield a proxy class and its generated bases, each with the values of its type variables."""
    origin = cast("Any", get_origin(proxy_type) or proxy_type)
    parameters = getattr(origin, "__parameters__", ())
    arguments = get_args(proxy_type) or (Any,) * len(parameters)
    values = dict(zip(parameters, arguments, strict=True))
    # `_Self` is what a generated module calls it where something else has the name.
    yield origin, {**{p.__name__: v for p, v in values.items()}, "Self": whole, "_Self": whole}
    # Its own only: a class without generic bases would show those of its base.
    own = cast("dict[str, Any]", vars(origin))
    bases: tuple[Any, ...] = own.get("__orig_bases__") or cast("type", origin).__bases__
    for base in bases:
        if shared_type(base) is not None:
            free = getattr(base, "__parameters__", ()) if get_origin(base) else ()
            yield from _bases(base[tuple(values[p] for p in free)] if free else base, whole)


def _functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for name, value in vars(cls).items():
        if name.startswith("_") and not (name.startswith("__") and name.endswith("__")):
            continue
        if isinstance(value, FunctionType):
            yield name, value
        elif isinstance(value, property):
            if isinstance(value.fget, FunctionType):
                yield name, value.fget
            if isinstance(value.fset, FunctionType):
                yield f"{name}=", value.fset


def members_of_proxy(proxy_type: object, codecs: Codecs) -> Members:
    """Return the members of a proxy class, or of a parametrised one such as `BoxProxy[int]`.

    Raises:
        TypeError: It is not a generated proxy class.
    """
    mark = shared_type(proxy_type)
    if mark is None:
        raise TypeError(f"{proxy_type!r} is not a generated proxy class")
    return Members(mark.name.rpartition(".")[2], _sources(proxy_type), codecs, proxy_type)


def members_of_factories(
    owner: str, factories: Mapping[str, Callable[..., Any]], codecs: Codecs
) -> Members:
    """Return the members of a manager: the functions of its class that make new objects."""
    return Members(owner, {name: _Source(f, {}) for name, f in factories.items()}, codecs)


def members_by_hand(hand: HandType, codecs: Codecs) -> Members:
    """Return the members of what was registered by hand: each takes and returns anything."""
    return Members(hand.typeid, dict.fromkeys(hand.names, _Source(_untyped, {})), codecs, hand)


def _untyped(self: object, /, *args: Any, **kwds: Any) -> Any:
    """Stand for a method of which nobody has said what it takes."""
    raise NotImplementedError


def signatures_of_proxy(proxy_type: type) -> dict[str, Signature]:
    """Return what the members of a proxy class declare; its own type variables stay."""
    free = cast("tuple[Any, ...]", getattr(proxy_type, "__parameters__", ()))
    whole = cast("Any", proxy_type)[free] if free else proxy_type
    return {name: source.signature() for name, source in _sources(whole).items()}


def signatures_of_factories(factories: Mapping[str, Callable[..., Any]]) -> dict[str, Signature]:
    """Return what the factories of a manager declare."""
    return {name: _Source(f, {}).signature() for name, f in factories.items()}
