"""Managers as classes: records of what is written, for the module and for its stub."""

from __future__ import annotations

import attrs

from kinfolk.codegen.expressions import shared_in
from kinfolk.codegen.layout import Class, Function, indented
from kinfolk.codegen.names import Scope
from kinfolk.codegen.proxies import Dialect, signature_function
from kinfolk.spec.model import Entry, Spec, SpecManager

__all__ = ["manager_class", "manager_name"]


def manager_name(manager: SpecManager) -> str:
    """Return the name of a manager's class: `CrawlManager`."""
    return f"{manager.name}Manager"


def manager_class(manager: SpecManager, spec: Spec, dialect: Dialect) -> Class:
    """Return the class of a manager, with a method for each entry."""
    scope = dialect.namespace.scope({entry.name for entry in manager.entries})
    docs = {(cls.module, cls.name): cls.doc for cls in spec.classes}
    return Class(
        name=manager_name(manager),
        bases=(dialect.namespace.own("kinfolk.managers:Manager"),),
        functions=tuple(_entry(entry, docs, scope, dialect) for entry in manager.entries),
        doc=manager.doc,
        fields=() if dialect.stub else tuple(_offer(manager, spec, dialect)),
    )


def _entry(
    entry: Entry, docs: dict[tuple[str, str], str | None], scope: Scope, dialect: Dialect
) -> Function:
    doc = entry.doc or next(
        (docs.get((s.module, s.qualname)) for s in shared_in(entry.shared)), None
    )
    if entry.constructor is None:
        return Function(
            name=entry.name,
            parameters=("self",),
            result=scope.text(entry.shared),
            body=() if dialect.stub else (f'return self._singleton("{entry.name}")',),
            doc=doc,
        )
    signature = attrs.evolve(entry.constructor, result=entry.shared)
    return signature_function(entry.name, signature, "_make", doc, scope, dialect)


def _offer(manager: SpecManager, spec: Spec, dialect: Dialect) -> list[str]:
    scope = dialect.namespace.scope()
    singletons = {e.name: scope.text(e.shared) for e in manager.entries if e.constructor is None}
    name = manager_name(manager)
    factories = {e.name: f"{name}.{e.name}" for e in manager.entries if e.constructor is not None}
    return [
        f"_offer = {dialect.namespace.own('kinfolk.wire.table:ManagerType')}(",
        f'    spec="{spec.module}",',
        f'    name="{manager.name}",',
        f'    server="{manager.server or f"{spec.module}.{manager.name}"}",',
        "    table=_TABLE,",
        *indented(_lambda("singletons", singletons)),
        *indented(_lambda("factories", factories)),
        ")",
    ]


def _lambda(name: str, items: dict[str, str]) -> list[str]:
    if not items:
        return [f"{name}=lambda: {{}},"]
    return [
        f"{name}=lambda: {{",
        *(f'    "{key}": {value},' for key, value in items.items()),
        "},",
    ]
