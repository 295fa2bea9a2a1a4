"""What the page "Draw the graph" shows."""

from pathlib import Path
from typing import Any

from lifescope import Container, GraphError, render
from recipes.many import container


# --8<-- [start:page]
def write_page(file: Path) -> None:
    file.write_text(render.html(container.graph), encoding="utf-8")


# --8<-- [end:page]


# --8<-- [start:failed]
def build(*sources: Any) -> Container:
    try:
        return Container(*sources)
    except GraphError as error:
        Path("graph.html").write_text(render.html(error.graph), encoding="utf-8")
        raise


# --8<-- [end:failed]


# --8<-- [start:drawn]
DRAWN = Path(__file__).with_name("many.mmd")

if __name__ == "__main__":
    DRAWN.write_text(render.mermaid(container.graph), encoding="utf-8")
# --8<-- [end:drawn]
