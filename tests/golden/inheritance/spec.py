"""Shared classes that inherit from each other, and from classes of other modules."""

from __future__ import annotations

import attrs

from golden.inheritance.mixins import Choir, Holder, Named, Timed
from golden.inheritance.values import Labelled, Stamp
from kinfolk import factory, manager, shared, singleton


@shared
class Animal(Choir):
    """Something that makes a sound."""

    def sound(self) -> str:
        """Make a sound."""
        return "..."

    def twice(self) -> str:
        return self.sound() * 2

    @property
    def legs(self) -> int:
        return 4


@shared
class Dog(Animal, Timed):
    """A dog."""

    def sound(self) -> str:
        return "wuff"

    def fetch(self, what: Stamp) -> Stamp:
        return what


@shared
class Puppy(Dog, Holder[bytes]):
    """A small dog."""

    @property
    def legs(self) -> int:
        """Return how many of them it uses."""
        return 3

    def parent(self) -> Dog:
        return Dog()

    def label(self, stamp: Labelled) -> Stamp:
        return stamp


@shared
@attrs.define
class Boat(Named):
    """A boat."""

    length: float = 3.0


@manager
class Zoo:
    """Animals."""

    animal = singleton(Animal)
    dog = singleton(Dog)
    puppy = singleton(Puppy)
    boat = factory(Boat)
