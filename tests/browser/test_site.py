"""The pages of docs/ that show a graph: issue 9, item 3."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

ASSETS = Path(__file__).parents[2] / "docs" / "assets"
SITE = "http://site.test/"
PAGE = """<!doctype html><body data-md-color-scheme="default">
<iframe class="graph" src="graphs/notes.html"></iframe><script src="site.js"></script>"""
LIGHT, DARK = "rgb(245, 246, 248)", "rgb(16, 21, 26)"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page as the theme makes it, whose assets are those of the documentation."""

    def answer(route: Route) -> None:
        file = ASSETS / route.request.url.removeprefix(SITE)
        if file.is_file():
            route.fulfill(path=file)
        else:
            route.fulfill(body=PAGE, content_type="text/html")

    page = browser.new_page(color_scheme="light")
    page.set_default_timeout(20_000)
    page.route("**/*", answer)
    page.goto(SITE)
    yield page
    page.close()


def test_graph_is_as_dark_as_its_page(page: Page) -> None:
    """Who switches the site to dark has dark graphs, whatever the browser prefers; and back."""
    background = page.frame_locator("iframe").locator("body")
    expect(background).to_have_css("background-color", LIGHT)
    for scheme, colour in (("slate", DARK), ("default", LIGHT), ("slate", DARK)):
        page.evaluate(f"document.body.dataset.mdColorScheme = '{scheme}'")
        expect(background).to_have_css("background-color", colour)
