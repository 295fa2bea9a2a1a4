"""A drawing in the DOT language of Graphviz."""

from collections.abc import Iterator

from lifescope.render._records import Drawing, Kind, Lane, Need, Node, State

__all__ = ["write"]

_COLOURS = {
    State.CAUSE: 'color="#c62828", fillcolor="#fde2e0", penwidth=2',
    State.AFFECTED: 'color="#d97706", fillcolor="#ffedd5", penwidth=2',
}


def write(drawing: Drawing) -> str:
    """The text of the digraph; arrows lead from who needs to what is needed."""
    lines = [
        "digraph lifescope {",
        "    rankdir=LR",
        '    node [shape=box, style="filled", fillcolor="white", fontname="sans-serif"]',
        '    edge [fontname="sans-serif", fontsize=10]',
    ]
    for number, lane in enumerate(drawing.lanes):
        if lane.nodes:
            lines += _lane(drawing, lane, number)
    lines += [_arrow(need) for own in drawing.needs.values() for need in own if need.target]
    return "\n".join([*lines, "}"]) + "\n"


def _lane(drawing: Drawing, lane: Lane, number: int) -> Iterator[str]:
    yield f"    subgraph cluster_{number} {{"
    yield f"        label={_quote(lane.name)}"
    for ident in lane.nodes:
        yield f"        {_quote(ident)} [{_attributes(drawing.nodes[ident])}]"
    yield "    }"


def _attributes(node: Node) -> str:
    lines = [node.title, node.by, *node.marks, node.place]
    attributes = ["label=" + _quote("\n".join(line for line in lines if line))]
    if node.kind is Kind.ENTRY:
        attributes.append("shape=oval")
    elif node.is_handed_in:
        attributes.append('style="filled,rounded"')
    if node.state in _COLOURS:
        attributes.append(_COLOURS[node.state])
    return ", ".join(attributes)


def _arrow(need: Need) -> str:
    label = f"{need.parameter} ({need.relation})" if need.is_later else need.parameter
    attributes = [f"label={_quote(label)}"]
    if need.is_later:
        attributes.append("style=dashed")
    if need.state is State.CAUSE:
        attributes.append('color="#c62828", penwidth=2')
    return f"    {_quote(need.asker)} -> {_quote(need.target or '')} [{', '.join(attributes)}]"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
