"""Values used by the mixins."""

import attrs


@attrs.frozen
class Stamp:
    """A number and a time."""

    number: int
    seconds: float


@attrs.frozen
class Labelled(Stamp):
    """A stamp with a label."""

    label: str = ""
