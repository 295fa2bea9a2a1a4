"""From the graph to callables: steps, their order, and the generated code. Knows no event loop."""
