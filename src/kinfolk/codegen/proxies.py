"""Shared classes as proxy classes: records of what is written, for the module and for its stub."""

from __future__ import annotations

from typing import Final

import attrs

from kinfolk.codegen.expressions import arguments_of, plain, stream_result
from kinfolk.codegen.layout import Class, Function, indented, wrapped
from kinfolk.codegen.names import Namespace, Scope, proxy_name
from kinfolk.codegen.signatures import (
    Default,
    call_lines,
    parameter_texts,
    receiver,
    runtime_default,
    stub_default,
)
from kinfolk.codegen.variables import Variables
from kinfolk.spec.model import (
    Attribute,
    Expression,
    Member,
    Method,
    Name,
    SharedClass,
    SharedName,
    Signature,
    Variable,
)
from kinfolk.spec.pieces import joined, substitute
from kinfolk.wire.members import DYNAMIC, GIVING_BACK

__all__ = ["IN_PLACE", "Dialect", "proxy_class", "signature_function"]

IN_PLACE: Final = frozenset(
    f"__i{name}__"
    for name in (
        *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow"),
        *("lshift", "rshift", "and", "or", "xor"),
    )
)
_SELF: Final[Expression] = (Name("typing", "Self"),)
_OBJECT: Final[Expression] = (Name("builtins", "object"),)


@attrs.frozen
class Dialect:
    """What differs between a module and its stub."""

    namespace: Namespace
    variables: Variables
    default: Default
    stub: bool

    @classmethod
    def of_module(cls, namespace: Namespace, variables: Variables) -> Dialect:
        """Write a module: signatures, and bodies that call."""
        return cls(namespace, variables, runtime_default, stub=False)

    @classmethod
    def of_stub(cls, namespace: Namespace, variables: Variables) -> Dialect:
        """Write a stub: overloads, defaults as their author wrote them, and no bodies."""
        return cls(namespace, variables, stub_default, stub=True)


def proxy_class(shared: SharedClass, dialect: Dialect) -> Class:
    """Return the proxy class of a shared class."""
    hidden = {member.name for member in shared.members}
    scope, brackets = dialect.variables.declare(
        shared.type_parameters, dialect.namespace.scope(hidden)
    )
    names = [parameter.name for parameter in shared.type_parameters]
    functions: list[Function] = []
    for member in shared.members:
        functions += _member(member, names, scope, dialect)
    return Class(
        name=proxy_name(SharedName(shared.module, shared.name)),
        bases=_bases(shared, scope, dialect),
        functions=tuple(functions),
        doc=shared.doc,
        type_parameters=brackets,
        fields=() if dialect.stub else _shared_type(shared, dialect.namespace),
    )


def _bases(shared: SharedClass, scope: Scope, dialect: Dialect) -> tuple[str, ...]:
    # Bases are evaluated outside of the class, and while the module is being imported.
    outside = dialect.namespace.scope(variables=scope.variables, early=True)
    bases = [outside.text(base) for base in shared.bases]
    bases = bases or [dialect.namespace.own("kinfolk.proxy:Proxy")]
    bases = [outside.text((mixin,)) for mixin in shared.mixins] + bases
    if shared.type_parameters and not dialect.variables.inline:
        names = [_generic(p.kind, scope.variables[p.name]) for p in shared.type_parameters]
        bases.append(f"{outside.typing('Generic')}[{', '.join(names)}]")
    return tuple(bases)


def _generic(kind: str, local: str) -> str:
    return "*" + local if kind == "TypeVarTuple" else local


def _shared_type(shared: SharedClass, namespace: Namespace) -> tuple[str, ...]:
    streams = [
        f'"{member.name}": {member.ahead}'
        for member in shared.members
        if isinstance(member, Method) and member.ahead is not None
    ]
    name = f'"{shared.module}.{shared.name}"'
    start = f"_shared = {namespace.own('kinfolk.wire.shared:SharedType')}("
    if not streams:
        return tuple(wrapped(start, [name], ")", width=96))
    one = wrapped(start, [name, f"{{{', '.join(streams)}}}"], ")", width=96)
    if len(one) == 1:
        return tuple(one)
    *mapping, end = wrapped("{", streams, "}", width=91)
    return (start, *indented([f"{name},", *mapping, f"{end},"]), ")")


# --- Members


