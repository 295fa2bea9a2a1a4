"""@inject where all annotations are strings: what other libraries read of the function."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import pytest

from lifescope import Container, Inject, inject, provider

if TYPE_CHECKING:
    from decimal import Decimal

pytestmark = pytest.mark.anyio


@provider(scope="app")
class Repository:
    pass


class Item:
    pass


async def order(
    item: Item, n: int | None, tag: Annotated[str, "metadata"], repository: Inject[Repository]
) -> list[Item]:
    assert isinstance(repository, Repository)
    return [item]


def test_signature_has_types():
    """What is not injected is there as a type, for libraries that ask for `eval_str=True`."""
    signature = inspect.signature(inject(order), eval_str=True)
    annotations = {name: p.annotation for name, p in signature.parameters.items()}
    assert annotations == {"item": Item, "n": int | None, "tag": Annotated[str, "metadata"]}
    assert signature.return_annotation == list[Item]


def test_type_hints_are_those_of_the_function():
    """`get_type_hints` gives the same."""
    hints = get_type_hints(inject(order), include_extras=True)
    assert hints == {
        "item": Item,
        "n": int | None,
        "tag": Annotated[str, "metadata"],
        "return": list[Item],
    }


def test_local_names():
    """Types of the function around it are found as well."""

    class Local:
        pass

    @inject
    def use(local: Local, repository: Inject[Repository]) -> None:
        return None

    signature = inspect.signature(use, eval_str=True)
    assert signature.parameters["local"].annotation is Local
    assert signature.return_annotation is None


def test_what_only_type_checkers_know():
    """An annotation that cannot be evaluated stays the text that it is."""

    @inject
    def use(price: Decimal, other: int, repository: Inject[Repository]) -> Any:
        return price

    parameters = inspect.signature(use).parameters
    assert parameters["price"].annotation == "Decimal"
    assert parameters["other"].annotation is int


async def test_call():
    """It can be called as ever."""
    item = Item()
    async with Container(Repository).open():
        assert await inject(order)(item, n=1, tag="a") == [item]  # type: ignore[call-arg]
