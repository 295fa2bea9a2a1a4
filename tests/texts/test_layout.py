"""K01: The marks stand below the parameter, and what is too long is cut."""

import itertools
from typing import Any

import pytest

from lifescope import Container, GraphError, MissingProviderError, provider
from reading import pointed_at, said
from texts import golden
from texts.all_programs import NAMES
from texts.programs import raised

SCREEN = 24


class Needed: ...


def asking(name: str, before: int, after: int, length: int = 4) -> Any:
    """A provider that asks for numbers, and among them for what nothing provides."""
    parameters = [
        *(f"{'b' * length}{n}: int" for n in range(before)),
        "needed: Needed",
        *(f"{'a' * length}{n}: int" for n in range(after)),
    ]
    names: dict[str, Any] = {"Needed": Needed}
    exec(f"def {name}({', '.join(parameters)}) -> str: ...", names)
    return provider(names[name], scope="app")


def refused(*sources: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        Container(*sources, provider(lambda: 1, scope="app", provides=int))
    return caught.value


@pytest.mark.parametrize(
    ("before", "after", "length"), list(itertools.product([0, 1, 2, 9], [0, 1, 9], [1, 12]))
)
def test_marks_are_below_the_parameter(before: int, after: int, length: int) -> None:
    """K01: Wherever it stands, and however long the signature is."""
    error = refused(asking("make", before, after, length))
    assert pointed_at(error) == ["needed"]
    assert max(map(len, str(error).splitlines())) <= 80


def test_marks_are_below_the_whole_name() -> None:
    """K01: Not below one with the same beginning."""

    @provider(scope="app")
    def make(need: int, needed_more: int, needed: Needed) -> str: ...

    error = refused(make)
    assert pointed_at(error) == ["needed"]
    line = next(line for line in str(error).splitlines() if "make(" in line)
    marks = next(line for line in str(error).splitlines() if "^" in line)
    assert marks.index("^") == line.index(" needed)") + 1


def test_only_the_parameter_is_shown_of_a_long_signature() -> None:
    """K01: The others would push it off the screen."""
    assert "make(..., needed, ...)" in str(refused(asking("make", 9, 9)))
    assert "make(needed, ...)" in str(refused(asking("make", 0, 19)))
    assert "make(bbbb0, bbbb1, needed)" in str(refused(asking("make", 2, 0)))


def test_place_that_is_too_wide_has_its_own_line(monkeypatch: Any, tmp_path: Any) -> None:
    """K01: Then all have, and the marks still stand below the parameter."""
    monkeypatch.chdir(tmp_path)  # so that places are absolute
    error = refused(asking("make_something_with_a_name_that_is_rather_long", 0, 0))
    assert pointed_at(error) == ["needed"]


def test_steps_of_every_text_end_at_marks() -> None:
    """K01: Each text with a parameter has marks below a name, and below nothing else."""
    for name in NAMES:
        for word in pointed_at(raised(name)):
            assert word.isidentifier(), name


def test_chain_of_5000_fits_one_screen() -> None:
    """K01, C02: Its middle is left out, and both ends are there."""
    text = golden.plain("missing_after_5000_steps")
    assert len(text.splitlines()) <= SCREEN
    for shown in ("make_0(below)", "... 4,994 more ...", "make_4999(below)"):
        assert shown in text
    assert len(golden.plain("cycle_of_many").splitlines()) <= SCREEN


def test_of_many_problems_five_are_told_in_full() -> None:
    """C03: The others have their titles, places and marks; nothing is left out."""
    error = raised("twelve")
    assert isinstance(error, GraphError)
    texts = golden.plain("twelve").split("\n\n1.  ")[1].split("\n\n6.  ")
    assert texts[0].count("  Fix: ") == 5
    assert "Fix" not in texts[1]
    assert len(pointed_at(error)) == 11
    assert texts[1].count("^ nothing provides Missing") == 7
    assert texts[1].count("tests/texts/wiring.py:") == 7


def test_five_mistakes_are_five_entries() -> None:
    """C03: Unrelated ones, each with its own code."""
    error = raised("several")
    assert isinstance(error, GraphError)
    assert len({problem.code for problem in error.problems}) == len(error.problems) == 5
    for number, problem in enumerate(error.problems, 1):
        assert f"{number}. [{problem.code}] " in str(error)
        assert f"  Fix: {problem._told().fixes[0]}"[:40] in str(error)


def test_problem_among_others_has_no_wider_lines() -> None:
    """K01: The numbers take columns, too."""
    gaps = [asking(f"make_{'x' * n}_{n}", 3, 3, 6) for n in range(3, 30)]
    marked = [provider(gap.target, scope="app", name=f"n{n}") for n, gap in enumerate(gaps)]
    others = [type(f"Other{n}", (), {"__module__": __name__}) for n in range(12)]
    more = [_needing(other) for other in others]
    error = refused(*marked, *more)
    assert len(error.problems) == 13
    assert [line for line in str(error).splitlines() if len(line) > 80] == []


def _needing(form: type) -> Any:
    def make(needed_for_something_or_other: Any) -> Any: ...

    make.__annotations__ = {
        "needed_for_something_or_other": form,
        "return": type(form.__name__, (), {}),
    }
    return provider(make, scope="app")


def test_key_that_five_ask_for_is_one_entry() -> None:
    """K03: Two of them are shown, "and 3 more"."""
    error = raised("missing_for_many")
    assert isinstance(error, MissingProviderError)
    assert len(error.others) == 4
    text = str(error)
    assert [n for n in range(5) if f"Invoice{n}" in text] == [0, 1]
    assert "and 3 more" in text


def test_short_names_are_shown_with_modules_where_two_are_alike() -> None:
    """K02: And only there."""
    assert "nothing provides texts.missing.Repository" in str(raised("missing_other_module"))
    assert "texts.elsewhere.Repository" in said(raised("missing_other_module"))
    assert "texts.elsewhere.Repository" in said(raised("wrong_value_of_the_same_name"))
    for name in NAMES:
        if name not in ("missing_other_module", "wrong_value_of_the_same_name"):
            assert "texts.missing." not in golden.plain(name), name


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("missing_")])
def test_at_most_three_near_misses(name: str) -> None:
    """K04: More would not help."""
    told = str(raised(name)).partition("Close to it:\n")[2].partition("\n\n")[0]
    assert told.count("    - ") <= 3
    assert told.count("    - ") == len(getattr(raised(name), "suggestions", ()))
