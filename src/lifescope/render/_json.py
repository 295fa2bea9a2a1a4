"""A drawing as JSON, for programs."""

import json as standard
from typing import Any

from lifescope.render._records import Drawing, Kind, Need, Node

__all__ = ["as_data", "write"]


def write(drawing: Drawing) -> str:
    """The text of `as_data`, one value to a line."""
    return standard.dumps(as_data(drawing), indent=2, ensure_ascii=False) + "\n"


def as_data(drawing: Drawing) -> dict[str, Any]:
    """What `lifescope.render.json` documents."""
    return {
        "version": 1,
        "scopes": [
            {"name": lane.name, "acquire": list(lane.acquire), "release": list(lane.release)}
            for lane in drawing.lanes
            if lane.is_scope
        ],
        "providers": [
            _provider(drawing, node)
            for node in drawing.nodes.values()
            if node.kind is Kind.PROVIDER
        ],
        "entry_points": [
            {"id": node.id, "name": node.name, "place": node.place or None, **_wrong(node)}
            | {"needs": [_need(need) for need in drawing.needs[node.id]]}
            for node in drawing.nodes.values()
            if node.kind is Kind.ENTRY
        ],
        "missing": [
            {"id": node.id, "key": node.title, **_wrong(node)}
            | {"needed_by": [_asker(need) for need in drawing.needed_by[node.id]]}
            for node in drawing.nodes.values()
            if node.kind is Kind.MISSING
        ],
        "unreadable": [
            {"id": node.id, "name": node.name, "place": node.place or None, **_wrong(node)}
            for node in drawing.nodes.values()
            if node.kind is Kind.UNREADABLE
        ],
    }


def _provider(drawing: Drawing, node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "keys": list(node.keys),
        "name": node.name or None,
        "scope": node.lane,
        "kind": node.how,
        "place": node.place or None,
        "marks": list(node.marks),
        **_wrong(node),
        "needs": [_need(need) for need in drawing.needs[node.id]],
        "needed_by": [_asker(need) for need in drawing.needed_by[node.id]],
    }


def _need(need: Need) -> dict[str, Any]:
    return {
        "parameter": need.parameter,
        "key": need.key,
        "target": need.target,
        "relation": need.relation or None,
        "otherwise": need.otherwise or None,
        "state": need.state.value,
    }


def _asker(need: Need) -> dict[str, Any]:
    return {"asker": need.asker, "parameter": need.parameter, "relation": need.relation or None}


def _wrong(node: Node) -> dict[str, Any]:
    return {"state": node.state.value, "problems": list(node.problems)}
