"""K04: What is close to a key that nothing provides, and how it is close."""

import pytest

from lifescope import MissingProviderError
from reading import said
from texts.all_programs import NAMES
from texts.programs import raised

EXPECTED = {
    "missing_left_out": (
        ["marked with @provider, but not given to this container"],
        "pass it on: Container(..., open_ledger), or its module.",
    ),
    "missing_other_name": (
        ["the same type under another name"] * 2,
        'ask for Annotated[Database, Named("primary")].',
    ),
    "missing_subclass": (["a subclass"], "say provides=Storage in @provider of DiskStorage"),
    "missing_base": (["a base class"], "ask for Storage, if that is meant."),
    "missing_other_argument": (
        ["another form of the same generic class"],
        'give Container(...) a function marked @provider(scope="app") that returns or yields '
        "Table[Order].",
    ),
    "missing_protocol": (
        ["has all members of the protocol"],
        "say provides=Clock in @provider of SystemClock",
    ),
    "missing_other_module": (
        ["another type that is called the same"],
        "import Repository from texts.elsewhere.",
    ),
    "missing_similar": (["a similar name"], 'put @provider(scope="app") on the class Notifiers'),
    "missing_near_misses": (
        ["the same type under another name"] * 3,
        'ask for Annotated[Queue, Named("queue 0")].',
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_near_miss_and_the_first_way_out(name: str) -> None:
    """K04: Each kind is told, and what helps if it is what was meant comes first."""
    error = raised(name)
    assert isinstance(error, MissingProviderError)
    kinds, fix = EXPECTED[name]
    assert [each.nearness.value for each in error.suggestions] == kinds
    for kind in kinds:
        assert kind in said(error)
    assert f"Fix: {fix}" in said(error)


def test_every_kind_of_nearness_is_shown() -> None:
    """K04: None is forgotten here."""
    from lifescope._model.provider import Nearness

    shown = {kind for kinds, _ in EXPECTED.values() for kind in kinds}
    assert shown == {each.value for each in Nearness}
    assert set(EXPECTED) <= set(NAMES)