def _member(member: Member, names: list[str], scope: Scope, dialect: Dialect) -> list[Function]:
    if isinstance(member, Attribute):
        return _attribute(member, scope, dialect)
    if not dialect.stub:
        return [_method(member, _of_any_receiver(member.signature, names), scope, dialect)]
    if not member.overloads:
        return [_method(member, member.signature, scope, dialect)]
    overload = scope.typing("overload")
    return [
        attrs.evolve(_method(member, signature, scope, dialect), decorators=(overload,))
        for signature in member.overloads
    ]


def _attribute(attribute: Attribute, scope: Scope, dialect: Dialect) -> list[Function]:
    name = attribute.name
    getter = Function(
        name=name,
        parameters=("self",),
        result=scope.text(attribute.annotation),
        body=() if dialect.stub else (f'return self._call("{name}")',),
        doc=attribute.doc,
        decorators=(scope.builtin("property"),),
    )
    if attribute.settable is None:
        return [getter]
    setter = Function(
        name=name,
        parameters=("self", f"value: {scope.text(attribute.settable)}"),
        result="None",
        body=() if dialect.stub else (f'self._call("{name}=", {{"value": value}})',),
        decorators=(f"{name}.setter",),
    )
    return [getter, setter]


def _method(method: Method, signature: Signature, scope: Scope, dialect: Dialect) -> Function:
    """Return a method of a proxy, which calls the object's."""
    if method.ahead is not None:
        signature = attrs.evolve(signature, result=stream_result(signature.result))
    if method.name in IN_PLACE:
        signature = attrs.evolve(signature, result=_SELF)
    call = "_call"
    if method.name in {"__eq__", "__ne__"}:
        signature = _comparing_anything(signature)
        call = "_compare"
    if method.name == "__str__":
        call = "_show"
    if method.name in GIVING_BACK and method.ahead is None:
        call = "_give_back"
    if method.name in DYNAMIC:
        call = "_call_dynamic"
    return signature_function(method.name, signature, call, method.doc, scope, dialect)


def _of_any_receiver(signature: Signature, names: list[str]) -> Signature:
    """Return a signature whose receiver has no annotation, which only checkers need.

    What that says of type variables is said otherwise: they are those of the class, whose `names`
    are given, so that what travels is what the object is declared to hold.
    """
    given = [] if signature.receiver is None else arguments_of(signature.receiver)
    meant: dict[str, Expression] = {}
    for argument, name in zip(given, names, strict=False):
        own = argument[0] if len(argument) == 1 else None
        if isinstance(own, Variable) and own.name != name:
            meant[own.name] = (Variable(name),)
    return attrs.evolve(
        signature,
        receiver=None,
        parameters=tuple(
            attrs.evolve(p, annotation=joined(substitute(p.annotation, meant)))
            for p in signature.parameters
        ),
        result=joined(substitute(signature.result, meant)),
        type_parameters=tuple(p for p in signature.type_parameters if p.name not in meant),
    )


def _comparing_anything(signature: Signature) -> Signature:
    # `object.__eq__` takes any object, and an override may not take less.
    parameters = tuple(attrs.evolve(p, annotation=_OBJECT) for p in signature.parameters)
    return attrs.evolve(signature, parameters=parameters)


def signature_function(
    name: str, signature: Signature, call: str, doc: str | None, scope: Scope, dialect: Dialect
) -> Function:
    """Return a function that passes its arguments on by calling `self.<call>`."""
    signature = plain(signature)
    inner, brackets = dialect.variables.declare(signature.type_parameters, scope)
    return Function(
        name=name,
        parameters=parameter_texts(signature, inner, dialect.default),
        result=inner.text(signature.result),
        body=() if dialect.stub else _body(name, signature, call),
        doc=doc,
        type_parameters=brackets,
    )


def _body(name: str, signature: Signature, call: str) -> tuple[str, ...]:
    this = receiver(signature)
    prefix, last = _returning(name, signature.result, this)
    names = [parameter.name for parameter in signature.parameters]
    if names or call != "_call":
        lines = call_lines(prefix, f"{this}.{call}", name, names, depth=2)
    else:
        lines = [f'{prefix}{this}._call("{name}")']
    return (*lines, *last)


def _returning(name: str, result: Expression, this: str) -> tuple[str, tuple[str, ...]]:
    """Return what stands before the call in a body, and the lines after it."""
    if name in IN_PLACE:
        return "result = ", (f"return result if result is NotImplemented else {this}",)
    match result:
        case ["None"]:
            return "", ()
        case [Name(qualname="Never" | "NoReturn")]:
            return "", ("raise AssertionError",)
        case _:
            return "return ", ()
