"""What `provider`, `supplied` and `Container` are given and cannot use (G14, C13, K12)."""

from collections.abc import Callable
from typing import Any

import pytest

from lifescope import Container, GraphError, InvalidProviderError, provider, supplied

SECRET = "postgres://user:hunter2@db"


class Database: ...


class Needy:
    def __init__(self, database: Database) -> None: ...


def make() -> Database: ...


def built(*sources: Any, **options: Any) -> GraphError:
    """The error of a container that cannot be built of them."""
    with pytest.raises(GraphError) as caught:
        Container(*sources, **options)
    return caught.value


def declared(**arguments: Any) -> Any:
    """A record whose arguments no type checker has seen."""
    given: dict[str, Any] = {"scope": "app", **arguments}
    return provider(make, **given)


@pytest.mark.parametrize(
    ("source", "said", "fix"),
    [
        (lambda: declared(scope=None), "make() says scope= with None", 'scope="request"'),
        (lambda: declared(scope=5), "make() says scope= with an object of type int", "in quotes"),
        (lambda: declared(name=7), "make() says name= with an object of type int", "in quotes"),
        (
            lambda: declared(provides="Database"),
            "make() says provides= with an object of type str",
            "the class itself, without quotes",
        ),
        (
            lambda: declared(provides=[Database, Needy]),
            "make() says provides= with an object of type list",
            "several keys in a tuple: (One, Other)",
        ),
        (
            lambda: declared(provides=(Database, make)),
            "make() says provides= with the function make()",
            "say a type",
        ),
        (
            lambda: supplied("Database", scope="app"),  # type: ignore[arg-type]
            "supplied() is given an object of type str",
            "the class itself, without quotes",
        ),
        (
            lambda: supplied(Database, scope=3),  # type: ignore[arg-type]
            "supplied() is given scope= with an object of type int",
            'scope="request"',
        ),
    ],
)
def test_argument_of_the_wrong_type(source: Callable[[], Any], said: str, fix: str) -> None:
    """G14: It is a problem of the graph, at the line where it is said, with the right form."""
    error = built(source())
    assert isinstance(error, InvalidProviderError)
    assert said in str(error).replace("\n", " ")
    assert fix in error.fixes[0]
    assert error.place is not None
    assert error.place.file == __file__


def test_what_follows_from_it_is_not_told() -> None:
    """K03: Who needs the provider misses nothing: the rest of the declaration is read."""
    assert isinstance(
        built(declared(provides="Database"), provider(Needy, scope="app")), InvalidProviderError
    )
    assert isinstance(built(declared(scope=5), provider(Needy, scope="app")), InvalidProviderError)


def test_values_under_no_type() -> None:
    """G14: Nothing could ask for them. Their keys may be values themselves, and are not shown."""
    error = built(values={SECRET: Database(), make: Database()})
    text = str(error)
    assert "has a key that is an object of type str" in text
    assert "has a key that is the function make()" in text
    assert "hunter2" not in text


def test_object_in_place_of_a_class() -> None:
    """K12: What Python says of it has the object's text in it, and so is not repeated."""
    error = built(provider(SECRET, scope="app"))  # type: ignore[arg-type]
    assert isinstance(error, InvalidProviderError)
    assert "an object of type str can neither be called nor be entered" in str(error)
    assert "values={Key: object}" in str(error)
    assert "hunter2" not in str(error)


def test_scopes_that_are_one_text() -> None:
    """A text is a sequence, too: of its letters."""
    error = built(scopes="app")
    assert 'say scopes=("app",)' in str(error)
