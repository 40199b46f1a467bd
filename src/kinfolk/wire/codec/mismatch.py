"""What the codec says when a type or a value does not fit."""

from __future__ import annotations

from typing import Final

from kinfolk.wire.codec.text import class_name

__all__ = ["NESTING_LIMIT", "CannotTravel", "Mismatch", "TooDeep"]

NESTING_LIMIT: Final = 100
"""How deep values of a recursive type, or of type `Any`, may be nested; a server may allow less."""


class CannotTravel(TypeError):
    """Values of a declared type cannot be sent; the text says why, and what to write instead."""


class Mismatch(TypeError):
    """A value does not fit its declared type.

    The text completes the sentence that begins with whose value it is, "argument 'page'":
    "must be Page, not dict", or "at .tags[3] must be str, not int". `path` leads from the whole
    value to the innermost place that is wrong, `expected` is the type declared there as its author
    wrote it, and `got` the class that was found; both are empty where the text says more.
    """

    def __init__(
        self,
        complaint: str,
        *,
        expected: str = "",
        got: str = "",
        path: str = "",
        subject: str = "",
    ) -> None:
        super().__init__(complaint)
        self.complaint = complaint
        self.expected = expected
        self.got = got
        self.path = path
        self.subject = subject

    @classmethod
    def wrong(cls, expected: str, got: str) -> Mismatch:
        """Say that a value is not of the type expected."""
        return cls(f"must be {expected}, not {got}", expected=expected, got=got)

    @classmethod
    def of(cls, expected: str, value: object) -> Mismatch:
        """Say that this very value is not of the type expected."""
        got = class_name(type(value))
        if got == expected:
            # Two classes of one name: only where they are from tells them apart.
            got = f"{type(value).__module__}.{got}"
        return cls.wrong(expected, got)

    def within(self, step: str) -> Mismatch:
        """Add the step that led to the place; called from the inside outwards."""
        self.path = step + self.path
        return self

    def instead(self, expected: str) -> Mismatch:
        """Return the same complaint for a wider type, where nothing more exact is known."""
        if self.path or not self.expected:
            return self
        return Mismatch.wrong(expected, self.got)

    def __str__(self) -> str:
        place = f"at {self.path.strip()}" if self.path else ""
        return " ".join(part for part in (self.subject, place, self.complaint) if part)


class TooDeep(Mismatch):
    """A value is nested deeper than allowed, and perhaps holds itself."""

    def __init__(self, limit: int = NESTING_LIMIT) -> None:
        super().__init__(f"is nested too deep ({limit + 1} levels or more, limit {limit})")
        self.limit = limit

    def within(self, step: str) -> Mismatch:
        """Keep no path: a hundred steps tell nothing."""
        return self

    def __reduce__(self) -> tuple[type[TooDeep], tuple[int]]:
        return TooDeep, (self.limit,)
