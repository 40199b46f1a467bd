"""Shared types to use in specs: ordinary shared classes, declared in a spec of their own."""

from kinfolk.types.containers_spec import Dict
from kinfolk.types.locks_spec import RLock

__all__ = ["Dict", "RLock"]
