"""The HTML drawing in a real browser: issue 6, item 6."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Open
from browser.graphs import many_providers
from lifescope import Container, Lazy, provider, supplied
from notes.app import container as notes
from render import graphs

SCHEMES = ["light", "dark"]
SIZES = [(1280, 900), (390, 800)]


def box(page: Page, ident: str) -> Any:
    return page.locator(f".node[data-id={ident!r}]")


def section(page: Page, heading: str) -> list[str]:
    """The items below a heading of the details."""
    found = page.locator("#details h3", has_text=re.compile(f"^{heading}$"))
    return found.locator("xpath=following-sibling::*[1]").locator("li").all_inner_texts()


def arrows_drawn(page: Page) -> int:
    """Waits until there are arrows; says how many."""
    # Not `wait_for_function`: the page forbids `eval`, which that uses if it has to ask again.
    arrows = page.locator("#arrows > path")
    expect(arrows.first).to_have_attribute("d", re.compile("."))
    return arrows.count()


# --- what is drawn ----------------------------------------------------------------------------


def test_scopes_are_lanes_from_the_widest_to_the_narrowest(open_page: Open) -> None:
    """Each scope is a lane, and everything stands in its own."""
    page = open_page(notes.graph)
    assert page.locator(".lane h2").all_inner_texts() == [
        "app scope",
        "request scope",
        "call scope",
    ]
    tops = [lane.bounding_box()["y"] for lane in page.locator(".lane").all()]
    assert tops == sorted(tops)
    lane = page.locator(".lane", has=page.locator("h2", has_text="request"))
    assert lane.locator(".title").all_inner_texts() == ["AsyncSession", "Announcer"]
    assert arrows_drawn(page) == 7


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_arrows_go_around_boxes(open_page: Open, size: tuple[int, int]) -> None:
    """An arrow touches no box but those at its ends, so it is seen what it connects."""
    for graph in (notes.graph, graphs.every_edge().graph, many_providers(40)):
        page = open_page(graph, viewport={"width": size[0], "height": size[1]})
        assert arrows_drawn(page)
        assert page.evaluate(CROSSED) == []


# The points of a path are computed here: getPointAtLength() goes through all of it for each.
CROSSED = """() => {
  const origin = chart.getBoundingClientRect(), crossed = new Set();
  const places = [...boxes].map(([id, box]) => [id, box.getBoundingClientRect()]);
  function look(edge, x, y) {
    for (const [id, r] of places) {
      const inside = x > r.left + 1 && x < r.right - 1 && y > r.top + 1 && y < r.bottom - 1;
      if (inside) crossed.add(`${edge.from} -> ${edge.to} crosses ${id}`);
    }
  }
  for (const edge of edges) {
    let from = null;
    for (const [, letter, rest] of edge.path.getAttribute("d").matchAll(/([A-Z])([^A-Z]*)/g)) {
      if (!"MLC".includes(letter)) throw Error(`${letter} in a path`);
      const numbers = rest.trim().split(/[ ,]+/).map(Number), points = from ? [from] : [];
      while (numbers.length) points.push(numbers.splice(0, 2));
      from = points.at(-1);
      let length = 0;
      for (let n = 1; n < points.length; n++) {
        length += Math.hypot(points[n][0] - points[n - 1][0], points[n][1] - points[n - 1][1]);
      }
      for (let step = 0, steps = Math.ceil(length / 4); step <= steps; step++) {
        let line = points;
        while (line.length > 1) {
          const at = step / (steps || 1);
          line = line.slice(1).map(([x, y], n) => [
            line[n][0] + (x - line[n][0]) * at, line[n][1] + (y - line[n][1]) * at,
          ]);
        }
        look(edge, line[0][0] + origin.left, line[0][1] + origin.top);
      }
    }
  }
  return [...crossed];
}"""


def test_arrows_that_are_followed_later_are_dashed(open_page: Open) -> None:
    """Lazy, Factory and Current look different, and nothing else does."""
    page = open_page(graphs.every_edge().graph)
    arrows_drawn(page)
    dashed = page.evaluate(
        "edges.filter(e => getComputedStyle(e.path).strokeDasharray !== 'none').map(e => e.to)"
    )
    assert sorted(dashed) == ["Index", "User", "Worker"]


def test_page_is_the_same_each_time(open_page: Open) -> None:
    """K07: Two windows of one size show the same arrows."""
    graph = graphs.every_edge().graph
    ways = []
    for _ in range(2):
        page = open_page(graph)
        arrows_drawn(page)
        ways.append(page.evaluate("edges.map(e => e.path.getAttribute('d'))"))
    assert ways[0] == ways[1]


def test_without_scripts_there_are_boxes(open_page: Open) -> None:
    """A browser that runs no scripts shows what there is, and says what is missing."""
    page = open_page(notes.graph, java_script_enabled=False)
    assert page.locator(".node").count() == 7
    expect(page.locator("body")).to_contain_text("Without JavaScript")


# --- search -----------------------------------------------------------------------------------


def test_search(open_page: Open) -> None:
    """Words are looked for in keys, names, places and marks; the rest fades, and is counted."""
    page = open_page(notes.graph)
    page.get_by_role("searchbox").fill("async session")
    expect(page.locator("#found")).to_have_text("1 of 7")
    assert page.locator(".node.hit .title").all_inner_texts() == ["AsyncSession"]
    assert box(page, "Feed").evaluate("e => getComputedStyle(e).opacity") == "0.3"
    page.get_by_role("searchbox").fill("PROVIDERS.PY")
    expect(page.locator("#found")).to_have_text("7 of 7")
    page.get_by_role("searchbox").fill("nowhere")
    expect(page.locator("#found")).to_have_text("0 of 7")
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#found")).to_have_text("")
    assert box(page, "Feed").evaluate("e => getComputedStyle(e).opacity") == "1"


def test_enter_goes_from_hit_to_hit(open_page: Open) -> None:
    """Enter chooses the first hit, then the next; Shift goes back; the field keeps the focus."""
    page = open_page(notes.graph)
    page.keyboard.press("/")
    page.keyboard.type("async")
    heading = page.locator("#details h2")
    for key, expected in [
        ("Enter", "AsyncClient"),
        ("Enter", "AsyncEngine"),
        ("Enter", "AsyncSession"),
        ("Enter", "Transaction"),  # an async generator
        ("Enter", "AsyncClient"),
        ("Shift+Enter", "Transaction"),
    ]:
        page.keyboard.press(key)
        expect(heading).to_have_text(expected)
    expect(page.get_by_role("searchbox")).to_be_focused()


# --- choosing ---------------------------------------------------------------------------------


def test_click_shows_everything_about_a_provider(open_page: Open) -> None:
    """Its line, needs, ways to the entry points, and what is acquired and released for it."""
    page = open_page(notes.graph)
    box(page, "AsyncSession").click()
    expect(page.locator("#details h2")).to_have_text("AsyncSession")
    place = page.locator("#details code").inner_text()
    assert re.fullmatch(r"(examples/)?notes/providers\.py:\d+", place)
    assert section(page, "Needs") == ["engine: AsyncEngine"]
    assert section(page, "Needed by") == ["Transaction as session", "Announcer as session"]
    assert section(page, "Ways from the entry points") == [
        "Transaction → AsyncSession",
        "Announcer → AsyncSession",
    ]
    order = ["Settings app", "AsyncEngine app", "AsyncSession request"]
    assert section(page, "Acquired for it, in order") == order
    released = ["AsyncSession request", "AsyncEngine app"]
    assert section(page, "Released after it, in order") == released
    expect(page.locator("#details")).to_contain_text("Acquire 1 of 2, release 1 of 1.")


def test_what_is_asked_for_later_is_not_acquired_before(open_page: Open) -> None:
    """What Lazy, Factory and Current lead to is needed, and not acquired for it."""
    page = open_page(graphs.every_edge().graph)
    box(page, "Search").click()
    assert section(page, "Needs") == [
        "index: Index (lazy)",
        "open_worker: Worker (factory)",
        "user: User (current)",
        "cache: Cache | None, not provided: gets None",
        "later: Lazy[Cache | None], not provided: gets None",
        "size: int, not provided: keeps its default",
    ]
    assert section(page, "Acquired for it, in order") == ["Search app"]


def test_chosen_box_shows_its_ways(open_page: Open) -> None:
    """What it needs and what needs it stand out, with the arrows between; the rest does not."""
    page = open_page(notes.graph)
    arrows_drawn(page)
    box(page, "AsyncSession").click()
    assert page.locator(".node.needed .title").all_inner_texts() == ["Settings", "AsyncEngine"]
    assert page.locator(".node.asking .title").all_inner_texts() == ["Announcer", "Transaction"]
    bright = "edges.filter(e => getComputedStyle(e.path).opacity === '1').map(e => e.from)"
    assert page.evaluate(bright) == ["AsyncEngine", "AsyncSession", "Transaction", "Announcer"]
    box(page, "AsyncSession").click()
    expect(page.locator("#details")).to_be_hidden()
    assert len(page.evaluate(bright)) == 7


def test_details_lead_on(open_page: Open) -> None:
    """What is named in the details can be chosen there; the address keeps what is chosen."""
    page = open_page(notes.graph)
    box(page, "AsyncSession").click()
    page.locator("#details").get_by_role("button", name="AsyncEngine").first.click()
    expect(page.locator("#details h2")).to_have_text("AsyncEngine")
    expect(box(page, "AsyncEngine")).to_have_attribute("aria-pressed", "true")
    expect(box(page, "AsyncSession")).to_have_attribute("aria-pressed", "false")
    assert page.url.endswith("#AsyncEngine")
    assert section(page, "Ways from the entry points") == [
        "Transaction → AsyncSession → AsyncEngine",
        "Announcer → AsyncSession → AsyncEngine",
    ]
    again = open_page(notes.graph, at="#AsyncEngine")
    expect(again.locator("#details h2")).to_have_text("AsyncEngine")


def test_keys_do_everything(open_page: Open) -> None:
    """Tab comes to the boxes, arrow keys walk, Enter chooses, Escape lets go."""
    page = open_page(notes.graph)
    expect(page.locator(".node[tabindex='0']")).to_have_count(1)
    page.get_by_role("searchbox").focus()
    page.keyboard.press("Tab")
    expect(box(page, "Settings")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(box(page, "AsyncClient")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(box(page, "AsyncEngine")).to_be_focused()
    outline = "e => getComputedStyle(e).outlineStyle"
    assert box(page, "AsyncEngine").evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#details h2")).to_have_text("AsyncEngine")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#details")).to_be_hidden()
    expect(box(page, "AsyncEngine")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()


# --- readable ---------------------------------------------------------------------------------

CONTRASTS = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    const colour = getComputedStyle(e).backgroundColor;
    return /, 0\\)/.test(colour) ? ground(e.parentElement) : colour;
  };
  const texts = "h1, header p, h2, h3, .node span, dt, dd, li, #details button";
  return [...document.querySelectorAll(texts)].map((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.className || e.tagName];
  });
}"""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_readable_in_light_and_dark(open_page: Open, scheme: Any) -> None:
    """Text has a contrast of at least 4.5 (WCAG 2.1, 1.4.3), also where something is chosen."""
    grounds = []
    for graph in (graphs.every_edge().graph, graphs.failed().graph):
        page = open_page(graph, color_scheme=scheme)
        low = [each for each in page.evaluate(CONTRASTS) if each[0] < 4.5]
        page.locator(".node").nth(2).click()
        low += [each for each in page.evaluate(CONTRASTS) if each[0] < 4.5]
        assert low == []
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert set(grounds) == {"rgb(245, 246, 248)" if scheme == "light" else "rgb(16, 21, 26)"}


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_nothing_sticks_out(open_page: Open, size: tuple[int, int]) -> None:
    """In a narrow window nothing is cut off, and the details leave room for the boxes."""
    long = type("AVeryLongNameOfAClass" * 4, (), {})
    graph = Container(graphs.every_edge(), supplied(long, scope="tenant"), scopes=SCOPES).graph
    page = open_page(graph, viewport={"width": size[0], "height": size[1]})
    box(page, "Index").click()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    sticking = "[...document.querySelectorAll('.node')].filter(e => e.scrollWidth > e.clientWidth)"
    assert page.evaluate(f"{sticking}.length") == 0
    expect(box(page, "Index")).to_be_in_viewport(ratio=1)
    on_top = "() => { const r = boxes.get('Index').getBoundingClientRect();"
    on_top += " const [x, y] = [r.left + 3, r.top + r.height / 2];"
    on_top += " return document.elementFromPoint(x, y).closest('.node, aside').dataset.id; }"
    assert page.evaluate(on_top) == "Index"
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#details")).to_be_hidden()


