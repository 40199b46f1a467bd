"""Reading the methods and operators of shared classes."""

from __future__ import annotations

from typing import Final

import attrs

from kinfolk.declare import Marks, SharedMark
from kinfolk.spec.docs import inherited_doc
from kinfolk.spec.evaluation import SELF
from kinfolk.spec.lineage import Ancestor, Lineage
from kinfolk.spec.model import Expression, Method, Name, SharedName, Signature
from kinfolk.spec.operators import STREAMED, role
from kinfolk.spec.problems import Unreadable
from kinfolk.spec.reading import Reading
from kinfolk.spec.signatures import Signatures
from kinfolk.spec.wrapping import Definition, defined

__all__ = ["Methods"]

_AHEAD: Final = 100
"""How many items of an operator's stream travel with one request, unless its author says so."""

_OVERLOAD: Final = frozenset({("typing", "overload"), ("typing_extensions", "overload")})


class Methods:
    """Reads the methods of one shared class.

    Args:
        lineage: The class and its bases.
        signatures: Reads their signatures.
        mark: What `@shared` says of the class.
        reading: What is shared while the spec is read.
    """

    def __init__(
        self, lineage: Lineage, signatures: Signatures, mark: SharedMark, reading: Reading
    ) -> None:
        self._lineage = lineage
        self._signatures = signatures
        self._mark = mark
        self._reading = reading
        self._problems = reading.problems

    def read(self, name: str, value: object, marks: Marks, ancestor: Ancestor) -> Method | None:
        """Read one method; None if something is wrong with it, which is noted.

        Raises:
            Unreadable: It cannot be remote, or has no definition that says how it is called.
        """
        label = f"{ancestor.cls.__qualname__}.{name}"
        if name.startswith("__") and role(name, dynamic=self._mark.dynamic) == "neither":
            raise Unreadable(
                f"`{label}` cannot be remote; mark it `@hidden`, and offer a method with a name"
                " of its own if clients need what it does"
            )
        definition = defined(name, value, ancestor, self._reading)
        self._check(marks, definition, label)
        signature = self._signature(definition, label)
        overloads = self._overloads(definition, ancestor, label)
        if signature is None:
            return None
        return Method(
            name=name,
            signature=signature,
            location=definition.location,
            doc=inherited_doc(name, definition.node, self._lineage, ancestor),
            overloads=overloads,
            ahead=self._ahead(name, signature.result, marks, definition, label),
            blocking=marks.blocking,
        )

    def _check(self, marks: Marks, definition: Definition, label: str) -> None:
        if definition.is_async:
            self._problems.add(
                definition.location,
                f"`{label}` is async, which cannot be remote; write it with `def`"
                " (clients can await any call)",
            )
        if marks.blocking and not self._mark.concurrent:
            cls = self._lineage.cls.__qualname__
            self._problems.add(
                definition.location,
                f"`{label}` is `@blocking`, and while it waited in its turn no other call could"
                f" end its wait; write `@shared(concurrent=True)` above `{cls}`, and let it guard"
                " itself",
            )

    def _signature(self, definition: Definition, label: str) -> Signature | None:
        signature = self._signatures.read(
            definition.node,
            definition.scope,
            label,
            bound=definition.bound,
            travels=not definition.is_async,  # refused as a whole
        )
        if signature is None or definition.result is None:
            return signature
        self._signatures.check(definition.result, definition.location, f"the result of `{label}`")
        return attrs.evolve(signature, result=definition.result)

    def _ahead(
        self, name: str, result: Expression, marks: Marks, definition: Definition, label: str
    ) -> int | None:
        """Return how far a stream reads ahead; None for a method that does not stream."""
        if self._reading.evaluator.streams(result):
            return marks.ahead or (_AHEAD if name in STREAMED else 1)
        wrong = None
        if marks.ahead is not None:
            wrong = "is marked `@stream` and returns no iterator"
        elif definition.is_generator:
            wrong = "is a generator, and streams only if its result says so"
        elif name in STREAMED and not _is_object(result):
            wrong = "must return an iterator"
        if wrong is not None:
            self._problems.add(
                definition.location, f"`{label}` {wrong}; declare its result as `Iterator[...]`"
            )
        return None

    def _overloads(
        self, definition: Definition, ancestor: Ancestor, label: str
    ) -> tuple[Signature, ...]:
        nodes = ancestor.source.functions.get(definition.node.name, []) if ancestor.source else []
        if len(nodes) < 2 or definition.node not in nodes:
            return ()
        found: list[Signature | None] = []
        for node in nodes:
            scope = ancestor.scope(node)
            origins = [self._reading.expressions.found(d, scope) for d in node.decorator_list]
            if any(o is not None and (o.module, o.qualname) in _OVERLOAD for o in origins):
                signature = self._signatures.read(
                    node, scope, label, bound=definition.bound, travels=False
                )
                found.append(signature)
        return tuple(signature for signature in found if signature is not None)


def _is_object(result: Expression) -> bool:
    """Tell whether a result is a shared object, which may be an iterator itself."""
    match result:
        case (SharedName(), *_):
            return True
        case (Name(module, qualname),):
            return (module, qualname) in SELF
        case _:
            return False
