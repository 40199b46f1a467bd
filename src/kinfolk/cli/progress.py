"""What a command is doing while that takes time: one line on a terminal, nothing on a pipe."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

__all__ = ["progress"]

_ERASE: Final = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))


@contextmanager
def progress(doing: str, total: int) -> Generator[Callable[[str], None], None, None]:
    """Show how far a command is, in one line on stderr that is gone at the end of the block.

    The line is drawn when something begins, and by no thread, since what goes on meanwhile is the
    user's own code, which may fork. Nor is the cursor hidden, which a kill would leave so.

    Args:
        doing: What is done to each thing, as in "reading".
        total: How many there are.

    Yields:
        What to call with the name of each thing when it begins.
    """
    console = Console(stderr=True)
    # rich takes a pipe for a terminal where FORCE_COLOR asks for colours.
    shown = _is_terminal(sys.stderr) and not console.is_dumb_terminal
    numbers = itertools.count(1)

    def begin(name: str) -> None:
        if shown:
            console.control(_ERASE)
            text = Text(f"[{next(numbers)}/{total}] {doing} {name}")
            console.print(text, end="", no_wrap=True, overflow="ellipsis")

    try:
        yield begin
    finally:
        if shown:
            console.control(_ERASE)


def _is_terminal(stream: TextIO | None) -> bool:
    # Python has none where the descriptor was closed.
    return stream is not None and stream.isatty()
