"""The whole text of a generated module and of its stub."""

from __future__ import annotations

from typing import Final

import attrs

from kinfolk.codegen.copies import with_read_only_copies
from kinfolk.codegen.fingerprint import fingerprint
from kinfolk.codegen.layout import docstring, wrapped
from kinfolk.codegen.managers import manager_class, manager_name
from kinfolk.codegen.names import Namespace, proxy_name
from kinfolk.codegen.proxies import IN_PLACE, Dialect, proxy_class
from kinfolk.codegen.variables import InlineVariables, ModuleVariables
from kinfolk.spec.model import Method, SharedClass, SharedName, Spec, TypeParameter
from kinfolk.spec.naming import HEADER

__all__ = ["Generated", "render"]

_WARNING: Final = "Changes here are lost: edit the spec, run `kinfolk generate`."
_UNTYPED: Final = "no-any-return"
"""What a channel returns has been checked against the annotation, which mypy cannot know."""
_IN_PLACE: Final = "misc"
"""Where `+=` takes other things than `+` does, as it does for lists, mypy wants this to be said."""
_PRIVATE: Final = "# pyright: reportPrivateUsage=false"
"""For specs that use private names of theirs in public places."""


@attrs.frozen
class Generated:
    """The text of a generated module, and of its stub."""

    py: str
    pyi: str


def render(spec: Spec, *, read_only_copies: bool = False) -> Generated:
    """Return the files generated from a spec. Same spec, same text.

    Args:
        spec: The spec.
        read_only_copies: Type results in the stub by read-only protocols.
    """
    seen = with_read_only_copies(spec) if read_only_copies else spec
    return Generated(py=_module(spec), pyi=_stub(seen))


def _module(spec: Spec) -> str:
    namespace = _namespace(spec)
    variables = ModuleVariables(namespace)
    dialect = Dialect.of_module(namespace, variables)
    proxies = [proxy_class(shared, dialect).lines() for shared in spec.classes]
    table = _table(spec, namespace)
    managers = [manager_class(manager, spec, dialect).lines() for manager in spec.managers]
    blocks = [
        [
            *_start(spec, namespace, _UNTYPED, *_of_operators(spec)),
            "",
            "from __future__ import annotations",
        ],
        namespace.imports.at_top(),
        _all(spec),
    ]
    lines = _spaced([*blocks, variables.lines])
    for block in [*proxies, table, *managers]:
        lines += ["", *block, ""]
    if late := namespace.imports.at_end():
        lines += ["", "# Last, since generated modules may mention each other.", *late, ""]
    return _joined(lines)


def _stub(spec: Spec) -> str:
    namespace = _namespace(spec)
    inferred = any(p.variance == "inferred" for p in _type_parameters(spec))
    variables = InlineVariables(namespace) if inferred else ModuleVariables(namespace)
    dialect = Dialect.of_stub(namespace, variables)
    classes = [
        *(proxy_class(shared, dialect).lines() for shared in spec.classes),
        *(manager_class(manager, spec, dialect).lines() for manager in spec.managers),
    ]
    blocks = [
        _start(spec, namespace, *_of_operators(spec)),
        namespace.imports.all(),
        _all(spec),
        variables.lines,
        *classes,
    ]
    return _joined(_spaced(blocks))


def _of_operators(spec: Spec) -> list[str]:
    """Return what mypy must not look for, since the operators of the spec are what they are."""
    return [_IN_PLACE] if any(map(_has_both, spec.classes)) else []


def _has_both(shared: SharedClass) -> bool:
    """Tell whether a class has an operator both in place and not."""
    names = {member.name for member in shared.members}
    return any(name in IN_PLACE and name.replace("__i", "__", 1) in names for name in names)


def _spaced(blocks: list[list[str]]) -> list[str]:
    return [line for block in blocks if block for line in [*block, ""]]


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def _start(spec: Spec, namespace: Namespace, *disabled: str) -> list[str]:
    return [
        f"{HEADER}{spec.module}. {_WARNING}",
        # The text is compared with the disk, so no tool may change it.
        "# fmt: off",
        "# ruff: noqa",
        *([f'# mypy: disable-error-code="{",".join(disabled)}"'] if disabled else []),
        *([_PRIVATE] if namespace.private else []),
        *docstring(f"Managers and proxies for `{spec.module}`."),
    ]


def _all(spec: Spec) -> list[str]:
    return wrapped("__all__ = [", [f'"{name}"' for name in sorted(_class_names(spec))], "]")


def _class_names(spec: Spec) -> list[str]:
    proxies = [proxy_name(SharedName(shared.module, shared.name)) for shared in spec.classes]
    return [*proxies, *map(manager_name, spec.managers)]


def _namespace(spec: Spec) -> Namespace:
    return Namespace(
        classes=frozenset(_class_names(spec)),
        homes=dict(spec.homes),
        parameters={parameter.name for parameter in _type_parameters(spec)},
    )


def _type_parameters(spec: Spec) -> list[TypeParameter]:
    signatures = [
        signature
        for shared in spec.classes
        for member in shared.members
        if isinstance(member, Method)
        for signature in (member.signature, *member.overloads)
    ]
    signatures += [e.constructor for m in spec.managers for e in m.entries if e.constructor]
    return [
        *(parameter for shared in spec.classes for parameter in shared.type_parameters),
        *(parameter for signature in signatures for parameter in signature.type_parameters),
    ]


def _table(spec: Spec, namespace: Namespace) -> list[str]:
    scope = namespace.scope()
    proxies = [proxy_name(SharedName(shared.module, shared.name)) for shared in spec.classes]
    values = [scope.text((name,)) for name in spec.values]
    errors = [scope.text((name,)) for name in spec.errors]
    uses = [namespace.module(home, (), last=True) for home in sorted({h for _, h in spec.homes})]
    return [
        f"_TABLE = {namespace.own('kinfolk.wire.table:Table')}(",
        f'    spec="{spec.module}",',
        f'    fingerprint="{fingerprint(spec)}",',
        *_tuple("proxies=", proxies),
        *_tuple("values=", values),
        *_tuple("errors=", errors),
        *_tuple("uses=lambda: ", uses),
        ")",
    ]


def _tuple(start: str, items: list[str]) -> list[str]:
    """Return the lines of a keyword argument that is a tuple, or none if it is empty."""
    if not items:
        return []
    end = ",)," if len(items) == 1 else "),"
    return ["    " + line for line in wrapped(f"{start}(", items, end, width=96)]
