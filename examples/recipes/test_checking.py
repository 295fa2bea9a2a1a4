"""The tests of the page "Check in CI"."""

# --8<-- [start:test]
from notes.app import app


def test_wiring() -> None:
    app.check()  # raises everything that would refuse the start


# --8<-- [end:test]


# --8<-- [start:strict]
def test_nothing_is_left_over() -> None:
    app.check(strict=True)  # and what nothing asks for


# --8<-- [end:strict]
