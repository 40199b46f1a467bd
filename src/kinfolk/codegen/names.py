"""The names of a generated module: what each import is called there, and where it is shadowed.

A `Namespace` is the global scope of one file. It imports a name when a type first mentions it, so
nothing is imported that is not used. A `Scope` is a place inside of it, where the members of a
class hide globals of the same name: in the body of a class with a method `set`, the text `set[str]`
means the method.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import attrs

from kinfolk.codegen.imports import Imports
from kinfolk.spec.model import Expression, Name, SharedName, Variable

__all__ = ["Namespace", "Scope", "proxy_name"]

BUILTINS: Final = frozenset(dir(builtins)) | frozenset(keyword.kwlist)
OWN: Final = frozenset(
    {"_Manager", "_ManagerType", "_Proxy", "_SharedType", "_TABLE", "_Table", "_UNSET"}
    | {"Self", "_Self", "annotations"}
)
"""The names that the library gives to its own things in a generated module."""
_TYPING: Final = frozenset({"typing", "typing_extensions"})


def proxy_name(shared: SharedName) -> str:
    """Return the name of a shared class's proxy: `FrontierProxy`."""
    return shared.qualname.replace(".", "") + "Proxy"


class Namespace:
    """The global names of one generated file.

    Args:
        classes: The names of the classes that are defined in it.
        homes: The generated modules that hold the proxies of shared classes not defined here.
        parameters: The names of all type parameters.
    """

    def __init__(
        self,
        classes: Collection[str],
        homes: Mapping[SharedName, str],
        parameters: Iterable[str] = (),
    ) -> None:
        self.imports = Imports()
        self.private = False
        """Whether anything here has a private name in the module that it is imported from."""
        self._classes = classes
        self._homes = homes
        self._taken = {*classes, *parameters, *OWN}
        self._bound: dict[tuple[str, str], list[str]] = {}

    def scope(
        self,
        hidden: Collection[str] = (),
        variables: Mapping[str, str] | None = None,
        *,
        early: bool = False,
    ) -> Scope:
        """Return a place in this file where the names in `hidden` mean something else.

        Args:
            hidden: Names of globals that a class hides there.
            variables: The type parameters in sight, and what they are called.
            early: What stands there is evaluated while the module is being imported.
        """
        return Scope(self, frozenset(hidden), dict(variables or {}), early)

    def own(self, name: str) -> str:
        """Import one of the library's own names, `module:name`, under a leading underscore."""
        module, _, root = name.partition(":")
        local = f"_{root}"
        self.imports.name(module, root, local)
        return local

    def free(self, name: str, hidden: Collection[str] = ()) -> str:
        """Return `name`, or one like it that is not taken, and take it."""
        local = name
        number = 1
        while not self._is_free(local, hidden):
            plain = name.lstrip("_")
            local = f"_{plain}" if number == 1 else f"_{plain}{number}"
            number += 1
        self._taken.add(local)
        return local

    def _is_free(self, name: str, hidden: Collection[str]) -> bool:
        return name not in self._taken and name not in hidden and name not in BUILTINS

    def name(self, module: str, root: str, hidden: Collection[str]) -> str:
        """Return what a name is called here, and import it."""
        if module == "builtins":
            return self._builtin(root, hidden)
        if root == "Self" and module in _TYPING:
            return self._self(hidden)
        bound = self._bound.setdefault((module, root), [])
        own = self._is_free(root, hidden)
        for local in bound:
            # It is called by its own name where it can be.
            if local not in hidden and (local == root or not own):
                return local
        local = self.free(root, hidden)
        bound.append(local)
        self.imports.name(module, root, local)
        return local

    def _builtin(self, root: str, hidden: Collection[str]) -> str:
        if root not in hidden:
            return root
        return f"{self.module('builtins', hidden)}.{root}"

    def _self(self, hidden: Collection[str]) -> str:
        # The wire table knows it by these two names.
        local = "_Self" if "Self" in hidden else "Self"
        self.imports.name("typing", "Self", local)
        return local

    def module(self, module: str, hidden: Collection[str], *, last: bool = False) -> str:
        """Return what a module is called here, and import it; `last` puts it at the end."""
        bound = self._bound.setdefault((module, ""), [])
        local = next((name for name in bound if name.partition(".")[0] not in hidden), None)
        if local is None:
            root = module.partition(".")[0]
            clash = root in hidden or (root in self._taken and not self.imports.is_root(root))
            local = self.free("_" + module.replace(".", "_"), hidden) if clash else module
            self._taken.add(root)
            bound.append(local)
        self.imports.module(module, local, last=last)
        return local

    def parameter(self, name: str, hidden: Collection[str]) -> str:
        """Return what a type parameter is called here; its own name was reserved for it."""
        if name in hidden or name in BUILTINS or name in self._classes:
            return self.free("_" + name, hidden)
        return name

    def proxy(self, shared: SharedName, hidden: Collection[str], *, early: bool) -> str:
        """Return what the proxy of a shared class is called here, and import it."""
        name = proxy_name(shared)
        if name in self._classes and shared not in self._homes:
            return name
        home = self._homes[shared]
        if early:
            return self.name(home, name, hidden)
        # Generated modules may mention each other, so what can wait is imported at the end.
        return f"{self.module(home, hidden, last=True)}.{name}"


@attrs.frozen
class Scope:
    """A place in a generated file, with the names that mean something else there."""

    namespace: Namespace
    hidden: frozenset[str]
    variables: Mapping[str, str]
    early: bool = False

    def within(self, variables: Mapping[str, str]) -> Scope:
        """Return this place with more type parameters in sight."""
        return attrs.evolve(self, variables={**self.variables, **variables})

    def builtin(self, name: str) -> str:
        """Return how a builtin is written here."""
        return self.namespace.name("builtins", name, self.hidden)

    def typing(self, name: str) -> str:
        """Return how a name of `typing` is written here."""
        return self.namespace.name("typing", name, self.hidden)

    def text(self, expression: Expression) -> str:
        """Return the text of an expression as it is written here, with its names imported."""
        return "".join(map(self._piece, expression))

    def _piece(self, piece: str | Name | SharedName | Variable) -> str:
        match piece:
            case str():
                return piece
            case Name(module, qualname):
                root, dot, rest = qualname.partition(".")
                if qualname.startswith("_") or "._" in qualname:
                    self.namespace.private = True
                return self.namespace.name(module, root, self.hidden) + dot + rest
            case SharedName():
                return self.namespace.proxy(piece, self.hidden, early=self.early)
            case Variable(name):
                return self.variables[name]
