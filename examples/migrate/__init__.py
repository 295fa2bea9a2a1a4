"""One small app, wired by FastAPI's Depends, dishka, wireup and dependency-injector, and by us."""
