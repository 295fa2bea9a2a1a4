"""K01: The programs on the pages about errors do what the pages say."""

import logging
from pathlib import Path
from typing import Any

import pytest

from lifescope import LifescopeError, ScopeClosedError, UnusedProviderError
from pages.programs import CLASSES, CODES, Page, Run, check_message


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs programs as shop.py in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Run(monkeypatch)


def error_of(run: Run, page: Page) -> LifescopeError | None:
    """What the wrong program of the page raises, if anything."""
    try:
        module = run(page.programs[0])
    except LifescopeError as error:
        return error
    return unused(module) if CLASSES[page.code] is UnusedProviderError else None


def unused(module: Any) -> UnusedProviderError | None:
    """The first provider that nothing asks for, as `lifescope check --strict` tells it."""
    graph = module.container.graph
    needed = {edge.provider for provider in graph.providers for edge in graph.needs(provider)}
    found = [p for p in graph.providers if p not in needed and not p.eager]
    return UnusedProviderError(provider=found[0]) if found else None


@pytest.mark.parametrize("code", CODES)
def test_wrong_program_says_what_the_page_shows(
    code: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first program gives an error of the class, with exactly the text on the page."""
    page = Page(code)
    error = error_of(run, page)
    if error is not None:
        assert type(error) is CLASSES[code]
        if isinstance(error, ScopeClosedError):
            error.seconds_ago = 0.2  # how long it is decides where the lines end
        check_message(page, str(error))
    else:  # providers were told
        said = capsys.readouterr().out.removesuffix("\n")
        assert said.startswith(f"[{code}] ")
        check_message(page, said)


@pytest.mark.parametrize("code", CODES)
def test_other_programs_of_the_page_are_right(
    code: str,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The mended program, and every other way out that is shown, runs to its end."""
    _, *mended = Page(code).programs
    assert mended
    for program in mended:
        module = run(program)
        assert CLASSES[code] is not UnusedProviderError or unused(module) is None
        assert "[LS" not in capsys.readouterr().out
        assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
