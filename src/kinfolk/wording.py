"""Exceptions in words, where they cannot go themselves."""

from __future__ import annotations

from kinfolk.signals import surely_raised_by_handler

__all__ = ["in_words", "text_of"]


def in_words(error: BaseException) -> str:
    """Return the class and the text of an exception, as the last line of a traceback has them."""
    name, text = type(error).__name__, text_of(error)
    return f"{name}: {text}" if text else name


def text_of(error: BaseException) -> str:
    """Return the text of an exception, whatever its class makes of that."""
    try:
        return str(error)
    except Exception as failed:
        if surely_raised_by_handler(failed):
            raise
        return "<its text cannot be had>"
