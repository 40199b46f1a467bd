"""What logs say of an exception: its class and where it was raised, and nothing of what it holds.

The message of an exception can hold values of a call, and its traceback is full of them.
"""

from __future__ import annotations

from types import TracebackType

__all__ = ["is_inside", "raised", "raised_inside"]

# What happens in these modules is no concern of users.
_INSIDE = ("kinfolk.host.", "kinfolk.wire.", "kinfolk.pickles.", "kinfolk.server.")


def is_inside(traceback: TracebackType) -> bool:
    """Return whether an entry of a traceback is of a frame of ours."""
    return str(traceback.tb_frame.f_globals.get("__name__")).startswith(_INSIDE)


def raised_inside(error: BaseException) -> bool:
    """Return whether we have raised an exception, and not what the user's code called."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and is_inside(traceback)


def raised(error: BaseException) -> str:
    """Return the class of an exception, and the innermost place of the user's that raised it.

    Where it was raised by us, the place is ours.
    """
    cls = type(error)
    name = (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )
    ours = users = None
    traceback = error.__traceback__
    while traceback is not None:
        if is_inside(traceback):
            ours = traceback
        else:
            users = traceback
        traceback = traceback.tb_next
    place = users or ours
    if place is None:
        return name
    return f"{name} at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
