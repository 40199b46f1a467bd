"""Which values can be counted up and down."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

__all__ = ["N"]

N = TypeVar("N", int, float, complex, Decimal, Fraction)
"""A kind of number."""
