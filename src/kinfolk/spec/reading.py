"""What the parts of the reader share while one spec is read."""

from __future__ import annotations

from types import ModuleType

import attrs

from kinfolk.spec.evaluation import Evaluator
from kinfolk.spec.expressions import Expressions
from kinfolk.spec.kinds import is_value
from kinfolk.spec.names import Names
from kinfolk.spec.problems import Problems
from kinfolk.spec.sources import Sources

__all__ = ["Reading"]


@attrs.frozen(eq=False)
class Reading:
    """One reading of one spec: everything is parsed, resolved and evaluated once in it."""

    sources: Sources
    names: Names
    expressions: Expressions
    evaluator: Evaluator
    problems: Problems

    @classmethod
    def begin(cls, module: ModuleType) -> Reading:
        """Start with nothing read of the spec in a module."""
        known = [value for value in vars(module).values() if is_value(value)]
        sources = Sources()
        names = Names(sources)
        return cls(sources, names, Expressions(names), Evaluator(known), Problems())
