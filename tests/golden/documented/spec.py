'''Docstrings of every kind.'''

from kinfolk import manager, shared, singleton


@shared
class Quotes:
    """It's "quoted"."""

    def ends(self) -> str:
        """It ends with a "quote\""""
        return "quote"

    def starts(self) -> str:
        '''"Quoted" from the start.'''
        return "start"

    def triple(self) -> str:
        '''Use """three""" of them, and \'\'\'three\'\'\' of those.'''
        return '"""'

    def backslashes(self) -> str:
        r"""Match `\d+\.\s` or \N{BULLET}, and end in \\"""
        return "\\"

    def odd(self) -> str:
        """Bell \a, escape \x1b, separator \u2028, tab	, and ✓ 漢字."""
        return "odd"

    def several(self, text: str) -> str:
        """Have several lines.

        Args:
            text: With an indented part,
                and a further one.

        Returns:
            The text, "quoted"
        """
        return text

    def indented(self) -> int:
        """
        Start on the second line.

            def example():
                return 1
        """
        return 1

    def empty(self) -> int:
        """ """
        return 0

    @property
    def attribute(self) -> int:
        """Document a property."""
        return 1


@shared
class Bare:
    def call(self) -> None: ...


@manager
class Documented:
    """Documented things.

    At some length.
    """

    quotes = singleton(Quotes)
    """Entries have documentation, too."""

    bare = singleton(Bare)
