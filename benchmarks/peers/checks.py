"""What has to be so for two contestants to have done the same work. Never in a timed loop."""

from collections.abc import Sequence
from typing import Any

from benchmarks.peers.contestants.contestant import UNORDERED
from benchmarks.peers.graphs import Graph
from benchmarks.peers.graphs.diamond import Root
from benchmarks.peers.graphs.published import Dense

NOT_REVERSED = "releases respect dependencies, but are not the reverse of the set-ups"


class WrongWorkError(Exception):
    """A contestant has not done what the workload is about."""


def require(condition: bool, what: str) -> None:
    """Raise unless *condition* holds; *what* says what is wrong."""
    if not condition:
        raise WrongWorkError(what)


def check_roots(graph: Graph, roots: Sequence[Any], remarks: list[str]) -> None:
    """Check the roots of scopes that have been left, each from a scope of its own.

    Adds to *remarks* where a contestant does less than the others, but not wrong.
    """
    require(
        all(type(root) is graph.root for root in roots), f"not a {graph.root.__name__}: {roots[:1]}"
    )
    _check_sharing(roots)
    if graph.root is Root:
        _check_diamond(roots)
    if graph.root is Dense:
        _check_published(roots)
    if graph.has_releases:
        for root in roots:
            _check_releases(root, remarks)


def _check_sharing(roots: Sequence[Any]) -> None:
    """Between two scopes nothing is shared that is request-scoped."""
    _require_different(roots)
    _require_different([made[0] for root in roots if (made := _resources(root))])


def _require_different(objects: Sequence[Any]) -> None:
    require(len({id(each) for each in objects}) == len(objects), "two scopes have shared an object")


def _check_diamond(roots: Sequence[Any]) -> None:
    for root in roots:
        session = root.session
        users = (root.users, root.billing.orders, root.billing.mailer)
        require(all(user.session is session for user in users), "two sessions in one scope")
        require(session.pool is roots[0].session.pool, "two pools in one app")
        require(root.billing.mailer.settings is session.pool.settings, "two settings in one app")


def _check_published(roots: Sequence[Any]) -> None:
    for root in roots:
        require(
            all(each.c is root.c for each in (root.d, root.e, root.f, root.g, root.h)),
            "two objects of one class in one scope",
        )
        require(
            root.i.f is root.f and root.i.e is root.g.e is root.e,
            "two objects of one class in one scope",
        )


def _resources(root: Any) -> list[Any]:
    """What has a release, of the objects of one scope."""
    if isinstance(root, Root):
        return [root.session, root.billing.orders, root.billing.mailer]
    return [root.h, root.i] if isinstance(root, Dense) else []


def _check_releases(root: Any, remarks: list[str]) -> None:
    """Each release has come to its end before the scope was left, the last set-up's first."""
    made = _resources(root)
    require(all(each.opened for each in made), "a set-up has not run")
    require(all(each.closed for each in made), "a release has not run before the scope was left")
    opened = sorted(made, key=lambda each: each.opened)
    closed = sorted(made, key=lambda each: -each.closed)
    if isinstance(root, Root) and closed[0] is not root.session:
        _remark(remarks, UNORDERED)
    elif opened != closed:
        _remark(remarks, NOT_REVERSED)


def _remark(remarks: list[str], text: str) -> None:
    if text not in remarks:
        remarks.append(text)
