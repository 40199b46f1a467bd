"""Methods that take and return shared objects, also those of another spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import attrs

from kinfolk import factory, manager, shared, singleton

if TYPE_CHECKING:
    from golden.references.other_spec import Guest


@attrs.frozen
class Label:
    """A value."""

    text: str


@shared
class Node:
    """A node of a tree."""

    def __init__(self, text: str = "") -> None:
        self._text = text
        self._children: list[Node] = []
        self._guest: Guest | None = None

    @property
    def label(self) -> Label:
        return Label(self._text)

    @property
    def parent(self) -> Node | None:
        return None

    def add(self, child: Node) -> Self:
        """Add a child."""
        self._children.append(child)
        return self

    def grow(self, text: str) -> Node:
        """Add a new child, and return it."""
        child = Node(text)
        self._children.append(child)
        return child

    def children(self) -> list[Node]:
        return self._children

    def by_name(self) -> dict[str, Node]:
        return {child._text: child for child in self._children}

    def find(self, text: str) -> Node | None:
        return next((child for child in self._children if child._text == text), None)

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self._children:
            yield from child.walk()

    def holds(self, *nodes: Node) -> bool:
        return all(node in self._children for node in nodes)

    def invite(self, guest: Guest) -> Guest:
        """Take an object of the other spec's class."""
        self._guest = guest
        return guest

    def guest(self) -> Guest | None:
        return self._guest


@manager
class References:
    """A tree."""

    root = singleton(Node, "root")
    node = factory(Node)
