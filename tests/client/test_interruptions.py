"""Calls that are cut short: by signals, by deadlines, at any moment."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from support.arena.serving import Served
from support.threads import until

CLIENTS = 2


def test_thousands_of_interruptions_leave_the_books_in_order(
    request: pytest.FixtureRequest, arena: Served
) -> None:
    """No reply is taken for another's, nothing runs twice, and nobody has what nobody took."""
    rounds: int = request.config.getoption("--storm-rounds")
    seed = random.randrange(1, 1000)
    print(f"seed {seed}")
    clients = [arena.client("storm", seed + number, rounds) for number in range(CLIENTS)]
    with clients[0], clients[1], arena.open() as manager:
        books: list[dict[str, Any]] = [json.loads(client.line(patience=250)) for client in clients]
        noted = Counter(manager.ledger().notes())
        for book in books:
            assert not book["wrong"], "\n\n".join(book["wrong"])
            assert book["interruptions"] > rounds
            assert book["giving_back"] > rounds / 20
            for known in "returned", "ran", "did_not_run":
                assert len(book[known]) > rounds / 100, known
            print({name: len(book[name]) for name in ("returned", "ran", "did_not_run")})
            print(book["connections"], book["idle"])
            assert book["connections"] - book["idle"] <= rounds / 100
            assert all(noted[number] == 1 for number in book["returned"] + book["ran"])
            assert all(noted[number] == 0 for number in book["did_not_run"])
        assert max(noted.values()) == 1
        assert manager.witness().meetings() == 0
        # The clients are there still, and idle: what they have now, they would have for ever.
        until(lambda: manager.lock().acquire(blocking=False))
        until(lambda: manager.census().alive() == 0)
        for client in clients:
            client.tell("go")
            assert client.wait() == 0, client.errors
