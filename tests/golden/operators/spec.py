"""Operators, which proxies pass on as well."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import attrs

from kinfolk import factory, manager, shared, singleton


@shared
class Table:
    """A container."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: str) -> int:
        """Return a row."""
        return self._rows[key]

    def __setitem__(self, key: str, value: int) -> None:
        self._rows[key] = value

    def __delitem__(self, key: str) -> None:
        del self._rows[key]

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._rows))

    def __reversed__(self) -> Iterator[str]:
        yield from reversed(list(self._rows))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self._rows == other._rows

    def __bool__(self) -> bool:
        return bool(self._rows)


@shared
@attrs.frozen(order=False)
class Amount:
    """A number."""

    value: int

    def __lt__(self, other: Amount) -> bool:
        return self.value < other.value

    def __le__(self, other: Amount) -> bool:
        return self.value <= other.value

    def __gt__(self, other: Amount) -> bool:
        return self.value > other.value

    def __ge__(self, other: Amount) -> bool:
        return self.value >= other.value

    def __add__(self, other: int) -> Amount:
        return Amount(self.value + other)

    def __radd__(self, other: int) -> Amount:
        return Amount(other + self.value)

    def __sub__(self, other: int | float) -> int:
        if isinstance(other, float):
            return NotImplemented
        return self.value - other

    def __neg__(self) -> Amount:
        return Amount(-self.value)

    def __abs__(self) -> int:
        return abs(self.value)

    def __int__(self) -> int:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __index__(self) -> int:
        return self.value

    def __complex__(self) -> complex:
        return complex(self.value)

    def __matmul__(self, other: list[int]) -> list[int]:
        return [self.value * item for item in other]

    def __divmod__(self, other: int) -> tuple[int, int]:
        return divmod(self.value, other)

    def __pow__(self, other: int) -> int:
        return int(self.value**other)

    def __call__(self, factor: int = 1, *more: int) -> int:
        """Return the sum of products."""
        return self.value * factor + sum(more)


@shared
class Total:
    """A number that changes in place."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def get(self) -> int:
        return self.value

    def __add__(self, other: int | float) -> int | float:
        return self.value + other

    def __iadd__(self, other: int) -> Self:  # type: ignore[misc]  # it takes less than `+` does
        self.value += other
        return self

    def __ior__(self, other: int) -> Total:
        self.value |= other
        return self

    def __isub__(self, other: int) -> Self:
        if other < 0:
            return NotImplemented
        self.value -= other
        return self


@shared
class Door:
    """A context manager."""

    def __init__(self) -> None:
        self._seen: list[str] = []

    def __enter__(self) -> Self:
        self._seen.append("in")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._seen.append("out" if kind is None else kind.__name__)
        return kind is KeyError

    def seen(self) -> list[str]:
        return self._seen


@shared
class Countdown:
    """An iterator of its own."""

    def __init__(self, start: int = 3) -> None:
        self._left = start

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._left


@manager
class Operators:
    """Objects with operators."""

    table = singleton(Table)
    other_table = factory(Table)
    amount = factory(Amount)
    total = factory(Total)
    door = singleton(Door)
    countdown = factory(Countdown)
