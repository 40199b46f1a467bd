"""Exceptions in words, where they cannot go themselves."""

from __future__ import annotations

from kinfolk.signals import surely_raised_by_handler

__all__ = ["in_words"]


def in_words(error: BaseException) -> str:
    """Return the class and the text of an exception, as the last line of a traceback has them."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception as failed:
        if surely_raised_by_handler(failed):
            raise
        text = "<its text cannot be had>"
    return f"{name}: {text}" if text else name
