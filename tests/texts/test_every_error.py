"""K01, K12: What holds for the text of each error, whatever it says."""

import copy
import json
import pickle
import re
from typing import Any

import pytest

import lifescope
from lifescope import GraphError, LifescopeError
from texts import golden
from texts.all_programs import NAMES
from texts.programs import PROGRAMS, SECRET, in_root, raised

ESCAPE = re.compile(r"\033\[[\d;]*m")


def texts_of(name: str) -> list[str]:
    error = raised(name)
    with in_root():
        several = error.problems if isinstance(error, GraphError) else (error,)
        texts = [each.describe(brief=brief) for each in several for brief in (False, True)]
        return [str(error), error.describe(brief=True), *texts]


def kinds(error: LifescopeError) -> set[type]:
    problems = error.problems if isinstance(error, GraphError) else ()
    return {type(each) for each in (error, *problems)}


def test_every_class_has_a_program() -> None:
    """K01: Each error that can be raised is brought about, and its text kept."""
    raisable = {
        each
        for each in (
            getattr(lifescope, name) for name in lifescope.errors.__all__ if name != "page"
        )
        if each.code
    }
    assert set().union(*(kinds(raised(name)) for name in NAMES)) == raisable


@pytest.mark.parametrize("name", NAMES)
def test_text_fits_80_columns(name: str) -> None:
    """K01: No line is longer, also of one problem among others, and of a brief text."""
    for text in texts_of(name):
        assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_line_ends_with_a_space(name: str) -> None:
    """K01: Nor is there more than one empty line, or a tab."""
    for text in texts_of(name):
        assert re.search(r"[ \t]$|\t|\n\n\n", text, re.MULTILINE) is None


@pytest.mark.parametrize("name", NAMES)
def test_colour_changes_no_word(name: str) -> None:
    """K01: Without its escape sequences, the coloured text is the plain one."""
    coloured = raised(name).describe(colour=True)
    assert "\033" in coloured
    assert ESCAPE.sub("", coloured) == str(raised(name))
    assert "\033" not in str(raised(name))


@pytest.mark.parametrize("name", NAMES)
def test_no_value_is_in_a_text(name: str) -> None:
    """K12: Neither what is handed in, nor defaults, nor what somebody else's error says."""
    error = raised(name)
    told = [*texts_of(name), error.describe(colour=True), json.dumps(error.as_data())]
    assert [text for text in told if SECRET in text] == []


def test_programs_have_secrets() -> None:
    """K12: The test before could not fail without them."""
    using = [name for name, function in PROGRAMS.items() if "SECRET" in _names(function.__code__)]
    assert len(using) >= 15


def _names(code: Any) -> set[str]:
    inner = [each for each in code.co_consts if hasattr(each, "co_names")]
    return set(code.co_names).union(*map(_names, inner))


@pytest.mark.parametrize("name", NAMES)
def test_data_is_json(name: str) -> None:
    """K01: What programs read says the same, and says it in JSON."""
    error = raised(name)
    with in_root():
        data = json.loads(json.dumps(error.as_data()))
        first = str(error).splitlines()[0]
    assert data["code"] == error.code
    assert data["error"] == type(error).__name__
    assert first.startswith(f"[{data['code']}] ")
    assert f"[{data['code']}] {data['title']}".startswith(first)
    problems = data.get("problems", [])
    assert [each["error"] for each in problems] == [
        type(each).__name__ for each in getattr(error, "problems", ()) if each is not error
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_duplicate_keeps_its_text(name: str, duplicate: Any) -> None:
    """K01: Also where what it is about cannot be pickled, such as classes in a function."""
    error = raised(name)
    other = duplicate(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert other.as_data() == error.as_data()
    assert other.describe(colour=True) == error.describe(colour=True)


@pytest.mark.parametrize("name", NAMES)
def test_text_leads_to_the_page_about_it(name: str) -> None:
    """K01: The last line says how to read more."""
    assert str(raised(name)).splitlines()[-1].endswith(f"lifescope explain {_code(name)}")


def _code(name: str) -> str:
    error = raised(name)
    return error.problems[0].code if isinstance(error, GraphError) else error.code


@pytest.mark.parametrize("name", NAMES)
def test_text_says_what_to_do(name: str) -> None:
    """K01: But for what is no mistake, or is in other errors."""
    with_fixes = "  Fix: " in golden.plain(name)
    assert with_fixes or raised(name).code in ("LS307", "LS309")
