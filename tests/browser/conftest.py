"""A real browser: Debian's Chromium, without a window, driven by Playwright."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from lifescope import render
from lifescope._graph.graph import Graph

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own.

    Playwright runs an event loop as long as it is there, so this ends with the module: other
    tests have event loops of their own.
    """
    program = shutil.which("chromium")
    assert program, "there is no Chromium: install the Debian package chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a graph, in a window of its own.

    At the end it checks that the page has loaded nothing but itself, and complained of nothing.
    """
    loaded: list[str] = []
    complaints: list[str] = []
    pages: list[Page] = []

    def complain(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    def open_page(graph: Graph, *, at: str = "", **options: object) -> Page:
        file = tmp_path / f"graph{len(pages)}.html"
        file.write_text(render.html(graph), encoding="utf-8")
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        page.set_default_timeout(20_000)
        page.on("request", lambda request: loaded.append(request.url.partition("#")[0]))
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(file.as_uri() + at)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert loaded == [(tmp_path / f"graph{n}.html").as_uri() for n in range(len(pages))]
    assert complaints == []
