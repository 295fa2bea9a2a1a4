"""What every app of this folder is asked, and what it answers."""

from typing import Any, NamedTuple

from fastapi.testclient import TestClient

from migrate import orders

__all__ = ["ANSWERS", "Seen", "ask"]

ANSWERS = [
    ("POST", "/orders/tea", 200, "tea: 3 EUR"),
    ("POST", "/orders/kettle", 200, "kettle: 6 EUR"),
    ("POST", "/orders/unicorn", 409, {"detail": "out of stock"}),
]
"""Method, path, status and body; then comes what is in the database."""


class Seen(NamedTuple):
    """What an app has said, and what it has opened and closed."""

    answers: list[tuple[str, str, int, Any]]
    stored: list[str]
    log: list[str]


def ask(app: Any) -> Seen:
    """Start *app*, ask it, and stop it."""
    orders.LOG.clear()
    with TestClient(app) as client:
        answers: list[tuple[str, str, int, Any]] = []
        for method, path, *_ in ANSWERS:
            response = client.request(method, path)
            answers.append((method, path, response.status_code, response.json()))
        stored = client.get("/orders").json()
    return Seen(answers, stored, list(orders.LOG))
