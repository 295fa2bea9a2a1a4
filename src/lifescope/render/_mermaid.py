"""A drawing as a Mermaid flowchart."""

from collections.abc import Iterator

from lifescope.render._names import unique
from lifescope.render._records import Drawing, Kind, Lane, Need, Node, State

__all__ = ["write"]

_STYLES = {
    State.CAUSE: "fill:#fde2e0,stroke:#c62828,stroke-width:2px,color:#7f1d1d",
    State.AFFECTED: "fill:#ffedd5,stroke:#d97706,stroke-width:2px,color:#7c3d06",
}


def write(drawing: Drawing) -> str:
    """The text of the flowchart; arrows lead from who needs to what is needed."""
    names = unique(list(drawing.nodes), _identifier)
    lines = ["flowchart LR"]
    for number, lane in enumerate(drawing.lanes):
        if lane.nodes:
            lines += _lane(drawing, names, lane, number)
    arrows = [need for own in drawing.needs.values() for need in own if need.target is not None]
    lines += [f"    {_arrow(names, need)}" for need in arrows]
    lines += _states(drawing, names, arrows)
    return "\n".join(lines) + "\n"


def _lane(drawing: Drawing, names: dict[str, str], lane: Lane, number: int) -> Iterator[str]:
    yield f'    subgraph lane{number} ["{_escape(lane.name)}"]'
    for ident in lane.nodes:
        yield f"        {names[ident]}{_box(drawing.nodes[ident])}"
    yield "    end"


def _box(node: Node) -> str:
    lines = [node.title, node.by, *node.marks, node.place]
    label = "<br>".join(_escape(line) for line in lines if line)
    if node.kind is Kind.ENTRY:
        return f'(["{label}"])'
    return f'("{label}")' if node.is_handed_in else f'["{label}"]'


def _arrow(names: dict[str, str], need: Need) -> str:
    label = f"{need.parameter} ({need.relation})" if need.is_later else need.parameter
    line = "-.->" if need.is_later else "-->"
    assert need.target is not None
    return f'{names[need.asker]} {line}|"{_escape(label)}"| {names[need.target]}'


def _states(drawing: Drawing, names: dict[str, str], arrows: list[Need]) -> Iterator[str]:
    for state, style in _STYLES.items():
        touched = [names[ident] for ident, node in drawing.nodes.items() if node.state is state]
        if touched:
            yield f"    classDef {state.value} {style}"
            yield f"    class {','.join(touched)} {state.value}"
    causes = [str(number) for number, need in enumerate(arrows) if need.state is State.CAUSE]
    if causes:
        yield f"    linkStyle {','.join(causes)} stroke:#c62828,stroke-width:2px"


def _identifier(ident: str) -> str:
    """A name that Mermaid takes; the prefix keeps clear of its own words, such as "end"."""
    return "n_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in ident).strip("_")


def _escape(text: str) -> str:
    """*text* for a label in quotes; what Mermaid would read as markup becomes an entity, with #."""
    return "".join(f"#{ord(c)};" if c in '"#&<>`\\' or c < " " else c for c in text)
