"""Names that others have, too."""

from enum import Enum

import attrs


@attrs.frozen
class Page:
    """A page on the left."""

    left: int = 1


@attrs.frozen
class Proxy:
    """A value with the name of a base."""

    host: str


@attrs.frozen
class Table:
    """A value with the name of one of the library's own."""

    rows: int


class list(Enum):  # noqa: A001
    """Something with the name of a builtin."""

    SHORT = 1
    LONG = 2
