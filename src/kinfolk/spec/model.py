"""What a spec module says, as frozen values: the one thing that the reader and the generator share.

No text of generated code here, and no running object of the user's.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = [
    "Attribute",
    "Entry",
    "Expression",
    "Location",
    "Member",
    "Method",
    "Name",
    "Parameter",
    "ParameterKind",
    "SharedClass",
    "SharedName",
    "Signature",
    "Spec",
    "SpecManager",
    "TypeParameter",
    "Variable",
]


@attrs.frozen(order=True)
class Location:
    """A place in the user's source; `file` is as the user would type it, relative if it can be."""

    file: str
    line: int


# --- Expressions: text as its author wrote it, with every name bound to its origin


@attrs.frozen(order=True)
class Name:
    """A name that can be imported: `from module import qualname`, dots allowed in `qualname`.

    Builtins have the module `builtins`. The module is the one that the author imports from,
    which is the public place of the name, not where it happens to be defined.
    """

    module: str
    qualname: str


@attrs.frozen(order=True)
class SharedName:
    """A shared class; generated code writes its proxy instead. The module is the defining one."""

    module: str
    qualname: str


@attrs.frozen(order=True)
class Variable:
    """A type parameter of the class or of the method around it."""

    name: str


Expression: TypeAlias = tuple[str | Name | SharedName | Variable, ...]
"""The pieces of a type or of a default, joined without separator to give its text.

`dict[str, Page] | None` is `(Name("builtins", "dict"), "[", Name("builtins", "str"), ", ",
Name("crawler.spec", "Page"), "]", " | ", "None")`. Text pieces hold what needs no import:
punctuation, literals, `None`, `...`. Quotes around a whole annotation or a part are gone.
"""


# --- Classes


ParameterKind: TypeAlias = Literal[
    "positional-only",
    "positional-or-keyword",
    "var-positional",
    "keyword-only",
    "var-keyword",
]


@attrs.frozen
class Parameter:
    """One parameter of a method, `self` left out.

    `default` is None for a required one. `literal` says that the default is a plain constant (or
    a tuple of them), equal wherever it is evaluated; of any other only the server knows the value.
    """

    name: str
    kind: ParameterKind
    annotation: Expression
    default: Expression | None = None
    literal: bool = False


@attrs.frozen
class TypeParameter:
    """A type parameter of a class or method; `kind` is as in PEP 695.

    Its variance is `inferred` where it is declared in brackets, as in `class Box[T]`.
    """

    name: str
    kind: Literal["TypeVar", "ParamSpec", "TypeVarTuple"] = "TypeVar"
    bound: Expression | None = None
    constraints: tuple[Expression, ...] = ()
    variance: Literal["invariant", "covariant", "contravariant", "inferred"] = "invariant"


@attrs.frozen
class Signature:
    """Parameters in the order of the source, and the type of the result.

    `receiver` is the shared class that `self` is annotated with, which tells checkers on which
    objects it can be called; it has no part in what travels.
    """

    parameters: tuple[Parameter, ...]
    result: Expression
    type_parameters: tuple[TypeParameter, ...] = ()
    receiver: Expression | None = None


@attrs.frozen
class Method:
    """A public method or a supported dunder.

    `signature` is the implementation's, which decides what travels; `overloads`, where there
    are any, are what callers see. `ahead` is None for a method that does not stream.
    """

    name: str
    signature: Signature
    location: Location
    doc: str | None = None
    overloads: tuple[Signature, ...] = ()
    ahead: int | None = None
    blocking: bool = False


@attrs.frozen
class Attribute:
    """A property or a public attrs field.

    `settable` is the type that may be assigned, which a converter or a setter can widen; None
    where the class does not allow it (no setter, a frozen class, a frozen field).
    """

    name: str
    annotation: Expression
    location: Location
    settable: Expression | None = None
    doc: str | None = None


Member: TypeAlias = Method | Attribute


@attrs.frozen
class SharedClass:
    """A shared class whose proxy stands in the generated module.

    `bases` are the shared classes it inherits from (with their type arguments), whose proxies its
    proxy inherits from; `mixins` are other classes that its proxy inherits from. `members` are its
    own and those of bases that are neither, in the order of the source. `constructor` is what a
    factory takes.
    """

    module: str
    name: str
    constructor: Signature
    members: tuple[Member, ...]
    location: Location
    doc: str | None = None
    bases: tuple[Expression, ...] = ()
    mixins: tuple[Name, ...] = ()
    type_parameters: tuple[TypeParameter, ...] = ()
    concurrent: bool = False


# --- Managers


@attrs.frozen
class Entry:
    """One thing that a manager offers.

    `shared` is its class with type arguments, as an expression that holds a `SharedName`.
    `constructor` is set for a factory: the class's own, with its type arguments filled in.
    """

    name: str
    shared: Expression
    location: Location
    doc: str | None = None
    constructor: Signature | None = None


@attrs.frozen
class SpecManager:
    """A class decorated with `@manager`; `server` is the name it gives to the server's socket."""

    name: str
    entries: tuple[Entry, ...]
    location: Location
    doc: str | None = None
    server: str | None = None


@attrs.frozen
class Spec:
    """All that one spec module says.

    `classes` are the ones whose proxies stand in the module generated from this spec, bases first,
    then in the order of the source. `homes` says for every other shared class that is mentioned
    which generated module holds its proxy. `values` are the attrs classes that a value of type
    `Any`, or of one of their bases, may turn out to be; `errors` the exception classes that arrive
    as themselves. Both are sorted. `layouts` says in canonical text which fields the values have
    that the declared types reach, for the fingerprint.
    """

    module: str
    file: str
    classes: tuple[SharedClass, ...]
    managers: tuple[SpecManager, ...]
    homes: tuple[tuple[SharedName, str], ...] = ()
    values: tuple[Name, ...] = ()
    errors: tuple[Name, ...] = ()
    doc: str | None = None
    layouts: tuple[str, ...] = ()
