"""Names that others have, too."""

import attrs


@attrs.frozen
class Page:
    """A page on the right."""

    right: str = "1"


@attrs.frozen
class Outer:
    """A value with a value inside of it."""

    @attrs.frozen
    class Inner:
        """The one inside."""

        depth: int = 2

    inner: Inner = Inner()


class TimeoutError(Exception):  # noqa: A001
    """An exception with the name of a builtin one."""
