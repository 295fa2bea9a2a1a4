"""K04: What is close to a key that nothing provides, and how it is close."""

import pytest

from lifescope import MissingProviderError
from lifescope._model.provider import Nearness, Suggestion
from reading import said
from texts.all_programs import NAMES
from texts.programs import raised

EXPECTED = {
    "missing_left_out": (
        ["declared with provider, but not given to this container"],
        "pass it on: Container(..., open_ledger) (tests/texts/missing.py:222).",
    ),
    "missing_other_name": (
        ["the same type under another name"] * 2,
        'ask for Annotated[Database, Named("primary")].',
    ),
    "missing_subclass": (["a subclass"], "say provides=Storage in @provider of DiskStorage"),
    "missing_base": (["a base class"], "ask for Storage, if that is meant."),
    "missing_other_argument": (
        ["another form of the same generic class"],
        "give Container(...) (tests/texts/missing.py:176) a function marked "
        '@provider(scope="app") that returns or yields Table[Order].',
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
    "missing_mark": (
        ["gives such an object, but is not marked with @provider"],
        'put @provider(scope="app") on open_printer()',
    ),
    "missing_field": (["has a field of that name"], "ask for Settings, and take its port."),
    "missing_other_type": (
        ["gives such an object, but provides it under another type"],
        "ask for Sender.",
    ),
    "missing_optional": (["the same, or None"], "ask for Sender | None, and expect None."),
    "missing_one_of_many": (["one of several, in a list"], "ask for list[Sender]."),
    "missing_bound": (
        ["the same generic class, but for other types", "another form of the same generic class"],
        "correct the type argument: it is for Row, such as Rows[Invoice].",
    ),
    "missing_with_its_list": (
        ["declared with provider, but not given to this container"],
        "pass it on: Container(..., domain)",
    ),
    "missing_near_misses": (
        ["the same type under another name"] * 3,
        'ask for Annotated[Queue, Named("queue 0")].',
    ),
}


def said_of(suggestion: Suggestion) -> str:
    """How a text says that something is close."""
    said = suggestion.nearness.value
    return f"but only for {suggestion.source}" if "for other types" in said else said


@pytest.mark.parametrize("name", EXPECTED)
def test_near_miss_and_the_first_way_out(name: str) -> None:
    """K04: Each kind is told, and what helps if it is what was meant comes first."""
    error = raised(name)
    assert isinstance(error, MissingProviderError)
    kinds, fix = EXPECTED[name]
    assert [each.nearness.value for each in error.suggestions] == kinds
    for each in error.suggestions:
        assert said_of(each) in said(error)
    assert f"Fix: {fix}" in said(error)


def test_every_kind_of_nearness_is_shown() -> None:
    """K04: None is forgotten here."""
    shown = {kind for kinds, _ in EXPECTED.values() for kind in kinds}
    assert shown == {each.value for each in Nearness}
    assert set(EXPECTED) <= set(NAMES)
