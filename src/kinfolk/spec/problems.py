"""Collecting every problem of a spec before any is reported."""

from __future__ import annotations

import os
from pathlib import Path

from kinfolk.errors import Problem, SpecError
from kinfolk.spec.model import Location

__all__ = ["Problems", "Unreadable", "shown"]


class Unreadable(Exception):
    """One part of a spec cannot be read; the text says why, and what to write instead.

    `location` is where the mistake stands, if that is elsewhere than what is being read.
    """

    def __init__(self, text: str, location: Location | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.location = location


class Problems:
    """The problems found so far, each once; `count` tells how often one was noted."""

    def __init__(self) -> None:
        self._found: set[Problem] = set()
        self.count = 0

    def add(self, location: Location, text: str) -> None:
        """Note what is wrong at a place, and what to write instead."""
        self._found.add(Problem(location.file, location.line, text))
        self.count += 1

    def note(self, location: Location, error: Unreadable) -> None:
        """Note what could not be read, at its own place if it names one."""
        self.add(error.location or location, error.text)

    def include(self, others: Problems) -> None:
        """Note all that others found."""
        self._found |= others._found
        self.count += others.count

    def check(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            SpecError: With every problem found.
        """
        if self._found:
            raise SpecError(self._found)


def shown(file: str) -> str:
    """Return a path as the user would type it: relative if it lies below the working folder."""
    path = Path(os.path.abspath(file))  # noqa: PTH100 - resolve() would follow links
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):
        return str(path)
