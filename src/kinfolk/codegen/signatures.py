"""Signatures as text: of the generated functions, and of the calls in their bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from kinfolk.codegen.expressions import is_plain, is_public
from kinfolk.codegen.layout import WIDTH, wrapped
from kinfolk.codegen.names import Scope
from kinfolk.spec.model import Parameter, Signature

__all__ = ["call_lines", "parameter_texts", "receiver", "runtime_default", "stub_default"]

Default = Callable[[Parameter, Scope], str]
"""How a file writes the default of a parameter that has one."""

_STARS: Final = {"var-positional": "*", "var-keyword": "**"}


def runtime_default(parameter: Parameter, scope: Scope) -> str:
    """Write a constant as it is; any other is known to the server alone, and is left out."""
    if parameter.default is not None and parameter.literal:
        return scope.text(parameter.default)
    return scope.namespace.own("kinfolk.proxy:UNSET")


def stub_default(parameter: Parameter, scope: Scope) -> str:
    """Write a default as its author did, where a stub can."""
    default = parameter.default
    if default is None or not (parameter.literal or (is_public(default) and is_plain(default))):
        return "..."
    return scope.text(default)


def receiver(signature: Signature) -> str:
    """Return the name of the first parameter, which no other one has."""
    name = "self"
    while any(parameter.name == name for parameter in signature.parameters):
        name = f"_{name}"
    return name


def parameter_texts(signature: Signature, scope: Scope, default: Default) -> tuple[str, ...]:
    """Return the parameters of a method, the receiver first."""
    this = receiver(signature)
    texts = [this if signature.receiver is None else f"{this}: {scope.text(signature.receiver)}"]
    before = "positional-only"
    for parameter in signature.parameters:
        kind = parameter.kind
        if before == "positional-only" != kind and len(texts) > 1:
            texts.append("/")
        if kind == "keyword-only" and before not in {"keyword-only", "var-positional"}:
            texts.append("*")
        before = kind
        text = f"{_STARS.get(kind, '')}{parameter.name}: {scope.text(parameter.annotation)}"
        texts.append(text if parameter.default is None else f"{text} = {default(parameter, scope)}")
    if before == "positional-only" and len(texts) > 1:
        texts.append("/")
    return tuple(texts)


def call_lines(
    prefix: str, function: str, name: str, parameters: Iterable[str], *, depth: int
) -> list[str]:
    """Return the lines of `prefix function("name", {"x": x, …})`, `depth` steps inside the file."""
    items = [f'"{parameter}": {parameter}' for parameter in parameters]
    width = WIDTH - 4 * depth
    line = f'{prefix}{function}("{name}", {{{", ".join(items)}}})'
    if len(line) <= width:
        return [line]
    mapping = wrapped("{", items, "}", width=width - 4)
    if len(mapping) == 1 and len(mapping[0]) + len(name) + 4 <= width - 4:
        return [f"{prefix}{function}(", f'    "{name}", {mapping[0]}', ")"]
    mapping[-1] += ","
    return [f"{prefix}{function}(", f'    "{name}",', *(f"    {line}" for line in mapping), ")"]
