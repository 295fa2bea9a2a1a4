"""Draws the applications of examples/ for their pages: ``python -m howto.graphs``.

The same as ``lifescope graph notes.app:app --format html -o …``, for each of them.
"""

from pathlib import Path

import chat.app
import notes.app
import shop.app
from lifescope import render

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "assets" / "graphs"

APPS = {
    "notes": (notes.app.container, notes.app.app),
    "chat": (chat.app.container, chat.app.app),
    "shop": (shop.app.container, shop.app.app),
}


def draw(name: str) -> str:
    container, app = APPS[name]
    return render.html(container.graph, entries=app.entries())


if __name__ == "__main__":
    for name in APPS:
        (FOLDER / f"{name}.html").write_text(draw(name), encoding="utf-8")
