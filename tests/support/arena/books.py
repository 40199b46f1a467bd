"""What clients and servers of a chaos run wrote down, and whether it fits together."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Self

import attrs

__all__ = ["Books", "Journal", "check"]


def _lines(path: Path) -> list[list[str]]:
    whole, _, _ = path.read_text().rpartition("\n")  # what is being written is not there yet
    return [line.split(maxsplit=1) for line in whole.splitlines()]


@attrs.frozen
class Journal:
    """What one life of the server did."""

    done: dict[str, Counter[int]]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a journal, as far as it goes."""
        done: dict[str, Counter[int]] = defaultdict(Counter)
        for what, number in _lines(path):
            done[what][int(number)] += 1
        return cls(done)


@attrs.frozen
class Books:
    """What one client did."""

    path: Path
    said: dict[tuple[str, str], set[int]]
    got: list[int]
    lost: int
    wrong: list[str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the books of a client, as far as they go."""
        said: dict[tuple[str, str], set[int]] = defaultdict(set)
        got: list[int] = []
        wrong: list[str] = []
        lost = 0
        for word, rest in _lines(path):
            if word == "got":
                got.append(int(rest))
            elif word == "wrong":
                wrong.append(rest)
            elif word in {"begin", "done", "no", "yes", "cut"}:
                what, number = rest.split()
                said[word, what].add(int(number))
            lost += word == "lost"
        return cls(path, said, got, lost, wrong)


def check(books: list[Books], journals: list[Journal]) -> None:
    """Make sure that what clients say is what all lives of the server together did.

    The journals have to be read after the books of clients that still live, and before where
    nothing must be in them that nobody began.
    """
    done: dict[str, Counter[int]] = defaultdict(Counter)
    for journal in journals:
        for what, numbers in journal.done.items():
            done[what].update(numbers)
    assert not done["meeting"], "two had the lock at once"
    for each in books:
        assert not each.wrong, f"{each.path.name}: {each.wrong}"
    for what in ("note", "put"):
        _check_calls(what, books, done[what])
    _check_items(books, done)


def _check_calls(what: str, books: list[Books], done: Counter[int]) -> None:
    twice = [number for number, count in done.items() if count > 1]
    assert not twice, f"{what} ran twice: {twice}"
    for each in books:
        surely = each.said["done", what] | each.said["yes", what]
        missing = surely - done.keys()
        assert not missing, f"{what} of {each.path.name} never ran: {missing}"
        denied = each.said["no", what] & done.keys()
        assert not denied, f"{what} of {each.path.name} ran, though it was told no: {denied}"


def _check_items(books: list[Books], done: dict[str, Counter[int]]) -> None:
    taken, got = done["take"], Counter(item for each in books for item in each.got)
    twice = [item for item, count in (taken | got).items() if count > 1]
    assert not twice, f"taken twice: {twice}"
    assert got.keys() <= taken.keys(), "somebody got what was not taken"
    assert taken.keys() <= done["put"].keys(), "what was taken was never put"


def check_complete(books: list[Books], journals: list[Journal]) -> None:
    """Make sure of what holds once all clients are gone: no more ran, or was lost, than may be."""
    check(books, journals)
    for what in ("note", "put"):
        begun = {number for each in books for number in each.said["begin", what]}
        ran = {number for journal in journals for number in journal.done[what]}
        assert ran <= begun, f"{what} ran, though nobody began it: {ran - begun}"
    taken = {item for journal in journals for item in journal.done["take"]}
    lost = taken - {item for each in books for item in each.got}
    # Items are fetched one by one, so of each drain that did not end well one can be missing.
    cut = sum(len(each.said["begin", "drain"] - each.said["done", "drain"]) for each in books)
    assert len(lost) <= cut, f"{len(lost)} items are lost, and only {cut} drains were cut short"
