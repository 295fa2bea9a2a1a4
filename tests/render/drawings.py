"""All drawings of all graphs, by the names of their golden files.

As a program it writes them to a file, so that they can be compared with those of this process.
"""

import json
import sys
from pathlib import Path

from lifescope import render
from render import graphs

ENDINGS = {"tree": "txt", "mermaid": "mmd", "dot": "dot", "json": "json", "html": "html"}


def all_drawings() -> dict[str, str]:
    """Name of the golden file to text. The working directory must be the project's."""
    from notes.app import container as notes

    edges = graphs.every_edge()
    override = edges.override({graphs.Index: graphs.fake_index, graphs.Rates: graphs.Secret()})
    entries = graphs.entries(graphs.endpoint, graphs.job)
    drawings = {
        "notes": (notes.graph, []),
        "every_edge": (edges.graph, entries),
        "failed": (graphs.failed().graph, []),
    }
    with override:
        drawings["overridden"] = (edges.graph, [])
    return {
        f"{name}.{ending}": render.draw(graph, each, entries=asked)
        for name, (graph, asked) in drawings.items()
        for each, ending in ENDINGS.items()
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(all_drawings()), encoding="utf-8")
