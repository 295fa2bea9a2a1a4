"""K01: Every error has a code and a page, and each page has the same form."""

import re
from pathlib import Path

import pytest

from lifescope import GraphError, LifescopeError, OverrideError, errors
from pages.programs import CLASSES, CODES, FOLDER, Page

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "reference" / "errors"
HOW_TO = [
    path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    for path in (ROOT / "docs" / "how-to").glob("*.md")
]


def prose_of(code: str) -> str:
    """A page without its programs and messages."""
    return re.sub(r"^```\w*\n.*?^```$", "", Page(code).text, flags=re.MULTILINE | re.DOTALL)


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.md") if path.stem != "index")


def test_every_concrete_class_has_a_code_of_its_own() -> None:
    """Only bases that are never raised have none."""
    classes = [getattr(errors, name) for name in errors.__all__ if name != "page"]
    assert {error for error in classes if not error.code} == {LifescopeError, OverrideError}
    assert len(CLASSES) == len(classes) - 2
    assert all(re.fullmatch(r"LS[1-5]\d\d", code) for code in CODES)
    assert all((code < "LS2") == issubclass(error, GraphError) for code, error in CLASSES.items())


def test_codes_and_pages_are_one_to_one() -> None:
    """No page is missing, in the package or on the site, and none is left over."""
    assert names(FOLDER) == CODES
    assert names(SITE) == CODES


@pytest.mark.parametrize("code", CODES)
def test_page_on_the_site_is_the_one_of_the_package(code: str) -> None:
    """The site includes what the command line prints."""
    included = (SITE / f"{code}.md").read_text(encoding="utf-8")
    assert included == f'--8<-- "src/lifescope/errors/pages/{code}.md"\n'


def test_index_lists_every_code_with_its_class() -> None:
    """The table has one row for each, in the order of the codes, with a link to its page."""
    rows = re.findall(
        r"^\| \[(LS\d{3})\]\((\w+)\.md\) \| `(\w+)` \| [^|]+ \|$",
        (SITE / "index.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert rows == [(code, code, CLASSES[code].__name__) for code in CODES]


@pytest.mark.parametrize("code", CODES)
def test_page_has_the_form_of_all_others(code: str) -> None:
    """Title, reason, a wrong program, its message, the mended one; and what else it may be."""
    lines = Page(code).text.splitlines()
    assert lines[0] == f"# {code}: {CLASSES[code].__name__}"
    marks = [line for line in lines[1:] if line.startswith(("#", "```")) and line != "```"]
    assert marks[:4] == ["```python", "```text", "## Mended", "```python"]
    assert set(marks[4:-1]) <= {"```python"}
    assert marks[-1] == "## When it is something else"
    assert len(lines) <= 95


@pytest.mark.parametrize("code", CODES)
def test_page_can_be_read_in_a_terminal(code: str) -> None:
    """At most 80 columns, and nothing that only a browser understands."""
    assert [line for line in Page(code).text.splitlines() if len(line) > 80] == []
    outside = re.sub(r"`[^`\n]*`", "", prose_of(code))
    assert re.findall(r"<\w|!!!|\?\?\?|--8<--|\]\(|&\w+;", outside) == []


@pytest.mark.parametrize("code", CODES)
def test_what_a_page_refers_to_exists(code: str) -> None:
    """Other codes, and the titles of other pages in quotation marks."""
    prose = " ".join(prose_of(code).split())
    assert set(re.findall(r"LS\d{3}", prose)) <= set(CODES)
    assert set(re.findall(r'see "([^"]+)"', prose)) <= set(HOW_TO)


@pytest.mark.parametrize(
    "code", ["", "LS999", "ls101", "LS101.md", "../LS101", "LS10\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_unknown_code(code: str) -> None:
    """What is no code of an error is a LookupError, and never another file."""
    with pytest.raises(LookupError, match="there is no error with the code"):
        errors.page(code)
