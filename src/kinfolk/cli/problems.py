"""What a user asked for on the command line, and cannot have."""

from __future__ import annotations

from kinfolk.errors import KinfolkError

__all__ = ["CommandError", "one_line"]


class CommandError(KinfolkError, ValueError):
    """What was written on the command line cannot be done; the message says what to write."""


def one_line(error: BaseException) -> str:
    """Return the message of an error, which may be somebody else's, as one line for a terminal."""
    text = " ".join(str(error).split())
    return "".join(c if c.isprintable() else "?" for c in text)
