"""Graphs that are only drawn."""

import random
from typing import Any

from lifescope import Container, provider
from lifescope._graph.graph import Graph


def many_providers(count: int) -> Graph:
    """*count* providers in three scopes, most of which need one to three others."""
    chance = random.Random(3)
    things: list[type] = []
    sources: list[Any] = []
    for number in range(count):
        scope = ("app", "app", "request", "call")[4 * number // count]
        parts = chance.sample(things[-60:], min(len(things), chance.choice((0, 1, 1, 2, 3))))
        names = {f"Part{n}": part for n, part in enumerate(parts)}
        thing = type(f"Thing{number:03}", (), {})
        parameters = ", ".join(f"{name.lower()}: {name}" for name in names)
        namespace: dict[str, Any] = {"Thing": thing, **names}
        exec(f"def make_{number:03}({parameters}) -> Thing: ...", namespace)
        sources.append(provider(namespace[f"make_{number:03}"], scope=scope))
        things.append(thing)
    return Container(sources).graph
