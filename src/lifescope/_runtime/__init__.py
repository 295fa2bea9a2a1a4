"""Open scopes and what keeps them right. The lowest layer that knows an event loop."""