SCOPES = ("app", "tenant", "request", "call")


def test_failed_graph(open_page: Open) -> None:
    """K08: The cause is red and what it affects is orange, in words too; the rest is not there."""
    page = open_page(graphs.failed().graph)
    expect(page.get_by_role("heading", level=1)).to_have_text("A graph that has failed")
    assert arrows_drawn(page) == 7
    assert page.locator(".node.affected .title").all_inner_texts() == ["Orders", "Worker"]
    assert page.locator(".node.cause").count() == 7
    assert page.locator(".node").count() == 9
    box(page, "Mailer").click()
    assert section(page, "Ways from the entry points") == ["Orders → Mailer"]
    expect(page.locator("#details dd.state, #details .state")).to_have_text(
        "cause, MissingProviderError"
    )
    colours = "e => getComputedStyle(e).borderTopColor"
    page.keyboard.press("Escape")
    assert box(page, "Mailer").evaluate(colours) == "rgb(179, 38, 30)"
    assert box(page, "Orders").evaluate(colours) == "rgb(163, 79, 0)"


# --- whatever the size and the names ----------------------------------------------------------


def test_500_providers(open_page: Open) -> None:
    """Every box has its place, every need its arrow, and the search finds one among 500."""
    graph = many_providers(500)
    page = open_page(graph)
    needs = sum(len(graph.needs(each)) for each in graph.providers)
    assert arrows_drawn(page) == needs > 600
    assert page.locator(".node").count() == 500
    overlaps = page.evaluate(
        "() => { const all = [...boxes.values()].map(b => b.getBoundingClientRect());"
        " return all.filter((a, i) => all.some((b, j) => i < j && a.left < b.right &&"
        " b.left < a.right && a.top < b.bottom && b.top < a.bottom)).length; }"
    )
    assert overlaps == 0
    page.keyboard.press("/")
    page.keyboard.type("make_321")
    expect(page.locator("#found")).to_have_text("1 of 500")
    page.keyboard.press("Enter")
    expect(page.locator("#details h2")).to_have_text("Thing321")
    expect(box(page, "Thing321")).to_be_in_viewport()
    assert 1 <= len(section(page, "Ways from the entry points")) <= 13


def test_no_needs_at_all(open_page: Open) -> None:
    """A graph without a single need is drawn as well, and so is an empty one."""
    page = open_page(Container().graph)
    assert page.locator(".lane .empty").all_inner_texts() == ["Nothing lives in it."] * 3
    page = open_page(Container(supplied(int, scope="app")).graph)
    box(page, "int").click()
    expect(page.locator("#details h2")).to_have_text("int")


def test_names_stay_text(open_page: Open) -> None:
    """Whatever is in a name is shown, and not obeyed."""
    name = "</script><script>document.title='hacked'</script><img src=x onerror=alert(1)>&lt;"

    class Thing: ...

    @provider(scope="app", name=name)
    def make(thing: Lazy[int]) -> Thing: ...

    page = open_page(Container(make, supplied(int, scope="app", name=None)).graph)
    shown = f'Thing (named "{name}")'
    assert shown in page.locator(".node .title").all_inner_texts()
    page.locator(".node", has_text="Thing").click()
    expect(page.locator("#details h2")).to_have_text(shown)
    assert page.title() == "Graph"
    assert page.locator("img").count() == 0
