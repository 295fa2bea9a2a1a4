"""A small graph, of which the documentation shows the plan."""
