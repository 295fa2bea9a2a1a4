"""Graphs of every size and shape: no drawing grows faster than they do."""

import json
import re
import sys
from typing import Any

import pytest

from lifescope import Container, Factory, Named, provider, render, supplied

LENGTH = 2000


def made(cls: type, *needed: Any, scope: str = "app") -> Any:
    """A provider of *cls* that needs *needed*."""

    names = [f"part_{number}" for number in range(len(needed))]
    namespace: dict[str, Any] = {"cls": cls, **dict(zip(names, needed, strict=True))}
    parameters = ", ".join(f"{name}: {name}" for name in names)
    exec(f"def make({parameters}) -> cls: ...", namespace)
    return provider(namespace["make"], scope=scope)


def classes(count: int) -> list[type]:
    return [type(f"Thing{number:04}", (), {}) for number in range(count)]


@pytest.fixture(scope="module")
def chain() -> Any:
    """More providers than Python calls functions below each other; each needs the next."""
    assert sys.getrecursionlimit() < LENGTH
    things = classes(LENGTH)
    needs = [*([thing] for thing in things[1:]), []]
    return Container([made(t, *n) for t, n in zip(things, needs, strict=True)]).graph


@pytest.mark.parametrize("format", render.FORMATS)
def test_long_chain(format: str, chain: Any) -> None:
    """A long chain is drawn without recursion, in a size that goes with its length."""
    text = render.draw(chain, format)
    assert "Thing0000" in text
    assert f"Thing{LENGTH - 1}" in text
    assert len(text) < LENGTH * 1200


def test_long_chain_as_a_tree_is_not_wide(chain: Any) -> None:
    """A deep branch goes on further below, where it starts at the left again."""
    lines = render.tree(chain).splitlines()
    assert max(map(len, lines)) < 200
    assert len(lines) < LENGTH * 1.1
    assert sum("see below" in line for line in lines) == LENGTH // 24


def test_ladder_is_drawn_once() -> None:
    """Where there are 2**20 ways through a graph, each of its parts is spread out once."""
    things = classes(40)
    pairs = [tuple(things[n : n + 2]) for n in range(0, 40, 2)]
    below = [*pairs[1:], ()]
    sources = [made(t, *b) for pair, b in zip(pairs, below, strict=True) for t in pair]
    graph = Container(sources).graph
    assert len(render.tree(graph).splitlines()) == 2 + 4 * 19
    assert render.mermaid(graph).count("-->") == 4 * 19


def test_circle_through_a_factory() -> None:
    """A circle that is allowed is drawn, though nothing stands at its top."""
    one, two = classes(2)
    graph = Container(made(one, Factory[two]), made(two, one)).graph
    lines = [line.partition("  app")[0].rstrip() for line in render.tree(graph).splitlines()]
    assert lines == [
        "Thing0000",
        "└─ part_0: Factory[Thing0001]",
        "   └─ part_0: Thing0000",
    ]
    assert "see above" in render.tree(graph).splitlines()[-1]
    for each in render.FORMATS:
        assert render.draw(graph, each)


@pytest.mark.parametrize(
    "name",
    [
        "end",
        '"quoted"',
        "back\\slash",
        "<b>&amp;</b>",
        "</script><!--",
        "a|b]--> x",
        "`code` #35;",
        "two\nlines",
        "ünïcode 名前",
        "${data}",
    ],
)
def test_names_that_mean_something_elsewhere(name: str) -> None:
    """Whatever a name has in it, it cannot leave its place in any format."""
    [thing] = classes(1)
    graph = Container(supplied(thing, scope="app", name=name)).graph
    mermaid = render.mermaid(graph).splitlines()
    assert len(mermaid) == 4
    assert mermaid[2].count('"') == 2
    dot = render.dot(graph)
    assert len(dot.splitlines()) == 9
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', dot)
    assert f'Thing0000 (named "{name}")' in [DOT_ESCAPE.sub(unescaped, each) for each in quoted]
    html = render.html(graph)
    assert html.count("<script") == html.count("</script>") == 2
    assert html.count("<button") == 1
    assert "<b>" not in html
    data = html.partition('id="data">')[2].partition("</script>")[0]
    assert "<" not in data
    assert json.loads(data) == json.loads(render.json(graph))


DOT_ESCAPE = re.compile(r"\\(.)")


def unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def test_what_is_needed_stands_above() -> None:
    """On the page, what is needed in the same scope is in a row above."""
    one, two, three, four = things = classes(4)
    sources = [made(one, two, three), made(two, three), made(three), made(four, scope="request")]
    html = render.html(Container(sources).graph)
    rows = [re.findall('data-id="(.*?)"', row) for row in html.split('<div class="row">')[1:]]
    assert rows == [[things[n].__name__] for n in (2, 1, 0, 3)]


def test_named_key() -> None:
    """A key with a name is spelled with it."""
    assert Named("replica").name in render.tree(
        Container(supplied(int, scope="app", name="replica")).graph
    )
