"""The cases, by group; importing a module adds its cases to the table."""

from benchmarks.conformance.cases import (
    a_lifetimes,
    b_graph,
    c_checks,
    d_outcome,
    d_release,
    e_cancellation,
    f_concurrency,
    h_binding,
    j_web,
    k_errors,
)
from benchmarks.conformance.harness import ALL, Case

GROUPS = (
    a_lifetimes,
    b_graph,
    c_checks,
    d_release,
    d_outcome,
    e_cancellation,
    f_concurrency,
    h_binding,
    j_web,
    k_errors,
)

CASES: list[Case] = sorted(ALL, key=lambda case: case.id.split()[0])
"""The rows, by number."""
