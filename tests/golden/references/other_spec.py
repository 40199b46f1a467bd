"""A spec that mentions one that mentions it."""

from __future__ import annotations

from golden.references.spec import Node
from kinfolk import factory, manager, shared, singleton


@shared
class Guest(Node):
    """A node from elsewhere."""

    def visit(self, node: Node) -> str:
        """Say whom it visits."""
        return f"{self.label.text} visits {node.label.text}"


@manager
class Guests:
    """Guests, and where they go."""

    tree = singleton(Node, "tree")
    guest = factory(Guest)
