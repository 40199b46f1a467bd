"""Shared types to use in specs: ordinary shared classes, declared in a spec of their own."""

from kinfolk.types.spec import Dict, RLock

__all__ = ["Dict", "RLock"]
